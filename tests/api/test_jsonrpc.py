import asyncio
import json
from typing import Any, Literal

import msgspec
import pytest

from twilight.api.errors import CallFailed
from twilight.api.jsonrpc import Core, Limits
from twilight.api.registry import Registry
from twilight.api.scalars import Timestamp


class ById(msgspec.Struct, frozen=True):
    id: str
    limit: int | None = None


class Lookup(msgspec.Struct, frozen=True):
    TxId: ById | None = None
    AccountId: ById | None = None


def registry() -> Registry:
    methods = Registry()

    @methods.method("nothing")
    async def nothing(_call: object) -> str:
        return "here"

    @methods.method("add")
    async def add(_call: object, *, left: int, right: int = 10) -> int:
        return left + right

    @methods.method("since")
    async def since(_call: object, *, from_: Timestamp, unit: Literal["A", "B"]) -> str:
        return f"{from_.isoformat()} {unit}"

    @methods.method("lookup")
    async def lookup(_call: object, query: Lookup) -> str:
        return query.TxId.id if query.TxId else "none"

    @methods.method("refuse")
    async def refuse(_call: object) -> None:
        raise CallFailed("Order not found", reason="ORDER_NOT_FOUND")

    @methods.method("break")
    async def break_(_call: object) -> None:
        raise RuntimeError("select secret from password")

    @methods.method("big")
    async def big(_call: object, *, size: int) -> str:
        return "x" * size

    return methods


def reply(body: bytes | str, **limits: int) -> tuple[int, Any]:
    text = body.encode() if isinstance(body, str) else body
    answer = asyncio.run(Core(registry(), limits=Limits(**limits)).answer(text, None))
    return answer.status, json.loads(answer.body) if answer.body else None


def result(body: bytes | str, **limits: int) -> Any:
    return reply(body, **limits)[1]


def call(method: str, params: str | None = None, id_: str = "1") -> str:
    middle = "" if params is None else f',"params":{params}'
    return f'{{"jsonrpc":"2.0","method":"{method}"{middle},"id":{id_}}}'


def code(answer: Any) -> int:
    return int(answer["error"]["code"])


@pytest.mark.parametrize("params", [None, "null", "[]", "{}"])
def test_a_method_without_parameters_takes_all_four_forms_of_none(params: str | None) -> None:
    assert result(call("nothing", params)) == {"jsonrpc": "2.0", "result": "here", "id": 1}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ('{"left":1,"right":2}', 3),
        ('{"left":1}', 11),
        ("[1,2]", 3),
        ("[ 1 ]", 11),
        ('{"left":1,"right":2,"other":[]}', 3),
    ],
)
def test_named_parameters_come_as_an_object_or_in_their_order(params: str, expected: int) -> None:
    assert result(call("add", params))["result"] == expected


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (None, "missing field `left`"),
        ('{"right":1}', "missing field `left`"),
        ('{"left":"1"}', "Expected `int`, got `str` - at `$.left`"),
        ("[1,2,3]", "at most 2 parameters expected, found 3"),
        ('"text"', "Expected `object`, got `str`"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_with_the_reason(params: str | None, message: str) -> None:
    answer = result(call("add", params))
    assert answer["error"] == {"code": -32602, "message": message}


@pytest.mark.parametrize("moment", ["2023-09-25T00:01:00.0Z", "2023-09-25 05:31:00+05:30"])
def test_times_come_with_t_or_blank_and_any_offset(moment: str) -> None:
    answer = result(call("since", f'{{"from":"{moment}","unit":"A"}}'))
    assert answer["result"][10:16] in ("T00:01", "T05:31")


@pytest.mark.parametrize("moment", ["2023-09-25T00:01:00", "2023-09-25", "yesterday", ""])
def test_a_time_without_offset_is_refused(moment: str) -> None:
    assert code(result(call("since", f'{{"from":"{moment}","unit":"A"}}'))) == -32602


def test_a_tagged_variant_is_the_params_object_itself() -> None:
    assert result(call("lookup", '{"TxId":{"id":"a"}}'))["result"] == "a"


@pytest.mark.parametrize(
    "id_",
    ["0", "-7", "12345678901234567890123456789012", "1.50", "1e400", '"a\\u0062\\n"', '"é"', "null", '""'],
)
def test_the_id_comes_back_as_the_same_text(id_: str) -> None:
    body = asyncio.run(Core(registry()).answer(call("nothing", id_=id_).encode(), None)).body
    assert body == f'{{"jsonrpc":"2.0","result":"here","id":{id_}}}'.encode()


@pytest.mark.parametrize("id_", ["{}", "[1]", "true", '"\\ud800"'])
def test_an_id_that_cannot_be_echoed_is_no_request(id_: str) -> None:
    answer = result(call("nothing", id_=id_))
    assert (code(answer), answer["id"]) == (-32600, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"jsonrpc":"2.0","method":"nothing","id":1,"id":2}',
        '{"jsonrpc":"2.0","method":"nothing","method":"add","id":1}',
        '{"jsonrpc":"2.0","method":"nothing","\\u0069d":1,"id":2}',
        '{"jsonrpc": "2.0", "method": "nothing", "id": 1,"id":1}',
        '{ "jsonrpc":"2.0","method":"nothing","id":1,"x":1,"x":1 }',
    ],
)
def test_doubled_members_are_no_request(body: str) -> None:
    answer = result(body)
    assert (code(answer), answer["id"]) == (-32600, None)


