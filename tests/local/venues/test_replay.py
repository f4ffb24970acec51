import gzip
from pathlib import Path

import pytest
from tests.local.venues.listener import Listener

from twilight.local.venues.errors import RecordingError
from twilight.local.venues.floor import Floor
from twilight.local.venues.replay import Raw, Recording

LINES = '{"t":5,"v":"kraken","raw":"a"}\n{"t":11.1,"v":"okx","raw":"b"}\n'


@pytest.mark.parametrize("name", ["frames.jsonl", "frames.jsonl.gz"])
def test_a_recording_is_read_plain_or_packed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES.encode()) if name.endswith("gz") else LINES.encode())
    assert list(Recording(path)) == [Raw(5_000, "kraken", "a"), Raw(11_100, "okx", "b")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x", r"jsonl:3: expected t, v and raw"),
        ('{"t":20,"v":"okx"}', r"jsonl:3: expected t, v and raw.*`raw`"),
        ('{"t":20,"v":"mtgox","raw":""}', r"jsonl:3: v must be one of .*, was 'mtgox'"),
        ('{"t":2,"v":"okx","raw":""}', r"jsonl:3: t must not fall"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "frames.jsonl"
    path.write_text(LINES + line + "\n")
    with pytest.raises(RecordingError, match=reason):
        list(Recording(path))


def test_the_recorded_market_gives_the_expected_index(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "feeds" / "replay"
    start_us = 1_723_161_255_000_000
    listener = Listener(Floor(Recording(folder / "venues8-a.jsonl.gz"), recorded=True, wall_us=start_us))
    rows = (folder / "venues8-a-expected.csv").read_text().splitlines()[1:]
    for row in rows[:400]:
        t_ms, status, price = row.split(",")[:3]
        outcome = listener.run(int(t_ms) / 1_000)
        assert str(outcome.status) == status
        assert outcome.price is not None
        assert outcome.price / 1e8 == pytest.approx(float(price), rel=0.5 / 10_000)
