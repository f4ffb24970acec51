"""The clients: one shell of I/O for programs that block, one for those that do not, over the same calls."""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from twilight.sdk.calls import Call
from twilight.sdk.errors import Away, ClientError
from twilight.sdk.flows import Flow, Pause

T = TypeVar("T")

TIMEOUT_S: Final = 10.0
JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}


class Client:
    """A blocking client of one exchange.

    ``Client("http://127.0.0.1:8088").send(calls.btc_usd_price())``
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Name the exchange; ``headers`` go with every call (for instance ``Twilight-Address``)."""
        own = {**JSON, **(headers or {})}
        self._http = httpx.Client(base_url=url, timeout=timeout_s, headers=own, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Make one call.

        Raises:
            Away, Refused, UnreadableAnswer: see `Call.read`.
        """
        try:
            answer = self._http.post(call.path, content=call.body(), headers=dict(call.headers))
        except httpx.TransportError as error:
            raise _away(call, error) from error
        return call.read(answer.status_code, answer.content)

    def follow(self, flow: Flow[T]) -> T:
        """Play a flow to its end; errors are those of the flow."""
        step = _Step()
        while True:
            try:
                wanted = step.advance(flow)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(wanted, Pause):
                time.sleep(wanted.seconds)
                continue
            try:
                step.result = self.send(wanted)
            except ClientError as error:
                step.error = error


class AsyncClient:
    """A client of one exchange for programs on an event loop; otherwise as `Client`."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Name the exchange; ``headers`` go with every call."""
        own = {**JSON, **(headers or {})}
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, headers=own, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Make one call; errors as `Client.send`."""
        try:
            answer = await self._http.post(call.path, content=call.body(), headers=dict(call.headers))
        except httpx.TransportError as error:
            raise _away(call, error) from error
        return call.read(answer.status_code, answer.content)

    async def follow(self, flow: Flow[T]) -> T:
        """Play a flow to its end; errors are those of the flow."""
        step = _Step()
        while True:
            try:
                wanted = step.advance(flow)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(wanted, Pause):
                await asyncio.sleep(wanted.seconds)
                continue
            try:
                step.result = await self.send(wanted)
            except ClientError as error:
                step.error = error


class _Step:
    """What a flow is to be told next: a result, or an error."""

    def __init__(self) -> None:
        self.result: object = None
        self.error: ClientError | None = None

    def advance(self, flow: Flow[Any]) -> Call[Any] | Pause:
        """Tell the flow what came of its last wish and return the next; raises StopIteration at the end."""
        error, result = self.error, self.result
        self.error = self.result = None
        return flow.send(result) if error is None else flow.throw(error)


def _away(call: Call[Any], error: httpx.TransportError) -> Away:
    return Away(f"{call.method}: {type(error).__name__} {error}".rstrip())
