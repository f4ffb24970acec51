"""Payload hex: what the engine may know of it, strict and lenient (decisions C13)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from twilight.core.inputs.payloads import payloads
from twilight.domain.model.chain import PayloadError
from twilight.wire.bincode import decode_hex
from twilight.wire.client_messages import ENTRY_PRICE, POSITION_SIZE, memo_number, memo_of
from twilight.wire.types import Output

Payload = Callable[[str], str]


@pytest.fixture
def payload(shared_dir: Path) -> Payload:
    """Return the payload of a genuine command."""

    def of(kind: str) -> str:
        value = json.loads((shared_dir / "spec" / "examples" / f"command.{kind}.json").read_bytes())
        found: str = value[kind][2]
        return found

    return of


def memo(text: str | None) -> tuple[int, int]:
    """Return size and price of a memo."""
    assert text is not None
    data = memo_of(decode_hex(Output, text)).data
    assert data is not None
    return memo_number(data[POSITION_SIZE]), memo_number(data[ENTRY_PRICE])


@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_an_opens_memo_is_rewritten_with_the_figures_of_the_fill(payload: Payload, mode: str) -> None:
    assert memo(payloads(mode).open_memo(payload("CreateTraderOrder"), 66_001, 82_501_250_000, 250)) == (
        82_501_250_000,
        66_001,
    )


def test_a_deposits_memo_is_rewritten_with_the_shares(payload: Payload) -> None:
    assert memo(payloads("strict").deposit_memo(payload("CreateLendOrder"), 999))[0] == 999


def test_a_settle_message_names_the_owner_of_its_memo(payload: Payload) -> None:
    owner = payloads("strict").settle_owner(payload("ExecuteTraderOrder"))
    assert owner is not None
    assert owner.startswith("0c4769700cf98171d6")


@pytest.mark.parametrize("text", ["", "00", "zz", "0100000001"])
def test_a_payload_that_cannot_be_read_is_refused_or_gives_nothing(text: str) -> None:
    strict, lenient = payloads("strict"), payloads("lenient")
    for read in (
        lambda c: c.open_memo(text, 1, 1, 1),
        lambda c: c.deposit_memo(text, 1),
        lambda c: c.settle_owner(text),
    ):
        with pytest.raises(PayloadError):
            read(strict)
        assert read(lenient) is None
