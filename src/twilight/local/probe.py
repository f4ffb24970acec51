"""Asking parts how they are, over their operations ports."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a part says of itself; `body` is that of `/readyz`."""

    is_ready: bool
    detail: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


class Probe:
    """One HTTP client for all questions; a part that does not answer is not ready, never an error."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S)

    async def ready(self, url: str) -> Answer:
        """Ask for readiness."""
        body = await self.read(f"{url}/readyz", dict[str, Any])
        if body is None:
            return Answer(is_ready=False, detail="does not answer")
        faults = [f"{name} {text}" for name, text in body.get("checks", {}).items() if text != "ok"]
        return Answer(body.get("status") == "ok", ", ".join(faults), body)

    async def read(self, url: str, kind: type[T]) -> T | None:
        """Return a JSON answer of that kind, None when there is none."""
        try:
            answer = await self._http.get(url)
            return msgspec.json.decode(answer.content, type=kind)
        except (httpx.HTTPError, msgspec.DecodeError):
            return None

    async def metrics(self, url: str) -> dict[str, float]:
        """Return the figures without labels, none when there is no answer."""
        try:
            answer = await self._http.get(f"{url}/metrics")
        except httpx.HTTPError:
            return {}
        families = text_string_to_metric_families(answer.text)
        return {sample.name: sample.value for each in families for sample in each.samples if not sample.labels}

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()


async def is_listening(host: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
