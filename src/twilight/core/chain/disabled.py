"""No chain is attached: the domain answers in the same step (`domain.chain.Disabled`), so nothing ever comes here."""

from twilight.core.chain.port import Heard
from twilight.domain.model.inflight import Intent
from twilight.ops.errors import SettingsError


class NoChain:
    """Refuses what an attached chain has left open."""

    def send(self, intent: Intent) -> None:
        """Refuse: without a chain there are no intents."""
        self.ask(intent)

    def ask(self, intent: Intent) -> None:
        """Refuse; raises `SettingsError`: only the chain that was asked can say what became of it."""
        open_ = f"{intent.id} was sent to a chain and is not answered"
        raise SettingsError([f"ENABLE_ZKOS_CHAIN_TRANSACTION: expected true, found false: {open_}"])

    def heard(self) -> list[Heard]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Return: there is nothing to end."""
