"""Points and scalars inside messages."""

import msgspec
import pytest

from twilight.wire import ristretto
from twilight.wire.encodings import check_encodings
from twilight.wire.errors import Quarantine
from twilight.wire.types import Commitment, MemoBody, OpenCommitment, Output, OutputData, ScalarWitness, StateValue

ORDER_OF_GROUP = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
SCALAR = ristretto.random_scalar()
POINT = ristretto.multiply_base(SCALAR)


def memo(point: bytes = POINT, blinding: bytes = SCALAR, number: bytes = bytes(32)) -> Output:
    opened = OpenCommitment(ScalarWitness(Integer=5), tuple(blinding))
    data = (
        StateValue(Scalar=ScalarWitness(Scalar=tuple(number))),
        StateValue(Commitment=Commitment(Open=opened)),
        StateValue(U64=7),
    )
    return Output("Memo", OutputData(Memo=MemoBody("", "", Commitment(Closed=tuple(point)), data, 0)))


def test_canonical_points_and_scalars_pass() -> None:
    check_encodings(memo())
    without = msgspec.structs.replace(memo().output.Memo, data=None)
    check_encodings(Output("Memo", OutputData(Memo=without)))


@pytest.mark.parametrize(
    "wrong",
    [
        memo(point=b"\xff" * 32),
        memo(point=bytes([1]) + bytes(31)),
        memo(blinding=ORDER_OF_GROUP),
        memo(number=b"\xff" * 32),
    ],
)
def test_one_that_is_not_canonical_is_refused(wrong: Output) -> None:
    with pytest.raises(Quarantine, match="BAD_BINARY: expected a canonical"):
        check_encodings(wrong)
