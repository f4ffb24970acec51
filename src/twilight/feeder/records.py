"""A tick with everything that it was made from, as one line of JSON, and the way back.

Two kinds of record: ``config`` holds the parameters and sources of the index, under an id that is the hash
of its content; ``tick`` names its config and holds inputs, state before, outcome and the published tick.
A reader needs nothing else to make the tick again (`recompute`).
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from twilight.domain.index import tick as ticks
from twilight.domain.index.model import IndexState, Inputs, SourceView
from twilight.domain.index.params import IndexConfig, IndexParams, Source
from twilight.domain.index.tick import PriceTick
from twilight.feeder.runner import Published

CONFIG_ID_DIGITS: Final = 16


class ConfigRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="config", forbid_unknown_fields=True):
    """The configuration under which the ticks that name its id were made."""

    id: str
    params: IndexParams
    sources: tuple[Source, ...]

    @property
    def config(self) -> IndexConfig:
        """Return the configuration of the step function."""
        return IndexConfig(self.params, self.sources)


class TickRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="tick", forbid_unknown_fields=True):
    """One published tick. ``sources`` shows state, price and effective weight of each (exclusions, clamps)."""

    config: str
    tick: Mapping[str, object]
    before: IndexState
    inputs: Inputs
    median: int
    band: int
    rates: Mapping[str, int]
    sources: Mapping[str, SourceView]

    @property
    def published(self) -> PriceTick:
        """Return the published tick; raises MalformedTickError."""
        return ticks.from_wire(self.tick)


Record = ConfigRecord | TickRecord
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class RecordError(ValueError):
    """A line is no record of ours."""


def config_record(config: IndexConfig) -> ConfigRecord:
    """Return the record of a configuration; equal configurations have equal ids."""
    content = _encode((config.params, config.sources))
    return ConfigRecord(hashlib.sha256(content).hexdigest()[:CONFIG_ID_DIGITS], config.params, config.sources)


def tick_record(published: Published, config_id: str) -> TickRecord:
    """Return the record of a published tick."""
    tick, before, inputs, outcome = published
    return TickRecord(
        config=config_id,
        tick=ticks.to_wire(tick),
        before=before,
        inputs=inputs,
        median=outcome.median or 0,
        band=outcome.band,
        rates=outcome.rates,
        sources=outcome.sources,
    )


def encode(record: Record) -> bytes:
    """Return a record as one line of JSON, without its end."""
    return _encode(record)


def decode(line: bytes) -> Record:
    """Read a record back.

    Raises:
        RecordError: the line is none.
    """
    try:
        record: Record = _decode(line)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RecordError(f"no price feed record: {error}") from None
    return record
