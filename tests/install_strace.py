"""Installs strace where it is missing: the fault tests break system calls with it. Does nothing where it is there."""

import os
import shutil
import subprocess
import sys

_HINT = "the fault tests need strace; install it with your system's package manager and run this again"
_COMMANDS = (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "--no-install-recommends", "strace"])


def main() -> int:
    """Exit code: 0 when strace is there at the end."""
    if shutil.which("strace") is not None:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"strace is missing, and this user cannot install it here: {_HINT}", file=sys.stderr)
        return 1
    print("installing strace for the fault tests", file=sys.stderr)
    for command in _COMMANDS:
        ended = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
        if ended.returncode != 0:
            told = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            print(f"`{' '.join(command)}` failed, {_HINT}:", *told, sep="\n  ", file=sys.stderr)
            return 1
    return 0 if shutil.which("strace") is not None else 1


if __name__ == "__main__":
    sys.exit(main())
