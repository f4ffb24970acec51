"""Whether our codecs agree with bytes that others wrote: folders of fixtures, recordings of records.

A folder is checked by its ``MANIFEST.json`` (``roundtrip``: ``bytes`` or ``decode``), or, without one, every
file must come back as the same bytes. A record must come back as the same bytes but for what wire.md 2.2 and
2.7 leave open: the exponent's form, the sign of zero, the order of metadata.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from twilight.wire import errors
from twilight.wire.canonical import canonical
from twilight.wire.client_messages import request_id
from twilight.wire.codec import Codec, encode
from twilight.wire.commands import RelayerCommand, RpcCommand, decode_command, encode_command
from twilight.wire.errors import Quarantine, WireError
from twilight.wire.events import decode_event, encode_event
from twilight.wire.failed import decode_failed, encode_failed
from twilight.wire.keys import EventKey, decode_key, encode_key
from twilight.wire.numbers import display_f64, json_f64
from twilight.wire.records import RecordedRecord, read_records
from twilight.wire.times import time_ns

Again = Callable[[bytes | None, int], bytes]

MANIFEST: Final = "MANIFEST.json"
_SHOWN_BYTES: Final = 40
_REFUSAL: Final = re.compile(
    r"\b(?:refuse[sd]?|reject(?:s|ed)?|quarantined?|dead[- ]letter(?:ed)?|mark unknown)\b", re.IGNORECASE
)


@dataclass
class Report:
    """What was checked, and what did not agree."""

    counts: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)

    def mismatch(self, where: str, what: str) -> None:
        """Note a disagreement."""
        self.mismatches.append(f"{where}: {what}")


class Fixture(msgspec.Struct, frozen=True):
    """A line of a manifest; members that say nothing about the check are ignored."""

    file: str
    topic: str = "-"
    key: str = "-"
    note: str = ""
    roundtrip: str = "bytes"
    record_timestamp: str | None = None


def check(path: Path) -> Report:
    """Return what the codecs make of a folder of fixtures or of a recording.

    Raises:
        ValueError: the manifest or a line of the recording is unreadable.
        OSError: a file cannot be read.
    """
    report = Report()
    if path.is_dir():
        for fixture in fixtures(path):
            _check_fixture(path, fixture, report)
    else:
        for record in read_records(path):
            _check_record(record, report)
    return report


def fixtures(folder: Path) -> Iterator[Fixture]:
    """Yield the fixtures of a folder: those of its manifest, then files that it does not list."""
    listed: list[Fixture] = []
    manifest = folder / MANIFEST
    if manifest.exists():
        listed = msgspec.json.decode(manifest.read_bytes(), type=list[Fixture])
    yield from listed
    known = {MANIFEST, *(fixture.file for fixture in listed)}
    yield from (Fixture(path.name) for path in sorted(folder.glob("*.json")) if path.name not in known)


# --- one kind of value after the other --------------------------------------------------------------

_RELAYER_COMMANDS: Final = Codec(RelayerCommand)


def _decoded_key(value: bytes | None) -> EventKey:
    key = decode_key(value)
    if isinstance(key, str):
        raise Quarantine(errors.WRONG_TYPE, f"expected a key object, found the bare text {key[:40]!r}")
    return key


_AGAIN: Final[dict[str, Again]] = {
    "event": lambda value, ts_ms: encode_event(decode_event(value, ts_ms)),
    "command": lambda value, _: encode_command(decode_command(value)),
    "relayer command": lambda value, _: encode(_RELAYER_COMMANDS.decode(value)),
    "failed request": lambda value, _: encode_failed(decode_failed(value)),
    "key": lambda value, _: encode_key(_decoded_key(value)),
}
_DECODE: Final[dict[str, Callable[[bytes | None, int], object]]] = {
    "event": decode_event,
    "command": lambda value, _: decode_command(value),
    "relayer command": lambda value, _: _RELAYER_COMMANDS.decode(value),
    "failed request": lambda value, _: decode_failed(value),
    "key": lambda value, _: _decoded_key(value),
}
_KIND_OF_TOPIC: Final = {"CLIENT-REQUEST": "command", "CLIENT-FAILED-REQUEST": "failed request"}


def kind_of_value(value: bytes) -> str:
    """Return what a fixture holds, judged by its content alone."""
    if value[:1] == b'"':
        return "failed request"
    if value.startswith(b'{"agg_id"'):
        return "key"
    tag = re.match(rb'\s*\{\s*"(\w+)"', value)
    name = tag[1].decode() if tag else ""
    if name in RpcCommand.__struct_fields__:
        return "command"
    return "relayer command" if name in RelayerCommand.__struct_fields__ else "event"


# --- fixtures ---------------------------------------------------------------------------------------


def _check_fixture(folder: Path, fixture: Fixture, report: Report) -> None:
    path = folder / fixture.file
    if not path.is_file():
        report.mismatch(fixture.file, "the manifest names it, and it is missing")
        return
    value = path.read_bytes()
    if fixture.file.startswith("vector."):
        _check_vector(fixture.file, value, report)
    elif fixture.roundtrip == "bytes":
        _check_bytes(fixture, value, report)
    else:
        _check_decode(folder, fixture, value, report)
    if fixture.key.startswith("{"):
        _check_key(f"key of {fixture.file}", fixture.key.encode(), report)


def _kind(fixture: Fixture, value: bytes) -> str:
    return _KIND_OF_TOPIC.get(fixture.topic) or kind_of_value(value)


def _timestamp_ms(fixture: Fixture) -> int:
    return time_ns(fixture.record_timestamp) // 1_000_000 if fixture.record_timestamp else 0


def _check_bytes(fixture: Fixture, value: bytes, report: Report) -> None:
    kind = _kind(fixture, value)
    report.counts[f"{kind}, same bytes"] += 1
    try:
        again = _AGAIN[kind](value, _timestamp_ms(fixture))
    except WireError as refusal:
        report.mismatch(fixture.file, f"expected the same bytes, refused: {refusal}")
        return
    if again != value:
        report.mismatch(fixture.file, difference(value, again))


def _check_decode(folder: Path, fixture: Fixture, value: bytes, report: Report) -> None:
    kind = _kind(fixture, value)
    refusal_wanted = any(_REFUSAL.search(part) for part in re.split(r"[;,.(]", fixture.note) if "Rust" not in part)
    report.counts[f"{kind}, {'refused' if refusal_wanted else 'decoded'}"] += 1
    try:
        _DECODE[kind](value, _timestamp_ms(fixture))
    except Quarantine as refusal:
        if not refusal_wanted:
            report.mismatch(fixture.file, f"expected to be decoded, refused: {refusal}")
        return
    if refusal_wanted:
        report.mismatch(fixture.file, f"expected a refusal ({fixture.note}), was decoded")
    _check_upcast(folder, fixture, value, report)


def _check_upcast(folder: Path, fixture: Fixture, value: bytes, report: Report) -> None:
    """An ``upcast.*.in.json`` must become the bytes of the ``.out.json`` beside it."""
    expected = folder / fixture.file.replace(".in.json", ".out.json")
    if expected.name == fixture.file or not expected.is_file():
        return
    again = encode_event(decode_event(value, _timestamp_ms(fixture)))
    if again != expected.read_bytes():
        report.mismatch(fixture.file, difference(expected.read_bytes(), again))


def _check_key(where: str, key: bytes, report: Report) -> None:
    _compare(where, "key", key, 0, report)


# --- vectors ----------------------------------------------------------------------------------------


def _check_vector(file: str, value: bytes, report: Report) -> None:
    report.counts["vector"] += 1
    try:
        found: dict[str, Any] = msgspec.json.decode(value, type=dict)
        if "rows" in found:
            for row in found["rows"]:
                _check_f64(file, dict(zip(found["columns"], row, strict=True)), report)
            return
        again = request_id(found["uuid"], found["public_key"], int(found["timestamp"]))
        if again != found["request_id"]:
            report.mismatch(file, f"expected {found['request_id']}, found {again}")
    except (KeyError, ValueError, TypeError, struct.error) as fault:
        report.mismatch(file, f"expected a vector of numbers or of a request id: {fault!r}")


def _check_f64(file: str, row: dict[str, str | None], report: Report) -> None:
    bits = bytes.fromhex(str(row["ieee754_hex"]))
    (number,) = struct.unpack(">d", bits)
    for column, again in (("json_zmij", json_f64(number)), ("rust_display", display_f64(number))):
        if row[column] is not None and row[column] != again:
            report.mismatch(file, f"{bits.hex()} as {column}: expected {row[column]}, found {again}")
    for column in ("json_zmij", "json_ryu"):
        if struct.pack(">d", msgspec.json.decode(str(row[column]), type=float)) != bits:
            report.mismatch(file, f"{row[column]} is not read as {bits.hex()}")


# --- records ----------------------------------------------------------------------------------------


def _check_record(record: RecordedRecord, report: Report) -> None:
    where = f"{record.topic} offset {record.offset}"
    kind = _KIND_OF_TOPIC.get(record.topic, "event")
    report.counts[kind] += 1
    try:
        key, value = record.key, record.value
    except ValueError as fault:
        report.mismatch(where, f"expected base64: {fault}")
        return
    if kind == "event" and key is not None and key.startswith(b"{"):
        _check_key(f"{where}, key", key, report)
    _compare(where, kind, value, record.ts, report)


def _compare(where: str, kind: str, value: bytes | None, ts_ms: int, report: Report) -> None:
    try:
        again = _AGAIN[kind](value, ts_ms)
        same = again == value or canonical(again) == canonical(value or b"")
    except Quarantine as refusal:
        report.mismatch(where, f"refused: {refusal}")
    except (WireError, RecursionError) as fault:
        report.mismatch(where, f"not written again: {fault}")
    else:
        if not same:
            report.mismatch(where, difference(value or b"", again))


def difference(expected: bytes, found: bytes) -> str:
    """Return where two texts part, with what stands there."""
    pairs = zip(expected, found, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(found)))
    start = max(0, at - _SHOWN_BYTES // 2)
    shown = [text[start : at + _SHOWN_BYTES].decode(errors="replace") for text in (expected, found)]
    return f"byte {at}: expected {shown[0]!r}, found {shown[1]!r}"
