"""Which request an answer without a request id belongs to (storage specification 5.5, api specification 6).

A fill, a liquidation or a close by a trigger says nothing of a request; it takes the id of the newest earlier answer of
its order that made it possible. Written from the specification, sharing nothing with the archiver's statement.
"""

from twilight.wire.types import TxHashData

_RESTED, _OPENED = ("PENDING",), ("FILLED", "PENDING")
_MADE_POSSIBLE_BY: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("FILLED", None): _RESTED,
    ("LIQUIDATE", None): _OPENED,
    ("SETTLED", "LIMIT"): ("LimitPriceAdded", "LimitPriceUpdated"),
    ("SETTLED", "Stoploss"): ("StopLossAdded", "StopLossUpdated"),
    ("SETTLED", "Takeprofit"): ("TakeProfitAdded", "TakeProfitUpdated"),
}
_REMEMBERED = frozenset(status for statuses in _MADE_POSSIBLE_BY.values() for status in statuses)
_ENDS = frozenset({"SETTLED", "LIQUIDATE"})


class RequestIds:
    """The ids of the answers so far, by order and status; an order that has ended is forgotten."""

    def __init__(self) -> None:
        self._of_order: dict[str, dict[str, tuple[int, str]]] = {}

    def filled(self, offset: int, answer: TxHashData) -> str | None:
        """Return the request id that an answer must show, and remember it for those after it."""
        known = self._of_order.get(answer.order_id, {})
        found = answer.request_id or self._newest(known, answer)
        if answer.order_status in _ENDS:
            self._of_order.pop(answer.order_id, None)
        elif found is not None and answer.order_status in _REMEMBERED:
            self._of_order.setdefault(answer.order_id, {})[answer.order_status] = (offset, found)
        return found

    def forget(self, order_id: str) -> None:
        """Forget an order that was cancelled: a refused request says CANCELLED too, so its answer cannot tell."""
        self._of_order.pop(order_id, None)

    def _newest(self, known: dict[str, tuple[int, str]], answer: TxHashData) -> str | None:
        status = answer.order_status
        causes = _MADE_POSSIBLE_BY.get((status, answer.order_type)) or _MADE_POSSIBLE_BY.get((status, None), ())
        found = [known[cause] for cause in causes if cause in known]
        return max(found)[1] if found else None
