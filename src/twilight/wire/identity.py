"""Who signs: account addresses, keys, and the signatures of order messages and queries (api.md 4).

An account is a pair of Ristretto points ``(gr, grsk)`` with ``grsk = sk * gr``; its address spells the
network, the pair and a checksum. A signature is Schnorr's over a Merlin transcript. Everything that comes
from outside is checked to be canonical, and the identity is never a key (decisions E8).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Self

import sha3  # type: ignore[import-untyped]

from twilight.wire import bincode, ristretto
from twilight.wire.client_messages import QueryMessage, memo_of
from twilight.wire.errors import WireError
from twilight.wire.transactions import Input, ZkosCancelMsg
from twilight.wire.transcript import Transcript
from twilight.wire.types import Bytes64, CancelTraderOrder, OrderStatus, Output, Wire, ZkosSettleMsg

MAIN_NETWORK: Final = 12
TEST_NETWORK: Final = 44
ADDRESS_DIGITS: Final = 138

_ADDRESS: Final = re.compile(r"[0-9a-f]{138}", re.ASCII)
_SEED_BYTES_MIN: Final = 16


class IdentityError(WireError):
    """Base of the refusals below; the text says what was expected and found."""


class BadAddress(IdentityError):
    """The text is no account address, or its keys are none."""


class BadSignature(IdentityError):
    """The signature is not the account's over these bytes."""


@dataclass(frozen=True, slots=True)
class Account:
    """The public half of an identity: what an address spells."""

    gr: bytes
    grsk: bytes
    network: int = MAIN_NETWORK

    @classmethod
    def parse(cls, address: str) -> Self:
        """Return the account of an address; it has one spelling, so that an account is not two to those who compare.

        Raises:
            BadAddress: length, digits, network, checksum or a key is wrong.
        """
        if _ADDRESS.fullmatch(address) is None:
            raise BadAddress(f"expected {ADDRESS_DIGITS} lower-case hex digits, found {len(address)} characters")
        raw = bytes.fromhex(address)
        if raw[0] not in (MAIN_NETWORK, TEST_NETWORK):
            raise BadAddress(f"expected network {MAIN_NETWORK} or {TEST_NETWORK}, found {raw[0]}")
        if _checksum(raw[:65]) != raw[65:]:
            raise BadAddress("the checksum does not fit")
        account = cls(raw[1:33], raw[33:65], raw[0])
        for name, key in (("gr", account.gr), ("grsk", account.grsk)):
            if key == ristretto.IDENTITY or not ristretto.is_point(key):
                raise BadAddress(f"expected a point other than the identity as {name}")
        return account

    @property
    def address(self) -> str:
        """The account's address, 138 lower-case hex digits."""
        body = bytes((self.network,)) + self.gr + self.grsk
        return (body + _checksum(body)).hex()


def _checksum(body: bytes) -> bytes:
    digest: bytes = sha3.keccak_256(body).digest()
    return digest[:4]


