"""The core's own word: its state hash, and the offset of the event at which it was taken."""

import time
from typing import Any, NamedTuple

import httpx

from twilight.audit.settings import AuditSettings
from twilight.ops.errors import Unavailable

POLL_S = 0.2
HTTP_TIMEOUT_S = 5.0


class CoreState(NamedTuple):
    """What the core says that it is."""

    state_hash: str
    offset: int


def ask(settings: AuditSettings) -> CoreState:
    """Return the core's state hash.

    Raises:
        Unavailable: the core does not answer, or does not lead.
    """
    deadline = time.monotonic() + settings.audit_wait_s
    while True:
        found = _ask(settings.core_ops_url)
        if "state_hash" in found:
            return CoreState(str(found["state_hash"]), int(found["state_hash_offset"]))
        if time.monotonic() > deadline:
            raise Unavailable(f"the core at {settings.core_ops_url} shows no state hash: does it lead?")
        time.sleep(POLL_S)


def _ask(url: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = httpx.get(f"{url.rstrip('/')}/readyz", timeout=HTTP_TIMEOUT_S).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return answer
