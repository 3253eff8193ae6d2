"""Which positions of the ledger have been added to the windows, and to series whose past is still being counted."""


class Applied:
    """Ledger positions that were added: all up to one, and some beyond it."""

    def __init__(self, up_to: int = 0) -> None:
        self.up_to = up_to
        self._beyond: set[int] = set()

    def add(self, seq: int) -> bool:
        """Take a position in; `False` when it was in already."""
        if seq == self.up_to + 1 and not self._beyond:
            self.up_to = seq
            return True
        if seq <= self.up_to or seq in self._beyond:
            return False
        self._beyond.add(seq)
        while self.up_to + 1 in self._beyond:
            self.up_to += 1
            self._beyond.remove(self.up_to)
        return True


class Lack:
    """Positions that series whose past is being counted have not got yet: those after `done` and up to `total`."""

    def __init__(self, total: int = 0) -> None:
        self.done = 0
        self.total = total

    def has(self, seq: int) -> bool:
        """Whether the event at a position is in."""
        return seq <= self.done or seq > self.total