@pytest.mark.parametrize(
    "body",
    [
        '{ "jsonrpc" : "2.0" , "method" : "add" , "params" : { "left" : 1 , "right" : 2 } , "id" : 1 }',
        '{"jsonrpc": "2.0", "method": "add", "params": {"left": 1, "right": 2}, "id": 1}',
        '\n{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}\n',
        '{"jsonrpc":"2.0","method":"\\u0061dd","params":[1,2],"id":1,"é":2}',
    ],
)
def test_blanks_and_escapes_change_nothing(body: str) -> None:
    assert result(body) == {"jsonrpc": "2.0", "result": 3, "id": 1}


@pytest.mark.parametrize("body", ["", "   ", "hello", '"text"', "1", b"\xff\xfe", b"\x00{}"])
def test_a_body_that_is_no_json_object_or_array_is_a_bad_request(body: str | bytes) -> None:
    status, answer = reply(body)
    assert (status, code(answer), answer["id"]) == (400, -32700, None)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"jsonrpc":"2.0"',
        "[1,",
        '{"jsonrpc":"2.0","method":"nothing","id":01}',
        b'{"jsonrpc":"2.0","method":"nothing","id":"\xff"}',
        '{"jsonrpc":"2.0","method":"nothing","id":NaN}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        "[" * 100_000,
    ],
)
def test_json_that_breaks_off_is_a_parse_error(body: str | bytes) -> None:
    status, answer = reply(body)
    assert (status, code(answer), answer["id"]) == (200, -32700, None)


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ('{"method":"nothing","id":1}', 1),
        ('{"jsonrpc":"1.0","method":"nothing","id":1}', 1),
        ('{"jsonrpc":"2.0","id":"x"}', "x"),
        ('{"jsonrpc":"2.0","method":1}', None),
        ("{}", None),
    ],
)
def test_an_object_that_is_no_request_is_told_so_under_its_id(body: str, id_: object) -> None:
    answer = result(body)
    assert (code(answer), answer["id"]) == (-32600, id_)


@pytest.mark.parametrize("depth", [500, 900, 950, 970, 980, 990, 1_100, 100_000])
def test_however_deep_a_body_is_nested_it_is_answered_and_costs_no_other_call(depth: int) -> None:
    deep = '{"jsonrpc":"2.0","method":"add","params":' + "[" * depth + "]" * depth + ' ,"id":1}'
    _, alone = reply(deep)
    assert code(alone) in {-32700, -32602}
    _, together = reply('[{"jsonrpc":"2.0","method":"nothing","id":7},' + deep + "]")
    if isinstance(together, list):
        assert together[0] == {"jsonrpc": "2.0", "result": "here", "id": 7}
        assert code(together[1]) == code(alone)
    else:
        assert code(together) == -32700


def test_an_unknown_method_is_told_so() -> None:
    answer = result(call("unknown"))
    assert answer["error"] == {"code": -32601, "message": "Method not found"}


def test_a_failed_call_carries_its_text_and_a_stable_reason() -> None:
    answer = result(call("refuse"))
    expected = {"code": -32000, "message": "Order not found", "data": {"reason": "ORDER_NOT_FOUND"}}
    assert answer["error"] == expected


def test_a_fault_of_ours_tells_nothing_of_the_inside() -> None:
    answer = result(call("break"))
    assert answer["error"] == {"code": -32603, "message": "Internal error"}


@pytest.mark.parametrize("method", ["nothing", "unknown", "refuse", "break"])
def test_a_notification_is_run_without_an_answer(method: str) -> None:
    assert reply(f'{{"jsonrpc":"2.0","method":"{method}"}}') == (200, None)


def test_a_batch_is_answered_in_its_order() -> None:
    body = f"[{call('add', '[1,2]', '7')}, 1, {call('unknown', id_='8')}]"
    answers = result(body)
    assert [answer["id"] for answer in answers] == [7, None, 8]
    assert [answer.get("result", answer.get("error", {}).get("code")) for answer in answers] == [3, -32600, -32601]


def test_an_empty_batch_is_no_request() -> None:
    assert code(result("[]")) == -32600


def test_a_batch_of_notifications_has_no_answer() -> None:
    assert reply('[{"jsonrpc":"2.0","method":"nothing"}]') == (200, None)


def test_a_batch_beyond_the_limit_is_refused_whole() -> None:
    assert code(result("[1,1,1]", batch_calls_max=2)) == -32600


def test_an_answer_beyond_the_limit_is_replaced_by_an_error() -> None:
    answer = result(call("big", "[100]"), response_bytes_max=50)
    assert (code(answer), answer["id"]) == (-32702, 1)


def test_a_batch_whose_answers_together_are_too_long_is_one_error() -> None:
    body = f"[{call('big', '[60]')},{call('big', '[60]')}]"
    answer = result(body, response_bytes_max=150)
    assert (code(answer), answer["id"]) == (-32702, None)


def test_calls_beyond_the_limit_are_shed() -> None:
    answer = result(call("nothing"), calls_max=0)
    assert answer["error"]["code"] == -32604
