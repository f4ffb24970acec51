"""A file of keys: one seed, from which an account for each order is derived.

Accounts are used once (engine.md 3), so a keyring hands out account after
account; all of them come back from the one seed.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Self

import msgspec

from twilight.sdk.errors import KeyringError
from twilight.wire.identity import MAIN_NETWORK, Identity

SEED_BYTES: Final = 32
PRIVATE_MODE: Final = 0o600


class _File(msgspec.Struct):
    seed_hex: str
    used: int
    network: int = MAIN_NETWORK


class Keyring:
    """The accounts of one seed. The file is readable by its owner alone."""

    def __init__(self, path: Path, seed: bytes, used: int, network: int) -> None:
        """Use `open` to read or make the file."""
        self._path = path
        self._seed = seed
        self._used = used
        self._network = network

    @classmethod
    def open(cls, path: Path, *, network: int = MAIN_NETWORK) -> Self:
        """Return the keyring of a file, which is made with a fresh seed when it is not there.

        Raises:
            KeyringError: others may read the file, or it is no keyring.
        """
        if not path.exists():
            keyring = cls(path, secrets.token_bytes(SEED_BYTES), 0, network)
            keyring._save()
            return keyring
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyringError(f"{path} may be read by others: run chmod 600 on it")
        found = _decoded(path)
        return cls(path, bytes.fromhex(found.seed_hex), found.used, found.network)

    @property
    def used(self) -> int:
        """Return how many accounts were handed out."""
        return self._used

    def identity(self, number: int) -> Identity:
        """Return the account of that number."""
        purpose = b"twilight account " + str(number).encode()
        return Identity.from_seed(hmac.digest(self._seed, purpose, hashlib.sha512), self._network)

    def fresh(self) -> tuple[int, Identity]:
        """Return the next account and its number; it is written down as used before it is handed out."""
        number = self._used
        self._used = number + 1
        self._save()
        return number, self.identity(number)

    def _save(self) -> None:
        write_private(self._path, msgspec.json.encode(_File(self._seed.hex(), self._used, self._network)))


def write_private(path: Path, content: bytes) -> None:
    """Replace a file that its owner alone may read, whole or not at all, and on disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _decoded(path: Path) -> _File:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
        if len(bytes.fromhex(found.seed_hex)) == SEED_BYTES and found.used >= 0:
            return found
    except (msgspec.DecodeError, ValueError) as error:
        raise KeyringError(f"{path} is no keyring: {error}") from error
    raise KeyringError(f"{path} is no keyring: expected a seed of {SEED_BYTES} bytes and a count")
