"""The chain as the core meets it (engine 10, decisions C11): write-ahead intents, sending, asking, answering.

What may be asked and what an answer means is the domain's business (`domain.chain`, `domain.answering`). Here an intent
becomes a record, goes out when its record is in the log, and its answer becomes an input. One file per backend:
`disabled` and `fake`.
"""

from twilight.core.chain.attach import attach, parse_url
from twilight.core.chain.conversation import Conversation
from twilight.core.chain.disabled import NoChain
from twilight.core.chain.fake import FakeChain, FakeLedger, Odds
from twilight.core.chain.intents import fold_intent, intent_record
from twilight.core.chain.port import ChainPort, Heard, NeverSeen

__all__ = [
    "ChainPort",
    "Conversation",
    "FakeChain",
    "FakeLedger",
    "Heard",
    "NeverSeen",
    "NoChain",
    "Odds",
    "attach",
    "fold_intent",
    "intent_record",
    "parse_url",
]