class SignedQuery(Wire, frozen=True, gc=False):
    """The part of a query envelope that is signed (api.md 4.1)."""

    account_id: str
    order_status: OrderStatus


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """An account and its secret scalar."""

    account: Account
    secret: bytes

    @classmethod
    def from_seed(cls, seed: bytes, network: int = MAIN_NETWORK) -> Self:
        """Return the identity that a seed stands for; the same seed always gives the same one.

        Raises:
            ValueError: the seed has less than 16 bytes.
        """
        if len(seed) < _SEED_BYTES_MIN:
            raise ValueError(f"expected a seed of at least {_SEED_BYTES_MIN} bytes, found {len(seed)}")
        return cls.of(_derive(seed, b"secret"), _derive(seed, b"base"), network)

    @classmethod
    def generate(cls, network: int = MAIN_NETWORK) -> Self:
        """Return a fresh identity."""
        return cls.of(ristretto.random_scalar(), ristretto.random_scalar(), network)

    @classmethod
    def of(cls, secret: bytes, base: bytes, network: int = MAIN_NETWORK) -> Self:
        """Return the identity with this secret scalar on the point ``base * B``.

        Raises:
            ValueError: one of the scalars is zero or not canonical.
        """
        for scalar in (secret, base):
            if scalar == ristretto.ZERO or not ristretto.is_scalar(scalar):
                raise ValueError("expected a canonical scalar other than zero")
        gr = ristretto.multiply_base(base)
        return cls(Account(gr, ristretto.multiply(secret, gr), network), secret)

    @property
    def address(self) -> str:
        """The account's address."""
        return self.account.address

    def __repr__(self) -> str:
        """Name the account only: a secret never reaches a log."""
        return f"Identity({self.address})"

    def sign(self, signed: bytes) -> bytes:
        """Return a signature (R, then s) over these bytes."""
        nonce = ristretto.random_scalar()
        commitment = ristretto.multiply(nonce, self.account.gr)
        challenge = _challenge(self.account, signed, commitment)
        return commitment + ristretto.scalar_add(nonce, ristretto.scalar_multiply(challenge, self.secret))

    def sign_settle(self, output: Output) -> ZkosSettleMsg:
        """Return the settle message of a memo that this identity owns."""
        return ZkosSettleMsg(output, _numbers(self.sign(bincode.encode(output))))

    def sign_cancel(self, order: CancelTraderOrder) -> ZkosCancelMsg:
        """Return the proof of a cancellation."""
        return ZkosCancelMsg(self.address, _numbers(self.sign(bincode.encode(order))))

    def sign_input(self, spent: Input) -> Bytes64:
        """Return the signature of a coin that this identity spends, over the input's bytes."""
        return _numbers(self.sign(bincode.encode(spent)))

    def sign_query(self, order_status: str) -> QueryMessage:
        """Return the envelope of a query for this identity's orders."""
        signed = bincode.encode(SignedQuery(self.address, order_status))
        return QueryMessage(self.address, order_status, self.address, _numbers(self.sign(signed)))


def _derive(seed: bytes, purpose: bytes) -> bytes:
    return ristretto.reduce(hmac.digest(b"twilight identity " + purpose, seed, hashlib.sha512))


def _numbers(signature: bytes) -> Bytes64:
    return tuple(signature)


def _challenge(account: Account, signed: bytes, commitment: bytes) -> bytes:
    transcript = Transcript(b"zkschnorr.sign_message")
    transcript.append(b"PublicKeySign", signed)
    transcript.append(b"dom-sep", b"zkschnorr v1")
    transcript.append(b"G", account.gr)
    transcript.append(b"H", account.grsk)
    transcript.append(b"R", commitment)
    return ristretto.reduce(transcript.challenge(b"challenge", 64))


def verify(account: Account, signed: bytes, signature: bytes) -> None:
    """Return if the signature is the account's over these bytes.

    Raises:
        BadSignature: it is not, or R or s is not canonical.
    """
    commitment, response = signature[:32], signature[32:]
    if not ristretto.is_point(commitment) or not ristretto.is_scalar(response):
        raise BadSignature("expected a canonical point and a canonical scalar")
    challenge = _challenge(account, signed, commitment)
    right = ristretto.add(commitment, ristretto.multiply(challenge, account.grsk))
    if ristretto.multiply(response, account.gr) != right:
        raise BadSignature("the signature does not fit")


def verify_query(query: QueryMessage) -> Account:
    """Return the account that asks (api.md 4.3).

    Raises:
        BadAddress: the key is no address.
        BadSignature: the key does not sign, or is not the account asked about.
    """
    signed = bincode.encode(SignedQuery(query.account_id, query.order_status))
    return _verified(query.public_key, query.account_id, signed, query.signature)


def verify_cancel(order: CancelTraderOrder, cancel: ZkosCancelMsg) -> Account:
    """Return the account that cancels; refusals as :func:`verify_query`."""
    return _verified(cancel.public_key, order.account_id, bincode.encode(order), cancel.signature)


def verify_settle(account_id: str, settle: ZkosSettleMsg) -> Account:
    """Return the account that closes or withdraws: the memo's owner, who signs the memo.

    Raises:
        Quarantine: the output is no memo.
        BadAddress: the owner is no address.
        BadSignature: the owner does not sign, or is not the order's account (engine.md W-03).
    """
    owner = memo_of(settle.output).owner
    return _verified(owner, account_id, bincode.encode(settle.output), settle.signature)


def _verified(key: str, account_id: str, signed: bytes, signature: Bytes64) -> Account:
    account = Account.parse(key)
    if key != account_id:
        raise BadSignature("the account is not the one that signs")
    verify(account, signed, bytes(signature))
    return account
