"""Addresses and signatures, with the test vectors of api.md 4.4 and proofs.md."""

import msgspec
import pytest

from twilight.wire import bincode, ristretto
from twilight.wire.client_messages import (
    CancelTraderOrderMessage,
    QueryMessage,
    decode_message,
    encode_message,
)
from twilight.wire.errors import Quarantine
from twilight.wire.identity import (
    MAIN_NETWORK,
    TEST_NETWORK,
    Account,
    BadAddress,
    BadSignature,
    Identity,
    verify,
    verify_cancel,
    verify_query,
    verify_settle,
)
from twilight.wire.transactions import ZkosCancelMsg
from twilight.wire.transcript import Transcript
from twilight.wire.types import (
    CancelTraderOrder,
    Commitment,
    MemoBody,
    Output,
    OutputData,
    ScalarWitness,
    StateValue,
)

ADDRESS = (
    "0c18e23928e0bc9b41f968b58577b52d04bfafd0da055d15b82316022ca19f203f"
    "68288564ab204f9e1ba0431dc16e86a2a9d8798af13cc7c42a9cca55d3fa410b42678f36"
)
ADDRESS_HEX = ADDRESS.encode().hex()
QUERY = (
    f"8a00000000000000{ADDRESS_HEX}040000008a00000000000000{ADDRESS_HEX}4000000000000000"
    "eeed56eee0179b6463a6556cac467b4c3186fc7bc9f6b734d2e24303910be73c"
    "04a801e33d02014bbafecb8a4ebe34e704336bd8c14a4e7f29e0adac2dd2fe03"
)
CANCEL = CancelTraderOrder(ADDRESS, "668a85e3-1cef-4396-af6b-3294b24a8030", "LIMIT", "PENDING")
CANCEL_SIGNATURE = (
    "1e135bb63f567f300d12a4a7f3b4416665da1da9f6b6331688d3a5e7a764e637"
    "cc45abc924e855b5af12b9109777497608aa16b4a29aad3320cdafca8d4cd203"
)
ORDER_OF_GROUP = 2**252 + 27742317777372353535851937790883648493
IDENTITY = Identity.from_seed(b"a seed for tests")


def test_a_transcript_draws_what_the_rust_crate_draws() -> None:
    transcript = Transcript(b"test protocol")
    transcript.append(b"some label", b"some data")
    assert (
        transcript.challenge(b"challenge", 32).hex()
        == "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
    )


def test_a_draw_is_committed_to_and_its_length_too() -> None:
    draws = []
    for first, second in ((32, 32), (32, 33), (200, 32)):
        transcript = Transcript(b"t")
        transcript.append(b"m", bytes(500))
        transcript.challenge(b"a", first)
        draws.append(transcript.challenge(b"b", second)[:32])
    assert len(set(draws)) == 3


def test_the_published_address_is_read_and_written() -> None:
    account = Account.parse(ADDRESS)
    assert account.address == ADDRESS
    assert account.network == MAIN_NETWORK


@pytest.mark.parametrize(
    "address",
    [
        "",
        ADDRESS[:-1],
        ADDRESS + "0",
        "0d" + ADDRESS[2:],
        ADDRESS[:-1] + "7",
        ADDRESS[:20] + "g" + ADDRESS[21:],
        " " + ADDRESS[1:],
        ADDRESS[:-1] + "\n",
        ADDRESS.upper(),
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        Account.parse(address)


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32, bytes([1]) + bytes(31)])
def test_the_identity_and_what_is_no_point_are_never_keys(key: bytes) -> None:
    for account in (Account(key, IDENTITY.account.grsk), Account(IDENTITY.account.gr, key)):
        with pytest.raises(BadAddress):
            Account.parse(account.address)


def test_the_published_query_verifies_and_no_other_status_does() -> None:
    query = decode_message(QueryMessage, QUERY)
    assert verify_query(query).address == ADDRESS
    assert encode_message(query) == QUERY
    with pytest.raises(BadSignature):
        verify_query(msgspec.structs.replace(query, order_status="FILLED"))


def test_the_published_cancellation_verifies() -> None:
    cancel = ZkosCancelMsg(ADDRESS, tuple(bytes.fromhex(CANCEL_SIGNATURE)))
    assert verify_cancel(CANCEL, cancel).address == ADDRESS
    message = bincode.encode(CancelTraderOrderMessage(CANCEL, cancel))
    assert (len(bincode.encode(CANCEL)), len(message)) == (178, 396)
    with pytest.raises(BadSignature):
        verify_cancel(msgspec.structs.replace(CANCEL, order_type="SLTP"), cancel)


