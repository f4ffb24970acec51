"""A text of any length is stored, also where an index stands on it: what a client writes never takes a trade down."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archiving import Archive, record

from twilight.archiver.record import UNSTORABLE

pytestmark = pytest.mark.servers

LONG = random.Random(1).randbytes(5_000).hex()  # it does not compress to what an index entry holds
TEN_MEGABYTES = 1_000 * LONG
ORDER_TEXTS = ("account_id", "order_status", 3, "Twilight-Address")  # 3: of a command, its request id
INDEXED_TEXTS = {
    "event.TraderOrder": ORDER_TEXTS,
    "event.TraderOrderFundingUpdate": ("account_id",),
    "event.LendOrder": ("account_id", "order_status"),
    "event.TxHash": ("account_id", "request_id"),
    "event.SortedSetDBUpdate.AddStopLossCloseLIMITPrice": (2,),
}
"""Examples of the wire, and the members of which an index is made."""
# Words and ids of our own.
BOUNDED = {"stream", "src_stream", "consumer", "reason", "kind", "family", "side", "trade_kind", "name", "order_id"}
LINKED = {("twilight_qq_account_link", "twilight_address"), ("twilight_qq_account_link", "account_address")}


def example(shared_dir: Path, name: str) -> Any:
    return json.loads((shared_dir / "spec" / "examples" / f"{name}.json").read_text())


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where a JSON value has its texts."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


def lengthened(value: Any, path: tuple[str | int, ...], text: str) -> Any:
    """Return the value with another text at a place."""
    if not path:
        return text
    copy = value.copy()
    copy[path[0]] = lengthened(value[path[0]], path[1:], text)
    return copy


def test_every_text_of_every_event_may_be_longer_than_an_index_entry(archive: Archive, shared_dir: Path) -> None:
    manifest = json.loads((shared_dir / "spec" / "examples" / "MANIFEST.json").read_text())
    names = [entry["file"].removesuffix(".json") for entry in manifest if entry["file"].startswith("event.")]
    events = [example(shared_dir, name) for name in names]
    values = [json.dumps(lengthened(event, path, LONG)) for event in events for path in places(event)]
    assert len(values) > 400
    archive.feed([record(offset, value.encode()) for offset, value in enumerate(values)])

    assert [offset for offset, reason in archive.dead() if reason == UNSTORABLE] == []


@pytest.mark.parametrize("name", INDEXED_TEXTS)
def test_ten_megabytes_in_an_indexed_text_are_stored(archive: Archive, shared_dir: Path, name: str) -> None:
    event = example(shared_dir, name)
    first = {path[-1]: path for path in reversed(list(places(event)))}
    for offset, member in enumerate(INDEXED_TEXTS[name]):
        archive.feed([record(offset, json.dumps(lengthened(event, first[member], TEN_MEGABYTES)).encode())])

    assert archive.dead() == []
    assert archive.one("SELECT count(*) FROM event_log") == len(INDEXED_TEXTS[name])


def test_an_order_of_an_account_and_a_wallet_of_any_length_is_traded_and_linked_to_none(
    archive: Archive, shared_dir: Path
) -> None:
    event = example(shared_dir, "event.TraderOrder")
    for path in places(event):
        if path[-1] in ("account_id", "Twilight-Address"):
            event = lengthened(event, path, LONG)
    archive.feed([record(0, json.dumps(event).encode())])

    assert archive.one("SELECT account_id FROM trade") == LONG
    assert archive.one("SELECT count(*) FROM twilight_qq_account_link") == 0


def test_no_index_is_made_of_a_whole_text_that_its_writer_may_make_as_long_as_he_likes(archive: Archive) -> None:
    indexed = archive.rows(
        "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
        " WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND a.atttypid = 'text'::regtype"
    )
    assert {at for at in indexed if at[1] not in BOUNDED} == {("event_log", "event_type")} | LINKED
