"""Pins requirements with hashes; names no package index, so that anybody's own is used."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
UV = Path(sys.executable).parent / "uv"
OPTIONS = ("--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate")


def main() -> None:
    """Lock every `.in` file here."""
    if not UV.exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
    for name in ("run", "build", "dev"):
        command = [str(UV), "--no-config", "pip", "compile", *OPTIONS, f"{name}.in", "-o", f"{name}.txt"]
        subprocess.run(command, cwd=HERE, env=environment, check=True)


if __name__ == "__main__":
    main()
