"""Which chain the settings name: `ENABLE_ZKOS_CHAIN_TRANSACTION` and `ZKOS_SERVER_URL` (engine 14)."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from twilight.core.chain.disabled import NoChain
from twilight.core.chain.fake import FakeChain, FakeLedger, Odds
from twilight.core.chain.port import ChainPort
from twilight.core.clock import Clock
from twilight.domain.model.chain import Disabled, PayloadCodec

LATENCY_MS_MAX = 3_600_000


def attach(url: str, payloads: PayloadCodec, clock: Clock) -> ChainPort:
    """Return the chain at the address; an empty one is none."""
    if not url:
        return NoChain()
    path, odds = parse_url(url)
    return FakeChain(FakeLedger(path), odds, Disabled(payloads), clock)


def parse_url(url: str) -> tuple[Path, Odds]:
    """Read ``fake:FILE[?latency_ms=100&refused=0.1&not_ready=0.1&lost_requests=0.1&lost_answers=0.1]``.

    Raises:
        ValueError: it is something else.
    """
    parts = urlsplit(url)
    if parts.scheme != "fake" or not parts.path or parts.netloc:
        raise ValueError(
            f"expected fake:FILE[?latency_ms=N&refused=0.1&...], found {url!r}: there is no other chain yet"
        )
    return Path(parts.path), _odds(dict(parse_qsl(parts.query, keep_blank_values=True)))


def _odds(given: Mapping[str, str]) -> Odds:
    known = {one.name for one in fields(Odds)}
    for name, text in given.items():
        most = LATENCY_MS_MAX if name == "latency_ms" else 1
        if name not in known or not 0 <= _number(text) <= most:
            raise ValueError(f"expected one of {', '.join(sorted(known))} with 0 to {most}, found {name}={text}")
    found = {name: _number(text) for name, text in given.items()}
    latency_ms = found.pop("latency_ms", None)
    odds = Odds(**found)  # type: ignore[arg-type]  # all others are fractions
    return odds if latency_ms is None else replace(odds, latency_ms=round(latency_ms))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
