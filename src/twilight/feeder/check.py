"""Run a vector file against the index and say what differs."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from twilight.domain.index import vectors
from twilight.ops.errors import Corrupt


class VectorReport(NamedTuple):
    """How many checked ticks there were, how many were exact, and a line for each difference."""

    exact: int
    total: int
    mismatches: tuple[str, ...]


def check_file(path: Path) -> VectorReport:
    """Return the report of a file of index vectors.

    Raises:
        Corrupt: the file has another shape.
    """
    try:
        results = list(vectors.run(msgspec.json.decode(path.read_bytes())))
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Corrupt(f"{path} is no file of index vectors: {type(error).__name__} {error}") from None
    except OSError as error:
        raise Corrupt(f"{path} cannot be read: {error.strerror}") from None
    lines = (f"{r.scenario} at {r.t_ms} ms: {text}" for r in results for text in r.differences)
    return VectorReport(sum(not r.differences for r in results), len(results), tuple(lines))
