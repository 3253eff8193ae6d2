"""Installs programs that the tests use where they are missing: `install_programs.py strace browser`.

Does nothing where they are there.
"""

import os
import shutil
import subprocess
import sys
from typing import NamedTuple


class Wanted(NamedTuple):
    """Programs that belong together."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    what_for: str


_WANTED = {
    "strace": Wanted(("strace",), ("strace",), "the fault tests break system calls with strace"),
    "browser": Wanted(
        ("chromium", "chromedriver"), ("chromium", "chromium-driver"),
        "the console's tests drive Chromium with chromedriver",
    ),
}  # fmt: skip
_HINT = "install it with your system's package manager and run this again"


def main(wanted: Wanted) -> int:
    """Exit code: 0 when all of them are there at the end."""
    if _are_there(wanted):
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"{wanted.what_for}, and this user cannot install it here: {_HINT}", file=sys.stderr)
        return 1
    print(f"installing {', '.join(wanted.packages)}: {wanted.what_for}", file=sys.stderr)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *wanted.packages]
    for command in (["apt-get", "update", "-q"], install):
        ended = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
        if ended.returncode != 0:
            told = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            print(f"`{' '.join(command)}` failed; {wanted.what_for}; {_HINT}:", *told, sep="\n  ", file=sys.stderr)
            return 1
    return 0 if _are_there(wanted) else 1


def _are_there(wanted: Wanted) -> bool:
    return all(shutil.which(program) for program in wanted.programs)


if __name__ == "__main__":
    sys.exit(max(main(_WANTED[name]) for name in sys.argv[1:]))
