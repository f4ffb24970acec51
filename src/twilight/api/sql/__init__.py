"""Every statement that the API runs, by name: ``-- name: <name>`` in the files of this folder."""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(folder: Traversable) -> dict[str, LiteralString]:
    """Return the statements of the folder's ``.sql`` files by name; a name stands for one statement."""
    found: dict[str, LiteralString] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        _, *pieces = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(pieces[::2], pieces[1::2], strict=True):
            if name in found:
                raise ValueError(f"query {name} is written twice")
            found[name] = cast("LiteralString", text.strip().removesuffix(";"))
    return found


QUERIES = load(resources.files(__name__))
