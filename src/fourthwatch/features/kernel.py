"""The kernel of the windows: the compiled one, or the specification where it could not be built; both do the same."""

from fourthwatch.features.modes import Mode, Op

try:
    from fourthwatch.features._kernel import Kernel

    COMPILED = True
except ImportError:
    from fourthwatch.features.specification import Kernel

    COMPILED = False

__all__ = ["COMPILED", "Kernel", "Mode", "Op"]
