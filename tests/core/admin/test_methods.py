"""The administrator's requests: what is read, and what is refused (engine 11)."""

import json

import pytest

from twilight.core.admin import methods as admin
from twilight.core.admin.methods import AdminFault, call_of, parse
from twilight.domain.model.inputs import RecalculateRiskStateCall


@pytest.mark.parametrize(
    ("method", "params", "named"),
    [
        ("SetMarketHalt", {"enabled": True, "pause_price_fed": True}, "pause_price_fed"),
        ("UpdateRiskParams", {"max_leverge": 5}, "max_leverge"),
    ],
)
def test_a_member_that_the_method_does_not_have_is_refused(method: str, params: object, named: str) -> None:
    with pytest.raises(AdminFault, match=named) as refused:
        call_of(method, params)
    assert refused.value.code == admin.INVALID_PARAMS


@pytest.mark.parametrize("params", [None, {}, []])
def test_a_method_without_params_takes_none(params: object) -> None:
    assert call_of("RecalculateRiskState", params) == RecalculateRiskStateCall()


@pytest.mark.parametrize("method", ["Nothing", "UpdateFees"])
def test_a_refused_request_is_answered_under_its_id(method: str) -> None:
    with pytest.raises(AdminFault) as refused:
        parse(json.dumps({"jsonrpc": "2.0", "method": method, "id": 17}).encode())
    assert refused.value.request_id == 17
