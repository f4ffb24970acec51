"""What clients send: every kind of command, sound and unsound, repeated, oversized, and bytes that are none.

They know the exchange as clients do: by the events that are in the log.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from twilight.bus import Record
from twilight.wire.bincode import HEX_CHARACTERS_MAX

SETTLE_MESSAGE = {
    "output": {
        "out_type": "Coin",
        "output": {"Coin": {"encrypt": {"c": [0] * 32, "d": [0] * 32}, "owner": "nobody"}},
    },
    "signature": [0] * 64,
}
NIL = "00000000-0000-0000-0000-000000000000"
JUNK = (
    b"",
    b"hello",
    b"{}",
    b"null",
    b"\xff\xfe\x00",
    b'{"Foo":[]}',
    b'{"CreateTraderOrder":[]}',
    b'{"RelayerCommandTraderOrderSettleOnLimit":[]}',
    b"[" * 5_000,
)


@dataclass
class Known:
    """A live order as its owner knows it."""

    account: str
    uuid: str
    is_long: bool = True
    status: str = "FILLED"


@dataclass
class Clients:
    """An endless stream of records for order queues."""

    random: Random
    price: float = 65_000.0
    accounts: list[str] = field(default_factory=list)
    trades: dict[str, Known] = field(default_factory=dict)
    lends: dict[str, Known] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    _requests: int = 0

    def learn(self, record: Record) -> None:
        """Take note of what an event says."""
        value = record.value or b""
        if value.startswith((b'{"TraderOrder', b'{"LendOrder')):
            order = next(iter(json.loads(value).values()))[0]
            known = self.lends if "new_lend_state_amount" in order else self.trades
            if order["order_status"] in ("FILLED", "PENDING"):
                long = order.get("position_type") == "LONG"
                known[order["uuid"]] = Known(order["account_id"], order["uuid"], long, order["order_status"])
            else:
                known.pop(order["uuid"], None)
        elif value.startswith(b'{"CurrentPriceUpdate'):
            self.price = json.loads(value)["CurrentPriceUpdate"][0]

    def next(self) -> bytes:
        """Return the next record's value."""
        kinds = (self._open, self._open_sltp, self._close, self._close_sltp, self._cancel, self._cancel_sltp)
        others = (self._deposit, self._withdraw, self._repeat, self._junk)
        made = self.random.choices((*kinds, *others), (30, 10, 14, 12, 6, 6, 7, 4, 6, 5))[0]()
        self.sent.append(made)
        return made

    # --- one method for each kind ---------------------------------------------------------------------

    def _open(self) -> bytes:
        return self._command("CreateTraderOrder", self._open_request())

    def _open_sltp(self) -> bytes:
        return self._command("CreateTraderOrderSlTp", self._open_request(), self._legs(), SETTLE_MESSAGE)

    def _close(self) -> bytes:
        return self._command("ExecuteTraderOrder", self._close_request("MARKET", "LIMIT"))

    def _close_sltp(self) -> bytes:
        return self._command("ExecuteTraderOrderSlTp", self._close_request("SLTP", "MARKET"), self._legs())

    def _cancel(self) -> bytes:
        return self._command("CancelTraderOrder", self._cancel_request("LIMIT"))

    def _cancel_sltp(self) -> bytes:
        legs = {"sl": self._chance(0.6), "tp": self._chance(0.6)}
        return self._command("CancelTraderOrderSlTp", self._cancel_request("SLTP"), legs)

    def _deposit(self) -> bytes:
        amount = self._amount(1 if self._chance(0.1) else 1_500, 20_000_000)
        request = {"account_id": self._account(), "balance": amount, "deposit": amount}
        return self._command("CreateLendOrder", {**request, "order_type": "LEND", "order_status": "PENDING"})

    def _withdraw(self) -> bytes:
        lend = self._pick(self.lends)
        request = {"account_id": lend.account, "uuid": lend.uuid, "order_type": "LEND", "settle_withdraw": 0.0}
        return self._command("ExecuteLendOrder", {**request, "order_status": "SETTLED", "poolshare_price": 0.0})

    def _repeat(self) -> bytes:
        return self.random.choice(self.sent[-200:]) if self.sent else self._junk()

    def _junk(self) -> bytes:
        kind = self.random.random()
        if kind < 0.15:
            return self._command("CreateTraderOrder", self._open_request(), payload="0" * (HEX_CHARACTERS_MAX + 2))
        if kind < 0.4 and self.sent:
            sound = self.random.choice(self.sent)
            return sound[: self.random.randrange(len(sound) + 1)]
        return self.random.choice(JUNK)

    # --- parts ------------------------------------------------------------------------------------------

    def _open_request(self) -> dict[str, Any]:
        margin = self._amount(1, 400_000)
        leverage = float(self.random.choice((1, 1, 2, 5, 10, 20, 50, 50, self.random.randint(0, 60))))
        return {
            "account_id": self._account(),
            "position_type": self.random.choice(("LONG", "SHORT")),
            "order_type": self.random.choice(("MARKET", "MARKET", "LIMIT")),
            "leverage": leverage,
            "initial_margin": margin,
            "available_margin": margin,
            "order_status": "PENDING",
            "entryprice": self._near(0.004),
            "execution_price": 0.0,
        }

    def _close_request(self, usual: str, other: str) -> dict[str, Any]:
        order = self._pick({uuid: order for uuid, order in self.trades.items() if order.status == "FILLED"})
        return {
            "account_id": order.account,
            "uuid": order.uuid,
            "order_type": usual if self._chance(0.7) else other,
            "settle_margin": 0.0,
            "order_status": "FILLED",
            "execution_price": self._near(0.004),
        }

    def _cancel_request(self, order_type: str) -> dict[str, Any]:
        resting = {uuid: order for uuid, order in self.trades.items() if order.status == "PENDING"}
        order = self._pick(resting if self._chance(0.7) else self.trades)
        request = {"account_id": order.account, "uuid": order.uuid, "order_type": order_type}
        return {**request, "order_status": "PENDING"}

    def _legs(self) -> dict[str, float | None] | None:
        if self._chance(0.05):
            return None
        return {leg: self._near(0.004) if self._chance(0.75) else None for leg in ("sl", "tp")}

    def _account(self) -> str:
        """Mostly a new account; sometimes one that may be occupied."""
        if self.accounts and self._chance(0.1):
            return self.random.choice(self.accounts)
        self.accounts.append(f"account-{self.random.getrandbits(64):016x}")
        return self.accounts[-1]

    def _pick(self, known: dict[str, Known]) -> Known:
        """Return a live order; sometimes with a stranger for an owner, sometimes one that does not exist."""
        if not known or self._chance(0.05):
            return Known(self._account(), NIL)
        found = known[self.random.choice(list(known))]
        return Known("stranger", found.uuid) if self._chance(0.05) else found

    def _amount(self, least: int, most: int) -> float:
        """Return whole sats, small and large alike, and now and then what must be refused."""
        if self._chance(0.03):
            return self.random.choice((0.0, -5.0, 0.5, 2.0**52))
        return float(round(least * (most / least) ** self.random.random()))

    def _near(self, spread: float) -> float:
        return round(self.price * (1 + self.random.gauss(0, spread)), 2)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _command(self, kind: str, request: dict[str, Any], *more: object, payload: str = "00") -> bytes:
        self._requests += 1
        request_id = f"REQID{self.random.getrandbits(64):048X}{self._requests:016X}"
        body = [request, *more, {"metadata": {}}, payload, request_id]
        return json.dumps({kind: body}, separators=(",", ":")).encode()
