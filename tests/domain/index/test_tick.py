import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from twilight.domain.index import tick as ticks
from twilight.domain.index.tick import FeedStatus, MalformedTickError, PriceTick

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SPECIFIED_TEXT = "PF1|BTC-USD|1723161254000|42|1723161264250|6182257000000|HEALTHY|8|5|27|"
SPECIFIED_JSON = (
    '{"type":"price","v":1,"pair":"BTC-USD","epoch":1723161254000,"seq":42,"ts":1723161264250,'
    '"price":"61822.57","price_e8":6182257000000,"status":"HEALTHY","flags":[],"n":8,"n_usd":5,'
    '"dispersion_cbps":27,"raw_e8":6182256956850,"kid":"56475aa75463474c",'
    '"sig":"rJLVG2OnRbrSUR1faphd7jNyB0g6cvsO3FZ+SouP4j+sNHV8xZF6ueFtDmEsAxJDnE+EYpFaZ+3JoSka2dD8Bw=="}'
)


def signer(message: bytes) -> str:
    return base64.b64encode(KEY.sign(message)).decode()


def specified() -> PriceTick:
    return ticks.decode(SPECIFIED_JSON)


def changed(**members: object) -> str:
    return json.dumps(json.loads(SPECIFIED_JSON) | members)


def test_the_key_id_is_the_start_of_the_hash_of_the_public_key() -> None:
    assert ticks.key_id(PUBLIC) == "56475aa75463474c"


def test_the_signed_text_and_signature_are_those_of_the_specification() -> None:
    unsigned = specified()._replace(kid="", sig="")
    signed = ticks.sign(unsigned, ticks.key_id(PUBLIC), signer)
    assert ticks.signed_text(signed) == SPECIFIED_TEXT
    assert signed == specified()


def test_a_published_tick_reads_back_and_writes_out_byte_for_byte() -> None:
    assert ticks.encode(specified()).decode() == SPECIFIED_JSON


def test_the_signed_text_in_event_metadata_gives_the_tick_again() -> None:
    tick = specified()._replace(flags=("DISPERSED", "STEP_LIMITED"), raw_e8=0)
    assert ticks.parse_signed_text(ticks.signed_text(tick), kid=tick.kid, sig=tick.sig) == tick


def test_a_starting_tick_has_no_price() -> None:
    tick = specified()._replace(status=FeedStatus.STARTING, price_e8=0, raw_e8=0)
    assert ticks.to_wire(tick)["price"] is None
    assert ticks.decode(ticks.encode(tick)) == tick


def test_a_step_limited_healthy_tick_gates_like_degraded() -> None:
    assert specified().gating_status is FeedStatus.HEALTHY
    assert specified()._replace(flags=("STEP_LIMITED",)).gating_status is FeedStatus.DEGRADED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 100_000,
        changed(v=2),
        changed(type="trade"),
        changed(seq=-1),
        changed(seq=True),
        changed(seq=1.0),
        changed(price="61822.58"),
        changed(price=61822.57),
        changed(status="FINE"),
        changed(flags=["b", "a"]),
        changed(flags=["a|b"]),
        changed(flags="none"),
        changed(kid="é"),
        changed(pair="BTC|USD"),
    ],
)
def test_what_is_no_tick_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(MalformedTickError, match="must"):
        ticks.decode(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PF2" + SPECIFIED_TEXT[3:],
        SPECIFIED_TEXT.replace("|42|", "|042|"),
        SPECIFIED_TEXT.replace("|42|", "|x|"),
    ],
)
def test_what_is_no_signed_text_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(MalformedTickError, match="must"):
        ticks.parse_signed_text(text, kid="", sig="")
