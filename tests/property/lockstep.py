"""The engine and the model, fed the same lines; every record that they disagree on is shown."""

import json
from typing import Any

from tests.model.administration import RefusedCall
from tests.model.audit import Auditor
from tests.model.exchange import Model
from tests.model.expected import Event
from tests.model.observed import observed
from tests.model.rules import PROFILES as RULES
from tests.property.moves import Move, Table

from twilight.core.simulate import Simulation, SimulationFault
from twilight.domain.model.clock import parse_iso
from twilight.domain.model.inputs import FeedStatus
from twilight.domain.model.profile import PROFILES


class Engine:
    """The engine behind `twilight core simulate`, one line at a time."""

    def __init__(self, profile: str, *, tlv: int = 200_000_000, tps: int = 200_000) -> None:
        self.simulation = Simulation(PROFILES[profile], tlv_sats=tlv, tps=tps)

    def take(self, line: dict[str, Any]) -> list[bytes]:
        """Return the records that this line causes; raises `SimulationFault` for a refused call."""
        now_ns = parse_iso(line["now"])
        if "tick" in line:
            given = line["tick"]
            status = FeedStatus(given.get("status", "HEALTHY"))
            return self.simulation.tick(now_ns, given["price"], status, tuple(given.get("flags", ())))
        if "command" in line:
            broker_ms = parse_iso(line["broker_ts"]) // 1_000_000 if "broker_ts" in line else None
            value = json.dumps(line["command"]).encode()
            return self.simulation.command(now_ns, value, uuid=line.get("uuid"), broker_time_ms=broker_ms)
        if "funding_hour" in line:
            return self.simulation.funding_hour(now_ns, line["funding_hour"])
        return self.simulation.admin(now_ns, line["admin"]["method"], line["admin"]["params"])


class Disagreement(AssertionError):
    """The engine's records differ from those that the model expects."""


class Lockstep:
    """One scenario, played on both."""

    def __init__(self, profile: str, tlv: int = 200_000_000, tps: int = 200_000) -> None:
        self.model = Model(RULES[profile], tlv=tlv, tps=tps)
        self.engine = Engine(profile, tlv=tlv, tps=tps)
        self.table = Table(self.model)
        self.auditor = Auditor(exact=RULES[profile].whole_payments)
        self.lines: list[dict[str, Any]] = []
        self.log: list[bytes] = []

    def play(self, move: Move) -> list[Event]:
        """Turn the move into a line and give it to both."""
        return self.take(self.table.line(move))

    def take(self, line: dict[str, Any]) -> list[Event]:
        """Give a line to both; return what the engine wrote; raises `Disagreement`. A refused call is no line."""
        expected: list[Event] | str
        try:
            expected = list(self.model.take(line))
        except RefusedCall:
            expected = "refused"
        records: list[bytes] = []
        found: list[Event] | str
        try:
            records = self.engine.take(line)
            found = [observed(record) for record in records]
        except SimulationFault:
            found = "refused"
        if expected != found:
            raise Disagreement(self._report(line, expected, found))
        if isinstance(found, str):
            return []
        self.lines.append(line)
        self.log += records
        self.auditor.take(line, found)
        if "command" in line:
            keys = {json.dumps(json.loads(record)["key"], sort_keys=True) for record in records}
            assert len(keys) == len(records), f"two records of {line} share a key (W-23)"
        return found

    def _report(self, line: dict[str, Any], expected: list[Event] | str, found: list[Event] | str) -> str:
        told = [f"line {len(self.lines) + 1}: {json.dumps(line)}", *differences("", expected, found)]
        if not isinstance(expected, str) and not isinstance(found, str):
            told += [f"expected {[event.kind for event in expected]}", f"found    {[event.kind for event in found]}"]
        return "\n".join(told)


def differences(path: str, expected: Any, found: Any) -> list[str]:
    """Return a line for each place where the two differ."""
    if expected == found:
        return []
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return [told for name in expected for told in differences(f"{path}.{name}", expected[name], found[name])]
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [told for place, pair in enumerate(pairs) for told in differences(f"{path}[{place}]", *pair)]
    return [f"{path}: expected {expected!r}", f"{path}: found    {found!r}"]
