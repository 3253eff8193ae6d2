"""The parts that are compiled; where there is no compiler the package is built without them, and works, slower."""

from setuptools import Extension, setup  # type: ignore[import-untyped]

_C = ["-O2", "-std=c11", "-Wall", "-Wextra"]

setup(
    ext_modules=[
        Extension(
            "fourthwatch.features._kernel",
            ["src/fourthwatch/features/_kernel.c"],
            depends=["src/fourthwatch/features/_kernel_state.h"],
            extra_compile_args=_C,
            optional=True,
        ),
        Extension("fourthwatch.wire._scan", ["src/fourthwatch/wire/_scan.c"], extra_compile_args=_C, optional=True),
    ]
)
