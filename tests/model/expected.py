"""What the model expects to read in the log, and the marks for what the specification leaves open."""

from typing import Any, NamedTuple


class Anything:
    """Equal to whatever stands there: the specification does not say."""

    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ANYTHING"


class Code:
    """Equal to a reason that begins with this code, followed by an end or by other text."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Code):
            return self.code == other.code
        if not isinstance(other, str) or not other.startswith(self.code):
            return False
        rest = other[len(self.code) :]
        return not rest or not (rest[0].isalnum() or rest[0] in "_:")

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        return f"Code({self.code!r})"


class SomeText:
    """Equal to any text that is not empty."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(other)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "SOME_TEXT"


class AtLeast:
    """Equal to a mapping that has all these members."""

    def __init__(self, **members: str) -> None:
        self.members = members

    def __eq__(self, other: object) -> bool:
        found = other or {}
        return isinstance(found, dict) and self.members.items() <= found.items()

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"AtLeast({self.members!r})"


ANYTHING = Anything()
SOME_TEXT = SomeText()
HASHED = "<hash>"
"""Stands for a transaction hash; `observed.py` puts it where it finds one."""


class Event(NamedTuple):
    """One record of the log: kind, key's agg id, content, key's metadata."""

    kind: str
    agg_id: Any
    value: Any
    metadata: Any
