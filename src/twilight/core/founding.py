"""The first input of an empty log: what the settings say of fees, limits and the pool's first state (engine 1.4)."""

from collections.abc import Callable

from twilight.core.settings import CoreSettings
from twilight.domain.lending.pool_changes import SHARE_SCALE
from twilight.domain.model.inputs import Genesis
from twilight.domain.model.numbers import EXACT_FLOAT_MAX
from twilight.ops.errors import SettingsError
from twilight.wire.bincode import decode_hex
from twilight.wire.errors import Quarantine
from twilight.wire.translate import Untranslatable, state_output_from_wire
from twilight.wire.types import Output


def genesis(settings: CoreSettings, new_uuid: Callable[[], str]) -> Genesis:
    """Return the founding of the exchange; raises `SettingsError` for an initial state that cannot be read."""
    fees = (
        settings.filled_on_market,
        settings.filled_on_limit,
        settings.settled_on_market,
        settings.settled_on_limit,
    )
    params = {
        "max_oi_mult": settings.risk_max_oi_mult,
        "max_net_mult": settings.risk_max_net_mult,
        "max_position_pct": settings.risk_max_position_pct,
        "min_position_sats": settings.risk_min_position_btc,
        "max_leverage": settings.risk_max_leverage,
        "mm_ratio": settings.risk_mm_ratio,
    }
    founding = Genesis(new_uuid(), fees=fees, risk_params=params)
    return _with_state(founding, settings.relayer_init_state) if settings.relayer_init_state else founding


def _check(name: str, found: int, below: int) -> None:
    """Raise `SettingsError` for what the pool could not count exactly (R23)."""
    if not 1 <= found < below:
        raise SettingsError([f"RELAYER_INIT_STATE: expected a {name} from 1 to below {below}, found {found}"])


def _with_state(founding: Genesis, text: str) -> Genesis:
    try:
        state = state_output_from_wire(decode_hex(Output, text))
    except (Quarantine, Untranslatable) as fault:
        raise SettingsError([f"RELAYER_INIT_STATE: expected the hex of a state output: {fault}"]) from fault
    _check("pool value", state.tlv.value, EXACT_FLOAT_MAX)
    _check("number of pool shares", state.tps.value, EXACT_FLOAT_MAX // SHARE_SCALE)
    founding.nonce, founding.script_address, founding.owner = state.nonce, state.script_address, state.owner
    founding.tlv_sats, founding.tlv_blinding = state.tlv.value, state.tlv.blinding
    founding.tps, founding.tps_blinding = state.tps.value, state.tps.blinding
    return founding
