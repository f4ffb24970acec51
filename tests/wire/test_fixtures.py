"""The published fixtures, the recorded log of the reference, and the command that checks them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twilight.cli.wire import app
from twilight.wire.check import check, difference, fixtures, kind_of_value
from twilight.wire.records import read_records, recorded, write_records

TICK = b'{"CurrentPriceUpdate":[65000.0,"2026-04-10T08:00:00.250+00:00"]}'
KEY = b'{"agg_id":"insert_CurrentPrice","event_type":"CurrentPriceUpdate","event_version":"v0.1.3","metadata":null}'


def run(path: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", str(path)])
    return result.exit_code, result.output


def test_every_published_fixture_agrees_as_its_manifest_says(shared_dir: Path, tell: Callable[[str], None]) -> None:
    folder = shared_dir / "spec" / "examples"
    report = check(folder)
    assert report.mismatches == []
    assert sum(1 for _ in fixtures(folder)) == report.counts.total() == len(list(folder.glob("*.json"))) - 1
    tell(f"wire fixtures: {report.counts.total()} of {report.counts.total()}")


def test_all_records_of_the_reference_log_come_back_as_the_same_bytes(
    shared_dir: Path, tell: Callable[[str], None]
) -> None:
    report = check(shared_dir / "data" / "reference-log" / "CoreEventLogTopic.jsonl.gz")
    assert (report.mismatches, report.counts.total()) == ([], 7912)
    tell(f"recorded events: {report.counts.total()} of {report.counts.total()}")


def test_of_the_recorded_requests_only_the_deliberately_wrong_ones_disagree(shared_dir: Path) -> None:
    report = check(shared_dir / "data" / "reference-log" / "CLIENT-REQUEST.jsonl.gz")
    # Null order ids, no JSON, an unknown command; then integers for doubles, and an extra member.
    wrong = {122, 123, 127, 230, 231, 233, 234}
    assert wrong == {int(line.split()[2].rstrip(":")) for line in report.mismatches}
    assert report.counts.total() == 257


def test_the_recorded_state_queue_agrees(shared_dir: Path) -> None:
    assert check(shared_dir / "data" / "reference-log" / "RelayerStateQueue.jsonl.gz").mismatches == []


def test_a_folder_without_a_manifest_must_come_back_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "event.tick.json").write_bytes(TICK)
    (tmp_path / "key.json").write_bytes(KEY)
    (tmp_path / "failed.json").write_bytes(b'"8a00"')
    assert (run(tmp_path)[0], "3 checked, 0 mismatches" in run(tmp_path)[1]) == (0, True)
    (tmp_path / "spaced.json").write_bytes(TICK.replace(b",", b", "))
    code, output = run(tmp_path)
    assert code == 1
    assert "MISMATCH spaced.json: byte 31: expected" in output


def test_a_manifest_says_what_must_be_decoded_and_what_refused(tmp_path: Path) -> None:
    nan = TICK.replace(b"65000.0", b"NaN")
    files = {
        "a.json": (TICK.replace(b"65000.0", b"65000"), "decode", "an integer is legal"),
        "b.json": (nan, "decode", "NaN: must be quarantined"),
        "c.json": (nan, "decode", "the Rust reader refuses it"),
        "d.json": (TICK, "decode", "must be refused"),
        "e.json": (nan, "bytes", ""),
    }
    entries = [{"file": "gone.json"}]
    for name, (value, roundtrip, note) in files.items():
        (tmp_path / name).write_bytes(value)
        entries.append({"file": name, "roundtrip": roundtrip, "note": note, "topic": "CoreEventLogTopic"})
    (tmp_path / "MANIFEST.json").write_text(json.dumps(entries))
    code, output = run(tmp_path)
    wrong = [line.split(":")[0] for line in output.splitlines() if line.startswith("MISMATCH")]
    assert code == 1
    assert wrong == ["MISMATCH gone.json", "MISMATCH c.json", "MISMATCH d.json", "MISMATCH e.json"]


def test_an_upcast_must_give_the_file_beside_it(tmp_path: Path) -> None:
    old = b'{"SortedSetDBUpdate":{"BulkSearchRemoveCloseLimitPrice":[66001.0,"SHORT"]}}'
    entry = {"file": "upcast.x.in.json", "roundtrip": "decode", "record_timestamp": "2026-04-10T08:03:21Z"}
    (tmp_path / "upcast.x.in.json").write_bytes(old)
    (tmp_path / "MANIFEST.json").write_text(json.dumps([entry]))
    new = b'{"SortedSetDBUpdate":[{"BulkSearchRemoveCloseLimitPrice":[66001.0,"SHORT"]},"2026-04-10T08:03:21+00:00"]}'
    (tmp_path / "upcast.x.out.json").write_bytes(new)
    assert check(tmp_path).mismatches == []
    (tmp_path / "upcast.x.out.json").write_bytes(new.replace(b":21", b":22"))
    assert len(check(tmp_path).mismatches) == 1


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_records_agree_but_for_exponent_zero_and_metadata_order(tmp_path: Path, name: str) -> None:
    values = [
        b'{"FundingRateUpdate":[-0.0,1.5e16,"2026-04-10T08:00:00+00:00"]}',
        b'{"FeeUpdate":[{"UpdateFees":[0.04,0.02,0.04,0.02]},"2026-04-09T08:00:00+00:00"]}',
    ]
    fill = (
        b'{"TraderOrderUpdate":[%s,{"PriceTickerOrderFill":[[],{"metadata":{"b":"1","a":null}},66001.0]},4]}' % _order()
    )
    write_records(tmp_path / name, [recorded("CoreEventLogTopic", i, 0, KEY, v) for i, v in enumerate([*values, fill])])
    assert (run(tmp_path / name)[0], "3 event" in run(tmp_path / name)[1]) == (0, True)
    write_records(tmp_path / name, [recorded("CoreEventLogTopic", 7, 0, KEY, None)])
    code, output = run(tmp_path / name)
    assert code == 1
    assert "MISMATCH CoreEventLogTopic offset 7: refused: TOMBSTONE" in output


def _order() -> bytes:
    texts = {"uuid": "7360bc3f-2ffd-4053-ab91-17dac06a02f2", "account_id": "a", "timestamp": "t"}
    names = (
        "uuid account_id position_type order_status order_type entryprice execution_price positionsize leverage "
        "initial_margin available_margin timestamp bankruptcy_price bankruptcy_value maintenance_margin "
        "liquidation_price unrealized_pnl settlement_price entry_nonce exit_nonce entry_sequence fee_filled fee_settled"
    )
    whole = ("entry_nonce", "exit_nonce", "entry_sequence")
    order = {n: texts.get(n, "X") if "_type" in n or "status" in n or n in texts else 1.0 for n in names.split()}
    return json.dumps(order | dict.fromkeys(whole, 1), separators=(",", ":")).encode()


def test_a_broken_recording_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(b'\n{"topic":1}\n'))
    code, output = run(path)
    assert code == 2
    assert "log.jsonl.gz:2: expected a record" in output
    assert run(tmp_path / "missing.jsonl")[0] == 2


def test_recorded_bytes_come_back(tmp_path: Path) -> None:
    record = recorded("T", 5, 6, None, b"\xff\0")
    write_records(tmp_path / "r.jsonl", [record])
    (again,) = read_records(tmp_path / "r.jsonl")
    assert (record, None, b"\xff\0") == (again, again.key, again.value)


def test_what_a_value_is_shows_in_its_content() -> None:
    kinds = [kind_of_value(v) for v in (b'"00"', KEY, TICK, b'{"UpdateFees":[]}', b'{"CreateLendOrder":[]}', b"junk")]
    assert kinds == ["failed request", "key", "event", "relayer command", "command", "event"]


def test_a_difference_names_its_place() -> None:
    assert difference(b"abc", b"abd") == "byte 2: expected 'abc', found 'abd'"
    assert difference(b"abc", b"abcd") == "byte 3: expected 'abc', found 'abcd'"


def test_wrong_vectors_are_told(tmp_path: Path) -> None:
    vector = {
        "columns": ["ieee754_hex", "json_ryu", "json_zmij", "rust_display"],
        "rows": [["3ff0000000000000", "1.0", "1", "1.0"], ["3ff0000000000000", "1.5", "1.0", None]],
    }
    (tmp_path / "vector.f64.json").write_text(json.dumps(vector))
    (tmp_path / "vector.other.json").write_text("{}")
    request = {"uuid": "3f6af07e-4247-484d-800b-cf1a8c33d6f2", "public_key": "a", "timestamp": "1", "request_id": "x"}
    (tmp_path / "vector.request.json").write_text(json.dumps(request))
    assert len(check(tmp_path).mismatches) == 5


def test_a_key_object_that_lacks_a_member_is_told(tmp_path: Path) -> None:
    broken = b'{"agg_id":"x","event_type":"Stop"}'
    (tmp_path / "key.json").write_bytes(broken)
    write_records(tmp_path / "log.jsonl", [recorded("CoreEventLogTopic", 1, 0, broken, TICK)])
    assert len(check(tmp_path).mismatches) == len(check(tmp_path / "log.jsonl").mismatches) == 1


def test_bytes_that_are_no_base64_are_told(tmp_path: Path) -> None:
    line = {"topic": "T", "partition": 0, "offset": 3, "ts": 0, "key_b64": None, "value_b64": "*"}
    (tmp_path / "log.jsonl").write_text(json.dumps(line))
    (mismatch,) = check(tmp_path / "log.jsonl").mismatches
    assert mismatch.startswith("T offset 3: expected base64")
