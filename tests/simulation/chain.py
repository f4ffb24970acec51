"""The chain of a run: the core's own fake, met at the price of time and, now and then, of one's life."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.simulation.machine import Process

from twilight.core.chain import ChainPort, FakeLedger, Heard, NoChain, attach
from twilight.core.clock import Clock
from twilight.domain.model.chain import PayloadCodec
from twilight.domain.model.inflight import Intent


@dataclass
class SimChain:
    """Stands where a `ChainPort` stands, for one process."""

    process: Process
    chain: ChainPort
    is_written: Callable[[str], bool]
    """Whether an intent of this id is in the log."""

    def send(self, intent: Intent) -> None:
        self.process.meet("chain: before sending")
        if not self.is_written(intent.id):
            self.process.complain(f"{intent.id} was sent before its intent was in the log")
        self.chain.send(intent)
        self.process.meet("chain: sent")

    def ask(self, intent: Intent) -> None:
        self.process.meet("chain: before asking")
        self.chain.ask(intent)

    def heard(self) -> list[Heard]:
        heard = self.chain.heard()
        if heard:
            self.process.meet("chain: heard")
        return heard

    def close(self) -> None:
        self.chain.close()


def attaching(
    process: Process, is_written: Callable[[str], bool], url: str, payloads: PayloadCodec, clock: Clock
) -> ChainPort:
    """Attach a core of the simulation."""
    chain = attach(url, payloads, clock)
    return chain if isinstance(chain, NoChain) else SimChain(process, chain, is_written)


def unreliable(path: Path, random: Random) -> str:
    """Return the address of a chain with faults of its own."""
    odds = {
        "latency_ms": random.choice((0, 20, 400)),
        "refused": random.choice((0.0, 0.05, 0.3)),
        "not_ready": random.choice((0.0, 0.05, 0.3)),
        "lost_requests": random.choice((0.0, 0.05)),
        "lost_answers": random.choice((0.0, 0.05)),
    }
    return f"fake:{path}?" + "&".join(f"{name}={value}" for name, value in odds.items())


@dataclass
class ChainJudge:
    """What must hold between the chain's memory and the log (C11)."""

    outcomes: set[str] = field(default_factory=set)
    """The intents whose outcome is in the log."""

    def judge(self, path: Path) -> list[str]:
        """Return what the chain has done that the log does not say, and the other way round."""
        ledger = FakeLedger(path)
        with ledger.locked():
            lines = list(ledger.outcomes.values())
        accepted = [line for line in lines if line.what == "accepted"]
        coins = [line.coin for line in accepted]
        faults = [f"the {coin} was spent twice" for coin in sorted(set(coins)) if coins.count(coin) > 1]
        known = {line.intent for line in lines}
        faults += [
            f"{line.intent} is on the chain, the log does not know"
            for line in lines
            if line.intent not in self.outcomes
        ]
        faults += [f"{intent} has an outcome that the chain never gave" for intent in sorted(self.outcomes - known)]
        return faults
