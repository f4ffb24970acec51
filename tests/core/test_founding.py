"""The pool's first state, as the settings name it."""

import pytest

from twilight.core.founding import genesis
from twilight.core.settings import CoreSettings
from twilight.domain.genesis import first_pool
from twilight.domain.model.inputs import Genesis
from twilight.ops.errors import SettingsError
from twilight.wire.bincode import encode_hex
from twilight.wire.translate.records import STATE_OUTPUT


def founded(*, tlv_sats: int, tps: int) -> Genesis:
    output = first_pool(Genesis("u", tlv_sats=tlv_sats, tps=tps, nonce=7)).last_output_state
    assert output is not None
    settings = CoreSettings(
        price_feeds="ws://feeder:1/",
        price_feed_keys="ab" * 32,
        relayer_init_state=encode_hex(STATE_OUTPUT.to_wire(output)),
    )
    return genesis(settings, lambda: "u")


def test_the_pool_begins_as_its_state_on_the_chain_says() -> None:
    found = founded(tlv_sats=123_456_789, tps=4_321)
    assert (found.tlv_sats, found.tps, found.nonce) == (123_456_789, 4_321, 7)


@pytest.mark.parametrize(("tlv_sats", "tps"), [(0, 1), (2**53, 1), (1, 0), (1, 2**53 // 10_000)])
def test_a_pool_that_cannot_be_counted_exactly_is_refused(tlv_sats: int, tps: int) -> None:  # R23
    with pytest.raises(SettingsError, match=r"RELAYER_INIT_STATE: expected a .* from 1 to below"):
        founded(tlv_sats=tlv_sats, tps=tps)
