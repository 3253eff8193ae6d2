from typing import final

from fourthwatch.model.booster import Vector

Tree = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]

@final
class Forest:
    def margin(self, values: Vector, /) -> float: ...
    def contributions(self, values: Vector, /) -> list[float]: ...

def packed(width: int, trees: list[Tree], /) -> Forest | None: ...
