"""The key that signs ticks: made on first start, readable by its owner only, rotated with an overlap.

Beside the key file stands its public half, ``<file>.pub``: one line ``hex[+hex...]``, the active key first, as the
core's ``PRICE_FEED_KEYS`` takes it; then a line of the keys that are no longer valid, by which an auditor verifies old
ticks. Price feed specification 9.
"""

import base64
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from twilight.domain.index.tick import key_id
from twilight.ops.errors import Corrupt, SettingsError
from twilight.ops.files import replace_file

SEED_BYTES: Final = 32


class Retired(msgspec.Struct, frozen=True):
    """A key that signs no more, but whose ticks are still to be believed until ``valid_until_ms``."""

    public: str
    valid_until_ms: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: str
    created_ms: int
    retired: tuple[Retired, ...] = ()


class SigningKey:
    """The active key of a feeder and the public halves of all that it replaced."""

    def __init__(self, path: Path, content: _File) -> None:
        self._path = path
        self._content = content
        self._private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(content.seed))
        self.public = self._private.public_key().public_bytes_raw()
        self.kid = key_id(self.public)

    @property
    def created_ms(self) -> int:
        """Return when the active key was made."""
        return self._content.created_ms

    def sign(self, message: bytes) -> str:
        """Return the base64 signature over the message."""
        return base64.b64encode(self._private.sign(message)).decode("ascii")

    def retired(self, wall_ms: int) -> tuple[Retired, ...]:
        """Return the older keys that are still valid."""
        return tuple(old for old in self._content.retired if old.valid_until_ms > wall_ms)

    def public_line(self, wall_ms: int) -> str:
        """Return the public keys as the core takes them."""
        return "+".join([self.public.hex(), *(old.public for old in self.retired(wall_ms))])

    def public_file(self, wall_ms: int) -> str:
        """Return the content of the public file: the valid keys, and those of old, by which old ticks stay provable."""
        expired = "+".join(old.public for old in self._content.retired if old.valid_until_ms <= wall_ms)
        return f"{self.public_line(wall_ms)}\n" + (f"{expired}\n" if expired else "")

    def rotated(self, wall_ms: int, overlap_ms: int) -> "SigningKey":
        """Make and store a new active key; the old one stays valid for ``overlap_ms``."""
        old = Retired(self.public.hex(), wall_ms + overlap_ms)
        content = _File(secrets.token_hex(SEED_BYTES), wall_ms, (old, *self._content.retired))
        return _store(self._path, content, wall_ms)


def load_or_make(path: Path, wall_ms: int) -> SigningKey:
    """Return the key of a file, made with mode 0600 if there is none, and refresh its public half.

    Raises:
        SettingsError: others may read the file.
        Corrupt: the file is no key file.
    """
    if not path.exists():
        return _store(path, _File(secrets.token_hex(SEED_BYTES), wall_ms), wall_ms)
    key = load(path)
    _store_public(path, key, wall_ms)
    return key


def load(path: Path) -> SigningKey:
    """Return the key of a file that exists; raises as `load_or_make`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SettingsError([f"FEEDER_KEY_FILE: {path} must have mode 0600, has {mode:04o}: chmod 600 it"])
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_File)
        return SigningKey(path, content)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt(f"{path} is no key file: {error}") from None


def _store(path: Path, content: _File, wall_ms: int) -> SigningKey:
    key = SigningKey(path, content)
    replace_file(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    _store_public(path, key, wall_ms)
    return key


def _store_public(path: Path, key: SigningKey, wall_ms: int) -> None:
    replace_file(path.with_name(path.name + ".pub"), key.public_file(wall_ms).encode(), mode=0o644)
