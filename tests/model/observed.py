"""Reads what the engine wrote into the form of the model's expectations, and checks what holds for any record."""

import json
import math
import re
from typing import Any

from tests.model.expected import HASHED, Event

_NEGATIVE_ZERO = re.compile(rb"[:\[,]-0\.0[,\]}]")
_HASH = re.compile(r"[0-9A-F]{64}")


def observed(line: bytes) -> Event:
    """Return one record; asserts that it is well-formed, finite and free of negative zeros (I-23, R17)."""
    assert not _NEGATIVE_ZERO.search(line), f"negative zero (R17): {line!r}"
    record = json.loads(line, parse_constant=_refuse, parse_float=_finite)
    key, value = record["key"], record["value"]
    ((kind, content),) = value.items()
    assert key["event_type"] == kind
    assert key["event_version"] == "v0.1.3"
    agg_id = key["agg_id"]
    if kind in ("TxHash", "TxHashUpdate") and content["tx_hash"]:
        assert _HASH.fullmatch(content["tx_hash"]), content
        assert agg_id == f'tx_hash_result-"{content["tx_hash"]}"'
        agg_id, content["tx_hash"] = HASHED, HASHED
    return Event(kind, agg_id, _with_states_in_short(content), key["metadata"])


def _refuse(name: str) -> None:
    raise AssertionError(f"I-23: {name} in the log")


def _finite(text: str) -> float:
    value = float(text)
    assert math.isfinite(value), f"I-23: {text} in the log"
    return value


def _with_states_in_short(value: Any) -> Any:
    """Replace each pool state output by what matters of it: nonce and the two committed amounts."""
    if isinstance(value, list):
        return [_with_states_in_short(member) for member in value]
    if not isinstance(value, dict):
        return value
    if value.get("out_type") == "State":
        state = value["output"]["State"]
        (shares,) = state["state_variables"]
        return {
            "nonce": state["nonce"],
            "tlv": state["commitment"]["Open"]["value"]["Integer"],
            "tps": shares["Commitment"]["Open"]["value"]["Integer"],
        }
    return {name: _with_states_in_short(member) for name, member in value.items()}
