"""Run the demo traders and the lender as one process, each at its own pace, until told to stop."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twilight.local.process import StopSignal
from twilight.local.traders import strategy
from twilight.local.traders.book import Book
from twilight.local.traders.errors import BookError
from twilight.local.traders.trader import Log, Strategy, Trader
from twilight.ops.health import Check, Health
from twilight.sdk import AsyncClient, Away, ClientError, Keyring, KeyringError
from twilight.sdk.flows import backoff_s

TRADERS_MAX: Final = 100
PAUSE_FIRST_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who trades, where and how often; keys and books are kept in ``folder``."""

    url: str
    folder: Path
    traders: int = 3
    lenders: int = 1
    seed: int = 1
    pace_s: float = 3.0


def strategies(crew: Crew) -> Mapping[str, Strategy]:
    """Return the names of all traders and lenders with what each wants."""
    players = {f"trader-{number}": strategy.player for number in range(1, crew.traders + 1)}
    return players | {f"lender-{number}": strategy.lender for number in range(1, crew.lenders + 1)}


async def serve_traders(crew: Crew, stop: StopSignal, log: Log, health: Health) -> None:
    """Trade until the stop signal.

    Raises:
        BookError: a file of keys or a trader's book cannot be used.
    """
    wanted = strategies(crew)
    async with AsyncClient(crew.url) as client:
        traders = [_trader(crew, client, name, wants, log) for name, wants in wanted.items()]
        health.extra["traders"] = {trader.name: trader.tally for trader in traders}
        turns = [asyncio.create_task(_trade(crew, trader, log, health)) for trader in traders]
        stopped = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait({*turns, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*turns, stopped):
            task.cancel()
        await asyncio.gather(*turns, stopped, return_exceptions=True)
        for task in done - {stopped}:
            task.result()


def _trader(crew: Crew, client: AsyncClient, name: str, wants: Strategy, log: Log) -> Trader:
    try:
        keyring = Keyring.open(crew.folder / f"{name}.keys.json")
    except KeyringError as error:
        raise BookError(str(error)) from error
    return Trader(
        name,
        client=client,
        keyring=keyring,
        book=Book.open(crew.folder / f"{name}.book.json"),
        strategy=wants,
        rng=random.Random(f"{crew.seed} {name}"),  # noqa: S311 - chance of play, no secret
        clock=time.time,
        log=log,
    )


async def _trade(crew: Crew, trader: Trader, log: Log, health: Health) -> None:
    """Take turn after turn; each failure and each refusal in a row doubles the pause."""
    check, failures = health.check(trader.name), 0
    while True:
        went_well = await _turn(trader, log, check)
        failures = 0 if went_well else failures + 1
        extra_s = backoff_s(failures - 1, first_s=PAUSE_FIRST_S, max_s=PAUSE_MAX_S) if failures else 0.0
        await asyncio.sleep(crew.pace_s * random.uniform(0.5, 1.5) + extra_s)  # noqa: S311 - spreads turns


async def _turn(trader: Trader, log: Log, check: Check) -> bool:
    try:
        went_well = await trader.turn()
    except ClientError as error:
        check.fail(str(error))
        event = "away" if isinstance(error, Away) else "turn failed"
        log.info(event, trader=trader.name, reason=str(error))
        return False
    check.ok(trader.tally.last)
    return went_well
