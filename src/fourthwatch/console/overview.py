"""The first page: today, what waits, and whether the house is in order."""

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.visit import Visit


class Overview:
    """Handler of `/console`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Its row."""
        return [Page("GET", "", "viewer", self.overview)]

    async def overview(self, visit: Visit) -> Response:
        """Today at a glance."""
        return self._looks.page("overview.html", visit)
