"""What can go wrong in a call, by what the caller does about it, and the JSON-RPC code of each.

::

    TwilightError
    └── RpcError                answered to the caller as a JSON-RPC error
        ├── ParseError          the body is not JSON
        ├── InvalidRequest      JSON, but no request
        ├── MethodNotFound
        ├── InvalidParams       correct the parameters
        ├── Busy                shed: ask again later
        ├── CallFailed          understood and failed; ``reason`` is a stable word
        ├── RequestTooBig
        ├── ResponseTooBig      ask for less
        └── TooManySubscriptions

API specification 2.1.
"""

from typing import ClassVar

from twilight.ops.errors import TwilightError

INTERNAL_CODE = -32603
INTERNAL_TEXT = "Internal error"


class RpcError(TwilightError):
    """A call ends with this JSON-RPC error; ``data.reason`` is a word that programs can test."""

    code: ClassVar[int] = INTERNAL_CODE
    text: ClassVar[str] = INTERNAL_TEXT

    def __init__(self, message: str = "", *, reason: str = "", **data: object) -> None:
        super().__init__(message or self.text)
        self.message = message or self.text
        self.data: dict[str, object] = {"reason": reason, **data} if reason else dict(data)


class ParseError(RpcError):
    """The body is not JSON."""

    code = -32700
    text = "Parse error"


class InvalidRequest(RpcError):
    """The body is JSON, but not a request: doubled members, no method, an id that cannot be echoed."""

    code = -32600
    text = "Invalid request"


class MethodNotFound(RpcError):
    """No method of this name is served on this path."""

    code = -32601
    text = "Method not found"


class InvalidParams(RpcError):
    """The parameters do not fit the method's signature; the message says which and why."""

    code = -32602
    text = "Invalid params"


class Busy(RpcError):
    """More work arrived than can be done in time: nothing was done, ask again later."""

    code = -32604
    text = "Server is busy, try again later"


class CallFailed(RpcError):
    """The call was understood and failed."""

    code = -32000
    text = "Call failed"


class RequestTooBig(RpcError):
    """The body is longer than the limit, so it was not read."""

    code = -32701
    text = "Request is too big"


class ResponseTooBig(RpcError):
    """The answer is longer than the limit: ask for fewer rows."""

    code = -32702
    text = "Response is too big"


class TooManySubscriptions(RpcError):
    """The connection holds as many subscriptions as one may."""

    code = -32006
    text = "Too many subscriptions on the connection"


ERROR_TABLE: dict[int, str] = {INTERNAL_CODE: INTERNAL_TEXT} | {
    leaf.code: leaf.text for leaf in RpcError.__subclasses__()
}
