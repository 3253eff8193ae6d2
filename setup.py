"""The one part that is compiled; where there is no compiler the package is built without it, and works, slower."""

from setuptools import Extension, setup  # type: ignore[import-untyped]

setup(
    ext_modules=[
        Extension(
            "fourthwatch.features._kernel",
            ["src/fourthwatch/features/_kernel.c"],
            depends=["src/fourthwatch/features/_kernel_state.h"],
            extra_compile_args=["-O2", "-std=c11", "-Wall", "-Wextra"],
            optional=True,
        )
    ]
)
