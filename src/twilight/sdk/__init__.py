"""The Python client of the exchange: calls, signed order messages and keys.

`calls` and `flows` say what to send without sending it, `messages` what an
account must sign; `Client` and `AsyncClient` are the two shells that send. Never in here:
anything of a service, or a rule of the exchange.
"""

from twilight.sdk import calls, flows, messages, results
from twilight.sdk.calls import Call
from twilight.sdk.client import AsyncClient, Client
from twilight.sdk.errors import Away, ClientError, KeyringError, Refused, Unanswered, UnreadableAnswer
from twilight.sdk.flows import Flow, Pause
from twilight.sdk.keyring import Keyring
from twilight.sdk.memos import memo_from
from twilight.sdk.messages import Open

__all__ = [
    "AsyncClient",
    "Away",
    "Call",
    "Client",
    "ClientError",
    "Flow",
    "Keyring",
    "KeyringError",
    "Open",
    "Pause",
    "Refused",
    "Unanswered",
    "UnreadableAnswer",
    "calls",
    "flows",
    "memo_from",
    "messages",
    "results",
]
