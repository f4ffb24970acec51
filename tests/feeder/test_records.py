"""Every published tick can be made again from its record, and whatever was changed is named."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.feeder.conftest import Desk

from twilight.domain.index import tick as ticks
from twilight.feeder.explain import explain, find
from twilight.feeder.keys import SigningKey, load_or_make
from twilight.feeder.recompute import Auditor, Finding
from twilight.feeder.recorder import FileSink, Recorder, Sink, record_files
from twilight.feeder.records import Record, RecordError, TickRecord, config_record, decode, encode, tick_record
from twilight.feeder.source import from_files
from twilight.ops.errors import Corrupt, Unavailable


def recorded(desk: Desk, count: int = 12) -> list[Record]:
    config = config_record(desk.config)
    moves = [0, 3, -5, 200, 40, 0, -90, 10, 0, 0, 4, 2]
    return [config, *(tick_record(desk.tick(moves[n % len(moves)]), config.id) for n in range(count))]


def audit(records: list[Record], *keys: bytes) -> tuple[list[Finding], Auditor]:
    auditor = Auditor(keys)
    return list(auditor.audit(decode(encode(record)) for record in records)), auditor


def test_every_recorded_tick_is_made_again_exactly(desk: Desk) -> None:
    findings, auditor = audit(recorded(desk, 40), desk.key.public)
    assert findings == []
    assert (auditor.tally.ticks, auditor.tally.gaps) == (40, 0)


def test_a_record_keeps_the_published_json_byte_for_byte(desk: Desk) -> None:
    published = desk.tick()
    again = decode(encode(tick_record(published, "x")))
    assert isinstance(again, TickRecord)
    assert ticks.encode(again.published) == ticks.encode(published.tick)
    assert (again.before, again.inputs) == (published.before, published.inputs)


def test_a_missing_tick_is_named_as_a_gap_and_the_rest_still_recomputes(desk: Desk) -> None:
    records = recorded(desk)
    findings, auditor = audit(records[:4] + records[6:], desk.key.public)
    assert [(f.is_difference, f.what) for f in findings] == [(False, "ticks 4 to 5 are missing")]
    assert auditor.tally.ticks == 10


def test_a_log_that_begins_in_the_middle_names_what_is_missing(desk: Desk) -> None:
    records = recorded(desk)
    findings, _ = audit([records[0], *records[5:]], desk.key.public)
    assert [f.what for f in findings] == ["its epoch begins with 5: ticks 1 to 4 are missing"]


def test_a_restart_is_no_gap_and_a_record_twice_is_no_difference(desk: Desk, key: SigningKey) -> None:
    first = recorded(desk)
    later = Desk(key)
    later.maker._epoch += 1
    findings, auditor = audit([*first, first[-1], *recorded(later)], key.public)
    assert findings == []
    assert (auditor.tally.ticks, auditor.tally.repeated) == (24, 1)


def change(record: Record, path: str, value: object) -> Record:
    plain: Any = msgspec.json.decode(encode(record))
    place = plain
    *way, last = path.split("/")
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return decode(msgspec.json.encode(plain))


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("inputs/1/kraken/1", 6_182_100_000_000, "price_e8 recomputes to"),
        ("inputs/2/USDT", [], "price_e8 recomputes to"),
        ("tick/n", 7, "n recomputes to 8, recorded 7"),
        ("tick/status", "DEGRADED", "status recomputes to"),
        ("tick/raw_e8", 1, "raw_e8 recomputes to"),
        ("sources/gemini/0", "STALE", "sources recomputes to"),
        ("sources/gemini/2", 5, "sources recomputes to"),
        ("median", 5, "median recomputes to"),
        ("band", 5, "band recomputes to"),
        ("rates/USDT", 99_999_999, "rates recomputes to"),
        ("tick/ts", 1_723_161_254_001, "its signature by"),
        ("tick/sig", "AAAA", "its signature by"),
        ("tick/kid", "0000000000000000", "its epoch begins with 6"),
        ("tick/seq", 5, "it stands after tick"),
        ("before/2/1", 3, "its state is not what the tick before left"),
        ("config", "unknown", "its config unknown was not read"),
    ],
)
def test_whatever_is_changed_the_first_tick_that_differs_is_named(
    desk: Desk, path: str, value: object, what: str
) -> None:
    records = recorded(desk)
    records[6] = change(records[6], path, value)
    findings, _ = audit(records, desk.key.public)
    assert findings[0].what.startswith(what)
    assert "/6 of" in findings[0].where or "/5 of" in findings[0].where
    assert findings[-1].is_difference


def test_a_changed_configuration_does_not_keep_its_id(desk: Desk) -> None:
    config = config_record(desk.config)
    forged = msgspec.structs.replace(config, params=replace(config.params, step_bps=5_000))
    findings, _ = audit([forged], desk.key.public)
    assert findings[0].what.startswith("its content has the id")


def test_ticks_of_an_unknown_key_are_not_believed(desk: Desk) -> None:
    findings, _ = audit(recorded(desk), bytes(31) + b"\x01")
    assert "its key" in findings[0].what


def test_two_feeders_in_one_log_are_two_chains(desk: Desk, tmp_path: Path) -> None:
    other = Desk(load_or_make(tmp_path / "other.json", 1))
    mixed = [record for pair in zip(recorded(desk), recorded(other), strict=True) for record in pair]
    findings, auditor = audit(mixed, desk.key.public, other.key.public)
    assert (findings, auditor.tally.ticks) == ([], 24)


@pytest.mark.parametrize("line", [b"", b"null", b"{}", b'{"kind":"tick"}', b'{"kind":"other"}', b"\xff"])
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError, match="no price feed record"):
        decode(line)


def test_files_turn_keep_their_number_and_each_begins_with_the_configuration(desk: Desk, tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "records", config_record(desk.config), 20_000, 3)
    recorder = Recorder(desk.config, sink)
    for _ in range(60):
        recorder.offer(desk.tick())
    recorder.close(5.0)
    files = record_files(tmp_path / "records")
    assert len(files) == 3
    assert files[-1].name > "ticks-00000003.jsonl"
    assert all(file.read_bytes().startswith(b'{"kind":"config"') for file in files)
    auditor = Auditor([desk.key.public])
    findings = list(auditor.audit(from_files(tmp_path / "records")))
    assert [finding.is_difference for finding in findings] == [False]
    assert auditor.tally.newest[desk.key.kid].seq == 60


def test_a_restarted_recorder_begins_a_new_file_and_a_torn_last_line_is_left_out(desk: Desk, tmp_path: Path) -> None:
    for _ in range(2):
        recorder = Recorder(desk.config, FileSink(tmp_path, config_record(desk.config), 1 << 20, 4))
        recorder.offer(desk.tick())
        recorder.close(5.0)
    first, second = record_files(tmp_path)
    with second.open("ab") as file:
        file.write(b'{"kind":"tick","conf')
    assert len(list(from_files(tmp_path))) == 5
    with first.open("ab") as file:
        file.write(b'{"kind":"tick","conf\n')
    with pytest.raises(Corrupt, match="line 4: no price feed record"):
        list(from_files(tmp_path))


class FailingSink:
    """Refuses so many times, then keeps."""

    lost = 0

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.lines: list[bytes] = []

    def write(self, key: str, line: bytes) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable(f"away for {key}")
        self.lines.append(line)

    def close(self) -> None:
        self.refusals = 0


@pytest.mark.parametrize(("refusals", "kept", "lost"), [(1, 3, 1), (100, 0, 4)])
def test_while_a_sink_is_away_ticks_wait_and_what_is_lost_at_the_end_is_counted(
    desk: Desk, refusals: int, kept: int, lost: int
) -> None:
    sink: Sink = FailingSink(refusals)
    recorder = Recorder(desk.config, sink)
    for _ in range(3):
        recorder.offer(desk.tick())
    recorder.close(5.0)
    assert (len(sink.lines), recorder.lost) == (kept, lost)  # type: ignore[attr-defined]  # a FailingSink


class StuckSink(FailingSink):
    """Takes a line and does not come back before it is let go."""

    def __init__(self) -> None:
        super().__init__(0)
        self.go = threading.Event()

    def write(self, key: str, line: bytes) -> None:
        self.go.wait(30)
        super().write(key, line)


def test_what_a_stuck_sink_leaves_at_the_end_is_counted(desk: Desk) -> None:
    sink = StuckSink()
    recorder = Recorder(desk.config, sink)
    for _ in range(5):
        recorder.offer(desk.tick())
    recorder.close(0.1)
    assert recorder.lost == 5
    sink.go.set()


def story(desk: Desk, do: Callable[[Desk], object]) -> str:
    config = config_record(desk.config)
    desk.tick()
    do(desk)
    records = [config, tick_record(desk.maker.newest, config.id)]  # type: ignore[arg-type]  # there is one
    found = find(iter(records), desk.maker.newest.tick.seq, None)  # type: ignore[union-attr]
    assert found is not None
    return "\n".join(explain(*found))


def test_a_tick_is_explained_in_words(desk: Desk) -> None:
    text = story(desk, lambda desk: desk.tick())
    assert "HEALTHY, price 61822.57." in text
    assert "the rate used is 0.99973" in text
    assert "bitfinex: 61829 / 61831 USD, 250 ms old; counts with 61830 USD, +1.34 bps from the median" in text
    assert "The price is the index rounded to cents." in text


def test_every_kind_of_tick_and_source_is_explained(desk: Desk) -> None:
    def trouble(desk: Desk) -> None:
        desk.quote_all(300)
        desk.quote("gemini", 9_000)
        desk.books["kraken"].disconnected()
        desk.clock.ms += 250
        desk.maker.make(desk.clock.ms, desk.clock.ms, 1)

    text = story(desk, trouble)
    assert "gemini: 117461.8 / 117469.78 USD, 250 ms old; OUTLIER" in text
    assert "kraken: DOWN" in text
    assert "Flag STEP_LIMITED: the market has moved further than one step allows" in text
    assert "as far as the step limit allows" in text
    desk.books["coinbase"].disconnected()
    desk.clock.ms += 6_000
    held = story_of_silence(desk)
    assert "STALE: too old" in held
    assert "HOLD means: not enough sources" in held
    assert "Needed for a price: 3 sources and 1 in USD" in held


def story_of_silence(desk: Desk) -> str:
    config = config_record(desk.config)
    published = desk.maker.make(desk.clock.ms, desk.clock.ms, 1)
    return "\n".join(explain(desk.config, decode(encode(tick_record(published, config.id)))))  # type: ignore[arg-type]


def test_a_tick_that_was_not_recorded_is_not_found(desk: Desk) -> None:
    assert find(iter(recorded(desk)), 99, None) is None
    assert find(iter(recorded(desk)), 3, 1) is None
