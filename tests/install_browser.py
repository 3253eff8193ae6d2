"""Installs Chromium and its driver where they are missing; the tests of the console drive it."""

import os
import shutil
import subprocess
import sys

_PROGRAMS = ("chromium", "chromedriver")
_PACKAGES = ("chromium", "chromium-driver")
_HINT = "the console's tests need Chromium and chromedriver; install them with your system's package manager"
_COMMANDS = (
    ["apt-get", "update", "-q"],
    ["apt-get", "install", "-q", "-y", "--no-install-recommends", *_PACKAGES],
)


def main() -> int:
    """Exit code: 0 when both are there at the end."""
    if all(shutil.which(program) for program in _PROGRAMS):
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"a browser is missing, and this user cannot install it here: {_HINT}", file=sys.stderr)
        return 1
    print("installing Chromium for the tests of the console", file=sys.stderr)
    for command in _COMMANDS:
        ended = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
        if ended.returncode != 0:
            told = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            print(f"`{' '.join(command)}` failed, {_HINT}:", *told, sep="\n  ", file=sys.stderr)
            return 1
    return 0 if all(shutil.which(program) for program in _PROGRAMS) else 1


if __name__ == "__main__":
    sys.exit(main())