def test_a_key_speaks_for_its_own_account_only() -> None:
    stranger = Identity.from_seed(b"another seed, 16+")
    query = msgspec.structs.replace(stranger.sign_query("FILLED"), account_id=IDENTITY.address)
    with pytest.raises(BadSignature, match="not the one that signs"):
        verify_query(query)
    signed = stranger.sign_cancel(CANCEL)
    with pytest.raises(BadSignature):
        verify_cancel(CANCEL, signed)


def memo(owner: str, size: int = 5) -> Output:
    number = StateValue(Scalar=ScalarWitness(Scalar=tuple(size.to_bytes(32, "little"))))
    closed = Commitment(Closed=tuple(ristretto.multiply_base(ristretto.random_scalar())))
    body = MemoBody("18" + "0" * 40, owner, closed, (number, StateValue(Commitment=closed), number), 0)
    return Output("Memo", OutputData(Memo=body))


def test_what_an_identity_signs_verifies() -> None:
    order = msgspec.structs.replace(CANCEL, account_id=IDENTITY.address)
    settle = IDENTITY.sign_settle(memo(IDENTITY.address))
    assert [IDENTITY.account] * 3 == [
        verify_query(IDENTITY.sign_query("PENDING")),
        verify_cancel(order, IDENTITY.sign_cancel(order)),
        verify_settle(IDENTITY.address, settle),
    ]
    with pytest.raises(BadSignature):
        verify_settle(IDENTITY.address, msgspec.structs.replace(settle, output=memo(IDENTITY.address, size=6)))
    with pytest.raises(BadSignature):
        verify_settle(ADDRESS, settle)
    with pytest.raises(Quarantine):
        verify_settle(IDENTITY.address, IDENTITY.sign_settle(msgspec.structs.replace(settle.output, out_type="Coin")))


def test_a_signature_has_one_encoding() -> None:
    signature = IDENTITY.sign(b"message")
    verify(IDENTITY.account, b"message", signature)
    shifted = int.from_bytes(signature[32:], "little") + ORDER_OF_GROUP
    for other in (
        signature[:32] + shifted.to_bytes(32, "little"),
        b"\xff" * 32 + signature[32:],
        signature[:-1],
        signature + b"\0",
        signature[:32] + bytes(32),
        bytes(64),
        b"",
    ):
        with pytest.raises(BadSignature):
            verify(IDENTITY.account, b"message", other)


def test_every_bit_of_message_and_signature_counts() -> None:
    signature = IDENTITY.sign(b"message")
    for bit in range(0, 512, 7):
        damaged = bytearray(signature)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadSignature):
            verify(IDENTITY.account, b"message", bytes(damaged))
    with pytest.raises(BadSignature):
        verify(IDENTITY.account, b"messagf", signature)


def test_a_seed_always_gives_the_same_identity_and_never_shows_its_secret() -> None:
    again = Identity.from_seed(b"a seed for tests")
    assert again == IDENTITY
    assert Identity.from_seed(b"a seed for tests", TEST_NETWORK).address.startswith("2c")
    assert IDENTITY.secret.hex() not in repr(IDENTITY)
    assert Identity.generate() != Identity.generate()
    with pytest.raises(ValueError, match="16 bytes"):
        Identity.from_seed(b"short")


@pytest.mark.parametrize("scalar", [bytes(32), ORDER_OF_GROUP.to_bytes(32, "little"), b"\xff" * 32])
def test_a_secret_is_a_canonical_scalar_other_than_zero(scalar: bytes) -> None:
    with pytest.raises(ValueError, match="canonical scalar"):
        Identity.of(scalar, IDENTITY.secret)
    with pytest.raises(ValueError, match="canonical scalar"):
        Identity.of(IDENTITY.secret, scalar)


def test_products_that_are_the_identity_are_the_identity() -> None:
    point = IDENTITY.account.gr
    assert [
        ristretto.multiply(bytes(32), point),
        ristretto.multiply(IDENTITY.secret, ristretto.IDENTITY),
        ristretto.multiply_base(bytes(32)),
    ] == [ristretto.IDENTITY] * 3
    assert ristretto.add(point, ristretto.IDENTITY) == point
