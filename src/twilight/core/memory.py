"""The exchange's state as bytes and back: the body of a snapshot (decisions C10).

Follows the fields of `State`, so that what the domain remembers tomorrow is kept without a change here. The
shape is written beside the values: a body of another shape is not guessed at, the log is read instead.
"""

from dataclasses import fields
from hashlib import sha256
from typing import Any, get_type_hints

import msgspec

from twilight.core.snapshot import DamagedSnapshot
from twilight.domain.pool import LendPool, PoolBatchOrder
from twilight.domain.state import State
from twilight.domain.triggers import Triggers

Members = dict[str, list[tuple[str, int]]]

_HINTS = get_type_hints(State)
_POOL_HINTS = {name: hint for name, hint in get_type_hints(LendPool).items() if name != "pending_orders"}
_Pool = msgspec.defstruct("_Pool", list(_POOL_HINTS.items()))
_SAVED_AS: dict[str, Any] = {"pool": _Pool, "triggers": Members}
_FIELDS = [(field.name, _SAVED_AS.get(field.name, _HINTS[field.name])) for field in fields(State)]
_Saved = msgspec.defstruct("_Saved", _FIELDS, forbid_unknown_fields=True)


class _Body(msgspec.Struct):
    shape: str
    log_id: str
    next_offset: int
    taken_ns: int
    state: msgspec.Raw


SHAPE = sha256(repr(_FIELDS + list(_POOL_HINTS.items())).encode()).hexdigest()


def dump(state: State, log_id: str, next_offset: int, taken_ns: int) -> bytes:
    """Return the body of a snapshot after which the log ``log_id`` goes on at ``next_offset``.

    The domain's own `dump` makes plain structures for anyone; this lets msgspec read the records, because
    the loop of the core stands still meanwhile.
    """
    state.sync()  # an hour of funding stands in the ledgers until a position is looked at
    values = {field.name: getattr(state, field.name) for field in fields(State)}
    if state.pool.pending_orders.trader_order_data:
        raise ValueError("expected a state between two inputs, found a pool with pending orders")
    values["pool"] = {name: getattr(state.pool, name) for name in _POOL_HINTS}
    values["triggers"] = {name: list(getattr(state.triggers, name)) for name in Triggers.NAMES}
    head = {"shape": SHAPE, "log_id": log_id, "next_offset": next_offset, "taken_ns": taken_ns}
    return msgspec.json.encode({**head, "state": values})


def load(body: bytes, log_id: str) -> tuple[State, int, int]:
    """Return the state, the offset at which the log goes on, and when the snapshot was taken.

    Raises `DamagedSnapshot` when the body belongs to another log, or to a build that remembers something else.
    """
    try:
        saved = msgspec.json.decode(body, type=_Body)
        if saved.shape != SHAPE:
            raise DamagedSnapshot(f"expected a state of shape {SHAPE[:12]}, found {saved.shape[:12]}")
        if saved.log_id != log_id:
            raise DamagedSnapshot(f"expected a state of the log {log_id}, found one of {saved.log_id}")
        values = msgspec.structs.asdict(msgspec.json.decode(saved.state, type=_Saved))
    except msgspec.DecodeError as error:
        raise DamagedSnapshot(f"expected a saved state: {error}") from error
    pool = LendPool(**msgspec.structs.asdict(values.pop("pool")), pending_orders=PoolBatchOrder())
    triggers = _triggers(values.pop("triggers"))
    return State(**values, pool=pool, triggers=triggers), saved.next_offset, saved.taken_ns


def _triggers(members: Members) -> Triggers:
    triggers = Triggers()
    for name, entries in members.items():
        getattr(triggers, name).rebuild(iter(entries))
    return triggers
