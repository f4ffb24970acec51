"""The exchange's state as bytes and back: the body of a snapshot (decisions C10).

What stands in it is the domain's business; here it is tied to the log that it belongs to.
"""

from typing import Any, NamedTuple

import msgspec

from twilight.core.durability.snapshot import DamagedSnapshot
from twilight.domain.books import snapshot
from twilight.domain.books.state import State


class _Body(msgspec.Struct):
    format: int
    log_id: str
    next_offset: int
    next_intent: int
    taken_ns: int
    state: dict[str, Any]


class Saved(NamedTuple):
    """A state, the offsets at which the log and the topic of intents go on, and when the snapshot was taken."""

    state: State
    next_offset: int
    next_intent: int
    taken_ns: int


def dump(state: State, log_id: str, next_offset: int, next_intent: int, taken_ns: int) -> bytes:
    """Return the body of a snapshot after which the log ``log_id`` goes on at ``next_offset``.

    The topic of intents may be read again from before ``next_intent``, never from after it.
    """
    body = _Body(snapshot.FORMAT, log_id, next_offset, next_intent, taken_ns, snapshot.dump(state))
    return msgspec.json.encode(body)


def load(body: bytes, log_id: str) -> Saved:
    """Return what `dump` was given.

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
    return Saved(state, saved.next_offset, saved.next_intent, saved.taken_ns)
