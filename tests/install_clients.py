"""Install the old service's Python clients, each version in a directory of its own under `.cache/clients`.

They cannot be installed side by side, so tests run each with its own `PYTHONPATH`. Run again, it does nothing: a stamp
holds the digest of the requirements file that a directory was made from.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("0.0.1", "0.0.2", "0.0.3")
_STAMP = ".installed-from"


def directory_of(version: str) -> Path:
    """Where this version goes; what to put into `PYTHONPATH`."""
    return ROOT / ".cache" / "clients" / version


def is_installed(version: str) -> bool:
    """Whether the directory was made, to its end, from the requirements file as it is now."""
    stamp = directory_of(version) / _STAMP
    return stamp.is_file() and stamp.read_text() == _digest(version)


def install(version: str) -> None:
    """Make the directory anew; it appears only when it is complete."""
    target = directory_of(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as parent:
        fresh = Path(parent) / version
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        command += ["--no-build-isolation", "--no-deps", "--require-hashes", "--target", str(fresh)]
        subprocess.run([*command, "--requirement", str(_requirements(version))], check=True)
        (fresh / _STAMP).write_text(_digest(version))
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)


def main() -> None:
    """All versions that are not there yet."""
    for version in VERSIONS:
        if not is_installed(version):
            print(f"installing thirdwatch-api {version} for the tests", file=sys.stderr)
            install(version)


def _requirements(version: str) -> Path:
    return ROOT / "requirements" / "clients" / f"{version}.txt"


def _digest(version: str) -> str:
    return hashlib.sha256(_requirements(version).read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
