"""Triggers and the book (storage specification 6.3 and 6.5, decisions A2 and S6)."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.memory import (
    CLOSE_LIMIT,
    FAMILIES,
    STOP_LOSS,
    TAKE_PROFIT,
    BookEntry,
    Memory,
    Trigger,
)
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.record import Entry
from twilight.archiver.times import timestamp
from twilight.wire.commands import SetBulkRemove, SetPrice, SetRemove
from twilight.wire.events import SortedSetDBUpdateEvent
from twilight.wire.types import I64_MAX

SCORE = 10_000  # triggers are compared as prices times 10,000, truncated, as the producer does

_FAMILY_NAMES = {
    "CloseLimitPrice": CLOSE_LIMIT,
    "StopLossCloseLIMITPrice": STOP_LOSS,
    "TakeProfitCloseLIMITPrice": TAKE_PROFIT,
}
_OF_ORDER = {act + name: family for act in ("Add", "Update", "Remove") for name, family in _FAMILY_NAMES.items()}

# Variant and the side it names -> families, side of the positions concerned, and whether prices at or above p go.
_BULK: dict[tuple[str, str], tuple[tuple[str, str, bool], ...]] = {
    ("BulkSearchRemoveCloseLimitPrice", "LONG"): ((CLOSE_LIMIT, "LONG", False),),
    ("BulkSearchRemoveCloseLimitPrice", "SHORT"): ((CLOSE_LIMIT, "SHORT", True),),
    ("BulkSearchRemoveSLTPCloseLIMITPrice", "SHORT"): ((STOP_LOSS, "LONG", True), (TAKE_PROFIT, "SHORT", True)),
    ("BulkSearchRemoveSLTPCloseLIMITPrice", "LONG"): ((STOP_LOSS, "SHORT", False), (TAKE_PROFIT, "LONG", False)),
}
_OPEN_SIDE = {"LONG": "bid", "SHORT": "ask"}
_CLOSE_SIDE = {"LONG": "ask", "SHORT": "bid"}


def sorted_set(memory: Memory, batch: Batch, entry: Entry, _rows: Sequence[tuple[Table, Row]]) -> None:
    """Take a sorted-set command; liquidation and open sets are no triggers that clients see."""
    event = entry.event
    if not isinstance(event, SortedSetDBUpdateEvent):
        return
    variant, change = event.command.variant()
    family = _OF_ORDER.get(variant)
    match change:
        case SetPrice(uuid, price, side) if family is not None and price > 0:
            _set_trigger(memory, batch, entry, uuid, family, Trigger(price, side))
        case SetPrice(uuid, _, side) | SetRemove(uuid, side) if family is not None:
            _remove_trigger(memory, batch, entry, uuid, family, side)
        case SetBulkRemove(price, side) if price > 0:
            for bulk_family, positions, at_or_above in _BULK.get((variant, side), ()):
                for uuid in _reached(memory.triggers[bulk_family], positions, price, at_or_above=at_or_above):
                    _remove_trigger(memory, batch, entry, uuid, bulk_family, positions)


def _reached(triggers: dict[str, Trigger], side: str, price: float, *, at_or_above: bool) -> list[str]:
    """Return the orders whose triggers a bulk removal takes, by id: a memory read back may hold them otherwise."""
    limit = int(price * SCORE)
    found = ((uuid, int(t.price * SCORE)) for uuid, t in triggers.items() if t.position_type == side)
    return sorted(uuid for uuid, score in found if (score >= limit if at_or_above else score <= limit))


def end_triggers(memory: Memory, batch: Batch, entry: Entry, uuid: str) -> None:
    """An ended order has no triggers, whatever its log says."""
    for family in FAMILIES:
        trigger = memory.triggers[family].get(uuid)
        if trigger is not None:
            _remove_trigger(memory, batch, entry, uuid, family, trigger.position_type)


def _set_trigger(memory: Memory, batch: Batch, entry: Entry, uuid: str, family: str, trigger: Trigger) -> None:
    memory.triggers[family][uuid] = trigger
    _write_trigger(batch, entry, (uuid, family), trigger.price, trigger.position_type)
    rebook(memory, batch, entry, uuid)


def _remove_trigger(memory: Memory, batch: Batch, entry: Entry, uuid: str, family: str, side: str) -> None:
    memory.triggers[family].pop(uuid, None)
    _write_trigger(batch, entry, (uuid, family), None, side)
    rebook(memory, batch, entry, uuid)


def _write_trigger(batch: Batch, entry: Entry, key: tuple[str, str], price: float | None, side: str) -> None:
    ts = timestamp(entry.event_ts_ns or 0)
    batch.set(tables.TRIGGER_CURRENT, key, (*key, price, side, ts, entry.source.offset))
    _add_change(batch, entry, tables.TRIGGER_CHANGE, (*key, price, side, ts))


def rebook(memory: Memory, batch: Batch, entry: Entry, uuid: str) -> None:
    """Bring the order's contribution to the book up to date: its resting open, or its active close limit."""
    before, now = memory.book.get(uuid), _contribution(memory, uuid)
    if before == now:
        return
    changes: list[BookEntry] = []
    if before is not None and (now is None or now.kind != before.kind):
        changes.append(before._replace(size=0.0))
    if now is not None:
        memory.book[uuid] = now
        changes.append(now)
    else:
        del memory.book[uuid]
    _write_book(batch, entry, uuid, changes)


def _contribution(memory: Memory, uuid: str) -> BookEntry | None:
    order = memory.orders.get(uuid)
    if order is None or not order.positionsize > 0:
        return None
    if order.order_status == "PENDING" and order.entryprice > 0:
        return BookEntry("OPEN", _OPEN_SIDE.get(order.position_type, ""), cents(order.entryprice), order.positionsize)
    close = memory.triggers[CLOSE_LIMIT].get(uuid)
    if order.order_status == "FILLED" and close is not None:
        return BookEntry("CLOSE", _CLOSE_SIDE.get(order.position_type, ""), cents(close.price), order.positionsize)
    return None


def cents(price: float) -> int:
    """Return a price in whole cents, halves up, computed in decimal: 16.15 is 1615.

    A price that no column takes stands at the far end of the book: its order must not be lost for it.
    """
    whole = int((Decimal(repr(price)) * 100).to_integral_value(ROUND_HALF_UP))
    return min(max(whole, -I64_MAX), I64_MAX)


def _write_book(batch: Batch, entry: Entry, uuid: str, changes: Iterable[BookEntry]) -> None:
    for kind, side, price_cents, size in changes:
        row = (uuid, kind, side, price_cents, size)
        batch.set(tables.ORDER_BOOK, (uuid, kind), (*row, entry.source.offset))
        _add_change(batch, entry, tables.ORDER_BOOK_CHANGE, row)


def _add_change(batch: Batch, entry: Entry, table: Table, row: Row) -> None:
    """Add a row of a history table; the rows of one event are numbered."""
    rows = batch.rows.setdefault(table, [])
    source = entry.source
    is_same_event = bool(rows) and rows[-1][:3] == source[:3]
    ordinal = int(rows[-1][3] or 0) + 1 if is_same_event else 0
    rows.append((*source._replace(ordinal=ordinal), *row))
