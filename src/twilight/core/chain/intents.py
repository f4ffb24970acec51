"""Intents as records of their topic (decisions C11): written in the transaction of what they belong to.

The key is that of an event, so that where the command stood is kept; the value is the intent with named fields.
"""

import msgspec

from twilight.bus import Outgoing
from twilight.domain.engine import Engine
from twilight.domain.model.errors import DomainError
from twilight.domain.model.events import IntentOpened
from twilight.domain.model.inflight import Intent
from twilight.ops.errors import Corrupt
from twilight.wire.keys import EventKey, decode_key, encode_key


class _Value(msgspec.Struct):
    intent: Intent = msgspec.field(name="IntentOpened")


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Value)


def intent_record(event: IntentOpened, topic: str) -> Outgoing:
    """Return the record of an intent."""
    key = EventKey(event.agg_id, event.kind, metadata=event.metadata)
    return topic, encode_key(key), _ENCODER.encode(_Value(event.intent))


def fold_intent(engine: Engine, offset: int, key: bytes | None, value: bytes | None, timestamp_ms: int) -> str:  # noqa: ARG001  # as `recovery.fold`
    """Apply one record of the topic of intents and return its kind; raises `Corrupt` that names the offset."""
    try:
        intent = _DECODER.decode(value or b"").intent
        found = decode_key(key)
        metadata = None if isinstance(found, str) else found.metadata
        engine.fold(IntentOpened(intent, intent.id, metadata))
    except (msgspec.DecodeError, DomainError, LookupError, ValueError) as fault:
        raise Corrupt(f"the intent at offset {offset} cannot be read: {fault}") from fault
    return IntentOpened.kind
