"""The model's front: the input lines of ``twilight core simulate`` in, the expected records out."""

import json
import re
from typing import Any

from tests.model import administration, cancelling, closing, funding, lending, opening, ticking
from tests.model.arithmetic import milliseconds
from tests.model.expected import ANYTHING, SOME_TEXT, Event
from tests.model.ledger import Ledger
from tests.model.rules import Rules

NIL_UUID = "00000000-0000-0000-0000-000000000000"
_MEMBERS = {
    "CreateTraderOrder": 4,
    "CreateTraderOrderSlTp": 6,
    "ExecuteTraderOrder": 4,
    "ExecuteTraderOrderSlTp": 5,
    "CancelTraderOrder": 4,
    "CancelTraderOrderSlTp": 5,
    "CreateLendOrder": 4,
    "ExecuteLendOrder": 4,
}
_REQUEST_ID = re.compile(r"REQID[0-9A-F]{64}")


class Model:
    """One exchange; `take` tells what its log must say after each input."""

    def __init__(self, rules: Rules, *, tlv: int = 200_000_000, tps: int = 200_000) -> None:
        self.ledger = Ledger(rules, tlv=tlv, tps=tps)
        self._founded = False

    def take(self, line: dict[str, Any]) -> list[Event]:
        """Return the records that this input must cause; raises `administration.RefusedCall`."""
        ledger = self.ledger
        ledger.events, ledger.request_id = [], ""
        ledger.now_ms = milliseconds(line["now"])
        if not self._founded:
            self._founded = True
            self._found()
        if "tick" in line:
            given = line["tick"]
            ticking.tick(ledger, given["price"], given.get("status", "HEALTHY"), given.get("flags", []))
        elif "command" in line:
            self._command(line)
        elif "funding_hour" in line:
            funding.fund(ledger, line["funding_hour"])
        else:
            administration.call(ledger, line["admin"]["method"], line["admin"]["params"])
        ledger.check_totals()
        return ledger.events

    def _command(self, line: dict[str, Any]) -> None:  # noqa: PLR0911 - one return for each kind
        command = line["command"]
        if not _is_command(command):
            return self._no_command(command)
        ((variant, content),) = command.items()
        request_id = content[-1]
        if request_id in self.ledger.request_ids:
            return None  # C7: its answer is in the log
        self.ledger.request_ids.add(request_id)
        self.ledger.request_id = request_id
        broker_ms = milliseconds(line["broker_ts"]) if "broker_ts" in line else None
        if variant.startswith("CreateTraderOrder"):
            return opening.create(self.ledger, command, line["uuid"], broker_ms)
        if variant.startswith("ExecuteTraderOrder"):
            return closing.execute(self.ledger, command, broker_ms)
        if variant.startswith("CancelTraderOrder"):
            return cancelling.cancel(self.ledger, command)
        if variant == "CreateLendOrder":
            return lending.deposit(self.ledger, command, line["uuid"])
        return lending.withdraw(self.ledger, command)

    def _no_command(self, value: Any) -> None:
        """C6: what is no command is answered, with its request id if that can be read."""
        found = _REQUEST_ID.findall(json.dumps(value))
        self.ledger.answer(
            NIL_UUID, ANYTHING, ANYTHING, "SerializationError", request_id=found[-1] if found else "", reason=SOME_TEXT
        )

    def _found(self) -> None:
        """F3: how an exchange begins."""
        ledger = self.ledger
        fees = list(ledger.fees.values())
        ledger.emit("FeeUpdate", f"FeeUpdate-{ledger.now}", [{"UpdateFees": fees}, ledger.now])
        ledger.emit("RiskParamsUpdate", f"RiskParamsUpdate-{ledger.now}", dict(ledger.params))
        ledger.emit("Stop", "StopLoadMSG", SOME_TEXT)
        ledger.emit("LendOrder", ANYTHING, [_Founder(ledger), ANYTHING, 1])
        pool = {
            "sequence": 0,
            "nonce": 1,
            "total_pool_share": ledger.tps,
            "total_locked_value": ledger.tlv,
            "pending_orders": {"nonce": 0, "len": 0, "amount": 0, "trader_order_data": []},
            "aggrigate_log_sequence": 1,
            "last_snapshot_id": 0,
            "last_output_state": ledger.state_output(1, ledger.tlv),
        }
        first = {"InitiateNewPool": [_Founder(ledger), ANYTHING, ledger.tlv]}
        ledger.emit("PoolUpdate", "Initiate_Lend_Pool", [first, pool, 1])
        ledger.emit("FundingRateUpdate", f"insert_fundingrate-{ledger.now_us}", [0.0, 0.0, ledger.now])


def _is_command(value: Any) -> bool:
    """Say whether the value has a command's form; the scenarios send none whose members are of a wrong type."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((variant, content),) = value.items()
    return variant in _MEMBERS and isinstance(content, list) and len(content) == _MEMBERS[variant]


class _Founder:
    """Equal to the pool owner's own lend order (1.4, W-50: all in sats)."""

    def __init__(self, ledger: Ledger) -> None:
        self.told = {
            "balance": ledger.tlv,
            "deposit": ledger.tlv,
            "order_status": "SETTLED",
            "order_type": "LEND",
            "exit_nonce": 1,
            "npoolshare": ledger.tps * 10_000,
            "entry_sequence": 1,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and self.told.items() <= other.items()

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"Founder({self.told!r})"
