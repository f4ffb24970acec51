"""Answers, markers and chain states (storage specification 5.5)."""

from typing import Any

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.postgres.values import json_text
from twilight.archiver.record import Entry
from twilight.archiver.times import timestamp
from twilight.wire import events as e


def _answer(entry: Entry, event: Any) -> Rows:  # noqa: ANN401 - TxHash or TxHashUpdate
    row = (
        entry.kind,
        event.order_id,
        event.account_id,
        event.tx_hash,
        event.order_type,
        event.order_status,
        event.datetime,
        timestamp(entry.event_ts_ns) if entry.has_own_time and entry.event_ts_ns is not None else None,
        event.output,
        event.request_id,
        event.request_id or None,
        event.reason,
        event.old_price,
        event.new_price,
    )
    yield tables.TRANSACTION_HASH, (*entry.source, *row)


def _stop(entry: Entry, event: e.StopEvent) -> Rows:
    yield tables.STOP_MARKER, (*entry.source, event.text)


def _state_advance(entry: Entry, event: e.AdvanceStateQueueEvent) -> Rows:
    yield tables.STATE_ADVANCE, (*entry.source, event.nonce, json_text(event.output))


PROJECTIONS: dict[type, Projection] = {
    e.TxHashEvent: _answer,
    e.TxHashUpdateEvent: _answer,
    e.StopEvent: _stop,
    e.AdvanceStateQueueEvent: _state_advance,
}
