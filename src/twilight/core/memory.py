"""The exchange's state as bytes and back: the body of a snapshot (decisions C10).

What stands in it is the domain's business; here it is tied to the log that it belongs to.
"""

from typing import Any

import msgspec

from twilight.core.snapshot import DamagedSnapshot
from twilight.domain import snapshot
from twilight.domain.state import State


class _Body(msgspec.Struct):
    format: int
    log_id: str
    next_offset: int
    taken_ns: int
    state: dict[str, Any]


def dump(state: State, log_id: str, next_offset: int, taken_ns: int) -> bytes:
    """Return the body of a snapshot after which the log ``log_id`` goes on at ``next_offset``."""
    return msgspec.json.encode(_Body(snapshot.FORMAT, log_id, next_offset, taken_ns, snapshot.dump(state)))


def load(body: bytes, log_id: str) -> tuple[State, int, int]:
    """Return the state, the offset at which the log goes on, and when the snapshot was taken.

    Raises `DamagedSnapshot` when the body belongs to another log, or to a build that remembers something else.
    """
    try:
        saved = msgspec.json.decode(body, type=_Body)
        if saved.format != snapshot.FORMAT:
            raise DamagedSnapshot(f"expected a state of format {snapshot.FORMAT}, found {saved.format}")
        if saved.log_id != log_id:
            raise DamagedSnapshot(f"expected a state of the log {log_id}, found one of {saved.log_id}")
        state = snapshot.load(saved.state)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError) as error:
        raise DamagedSnapshot(f"expected a saved state: {type(error).__name__}: {error}") from error
    return state, saved.next_offset, saved.taken_ns
