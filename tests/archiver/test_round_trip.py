"""Any event of any version is rebuilt from the typed tables (storage specification 11, "lossless")."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from archiving import BROKER_MS, ZONES, Archive, record
from generated import EVENTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twilight.archiver.postgres.restore import restore_event
from twilight.archiver.record import CORE
from twilight.archiver.times import nanoseconds
from twilight.wire.canonical import canonical
from twilight.wire.events import CurrentPriceUpdateEvent, EventHolder, StopEvent, decode_event, encode_event, kind_of
from twilight.wire.times import rfc3339

pytestmark = pytest.mark.servers


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    """Return the time zone of the server: everything here is run in both."""
    return str(request.param)


def rebuilt(archive: Archive, value: bytes) -> tuple[bytes, bytes]:
    """Archive one record more; return its event as it came and as the tables give it back, in canonical text."""
    offset = archive.writer.position or 0
    archive.feed([record(offset, value)])
    assert archive.dead() == []
    came = decode_event(value, BROKER_MS)
    back = restore_event(archive.connection, kind_of(came), CORE, 0, offset)
    return canonical(encode_event(came)), canonical(encode_event(back))


def is_event(name: str) -> bool:
    return name.startswith(("event.", "upcast.", "v0.event.", "shape.", "legacy."))


def test_every_event_of_the_fixtures_comes_back_from_the_typed_tables(archive: Archive, shared_dir: Path) -> None:
    folder = shared_dir / "spec" / "examples"
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    names = [entry["file"] for entry in manifest if is_event(entry["file"])]
    assert len(names) > 90

    for name in names:
        came, back = rebuilt(archive, (folder / name).read_bytes())
        assert back == came, name


@given(EVENTS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_event_that_can_be_built_comes_back_from_the_typed_tables(archive: Archive, holder: EventHolder) -> None:
    event = StopEvent(holder.value) if isinstance(holder.value, str) else holder.value
    came, back = rebuilt(archive, encode_event(event))
    assert back == came


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=50, max_size=50))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_number_reads_back_as_the_double_that_it_was(archive: Archive, numbers: list[float]) -> None:
    at = archive.writer.position or 0
    archive.feed(
        [
            record(at + n, encode_event(CurrentPriceUpdateEvent(number, f"2026-04-10T08:00:{n:02d}+00:00")))
            for n, number in enumerate(numbers)
        ]
    )

    stored = archive.rows("SELECT price FROM btc_usd_price WHERE src_offset >= %s ORDER BY src_offset", (at,))
    assert [float(price) for (price,) in stored] == numbers
    assert all(price == Decimal(repr(number)) for (price,), number in zip(stored, numbers, strict=True))


def test_times_keep_their_nanoseconds() -> None:
    for text in (
        "2026-04-10T08:00:01.380642912+00:00",
        "2026-04-10T08:00:01+00:00",
        "1970-01-01T00:00:00.000000001+00:00",
    ):
        assert rfc3339(nanoseconds(text)) == text
