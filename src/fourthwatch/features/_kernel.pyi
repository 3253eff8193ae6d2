from fourthwatch.features.specification import Kernel as Kernel

THINGS_EXACT_MAX: int
LATEST_KEPT_MAX: int
SERIES_MAX: int
KINDS_MAX: int
QUERIES_MAX: int
SOURCES_MAX: int
HUB_USERS: int
NEIGHBOURS_PER_STEP_MAX: int
NEIGHBOURS_MAX: int
