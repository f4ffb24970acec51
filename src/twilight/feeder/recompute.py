"""Make every recorded tick again, and name the first that differs.

Ticks of one key form a chain: within an epoch each follows the one before, with the state that it left. A gap is
named, never skipped in silence. Price feed specification 9; issue 5.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twilight.domain.index.model import START, IndexState, Outcome
from twilight.domain.index.params import IndexConfig
from twilight.domain.index.step import step
from twilight.domain.index.tick import MalformedTickError, PriceTick, key_id, signed_text
from twilight.feeder.records import ConfigRecord, Record, TickRecord, config_record
from twilight.feeder.runner import tick_of


class Finding(NamedTuple):
    """Something that an auditor must see. ``is_difference`` ends the run, a gap does not."""

    is_difference: bool
    where: str
    what: str


@dataclass(slots=True)
class Tally:
    """What was read so far."""

    ticks: int = 0
    gaps: int = 0
    repeated: int = 0
    newest: dict[str, PriceTick] = field(default_factory=dict)


class Auditor:
    """Recomputes a stream of records, in order."""

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        self._keys = {key_id(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys}
        self._configs: dict[str, IndexConfig] = {}
        self._left: dict[str, IndexState] = {}
        self.tally = Tally()

    def audit(self, records: Iterable[Record]) -> Iterator[Finding]:
        """Yield gaps as they come and the first difference, which ends it."""
        for record in records:
            found = self._config(record) if isinstance(record, ConfigRecord) else self._tick(record)
            for finding in found:
                yield finding
                if finding.is_difference:
                    return

    def _config(self, record: ConfigRecord) -> Iterator[Finding]:
        expected = config_record(record.config).id
        if expected != record.id:
            yield Finding(is_difference=True, where=f"config {record.id}", what=f"its content has the id {expected}")
        self._configs[record.id] = record.config

    def _tick(self, record: TickRecord) -> Iterator[Finding]:
        try:
            tick = record.published
        except MalformedTickError as error:
            yield Finding(is_difference=True, where="tick", what=str(error))
            return
        before = self.tally.newest.get(tick.kid)
        if before is not None and tick == before:
            self.tally.repeated += 1
            return
        yield from self._chain(record, tick, before)
        yield from (Finding(is_difference=True, where=_place(tick), what=text) for text in self._faults(record, tick))
        self.tally.ticks += 1
        self.tally.newest[tick.kid] = tick

    def _chain(self, record: TickRecord, tick: PriceTick, before: PriceTick | None) -> Iterator[Finding]:
        """Compare a tick's place and its state before with what the tick before it left."""
        if before is None or tick.epoch > before.epoch:
            if tick.seq != 1:
                yield self._gap(tick, f"its epoch begins with {tick.seq}: ticks 1 to {tick.seq - 1} are missing")
            elif record.before != START:
                yield Finding(is_difference=True, where=_place(tick), what="the first tick must begin without memory")
        elif tick.order <= before.order:
            yield Finding(is_difference=True, where=_place(tick), what=f"it stands after {_place(before)}")
        elif tick.seq != before.seq + 1:
            yield self._gap(tick, f"ticks {before.seq + 1} to {tick.seq - 1} are missing")
        elif record.before != self._left[tick.kid]:
            yield Finding(is_difference=True, where=_place(tick), what="its state is not what the tick before left")

    def _gap(self, tick: PriceTick, what: str) -> Finding:
        self.tally.gaps += 1
        return Finding(is_difference=False, where=_place(tick), what=what)

    def _faults(self, record: TickRecord, tick: PriceTick) -> Iterator[str]:
        config = self._configs.get(record.config)
        if config is None:
            yield f"its config {record.config} was not read: begin earlier"
            return
        outcome = step(config, record.before, record.inputs)
        self._left[tick.kid] = outcome.state
        yield from _differences(record, tick, outcome)
        yield from self._signature_faults(tick)

    def _signature_faults(self, tick: PriceTick) -> Iterator[str]:
        key = self._keys.get(tick.kid)
        if key is None:
            yield f"its key {tick.kid} is none of {', '.join(self._keys) or 'no keys'}"
            return
        try:
            key.verify(base64.b64decode(tick.sig, validate=True), signed_text(tick).encode("ascii"))
        except (InvalidSignature, ValueError):
            yield f"its signature by {tick.kid} does not hold"


def _place(tick: PriceTick) -> str:
    return f"tick {tick.epoch}/{tick.seq} of {tick.kid}"


def _differences(record: TickRecord, tick: PriceTick, outcome: Outcome) -> Iterator[str]:
    expected = tick_of(outcome, tick.epoch, tick.seq, tick.ts_ms)._replace(kid=tick.kid, sig=tick.sig)
    found: Mapping[str, object] = tick._asdict() | {
        "median": record.median,
        "band": record.band,
        "rates": record.rates,
        "sources": record.sources,
    }
    made: Mapping[str, object] = expected._asdict() | {
        "median": outcome.median or 0,
        "band": outcome.band,
        "rates": outcome.rates,
        "sources": outcome.sources,
    }
    for name, value in made.items():
        if found[name] != value:
            yield f"{name} recomputes to {value!r}, recorded {found[name]!r}"
