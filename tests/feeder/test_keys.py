import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twilight.domain.index.tick import key_id
from twilight.feeder import keys
from twilight.feeder.epoch import StateFolder
from twilight.ops.errors import Corrupt, SettingsError, Unavailable

NOW_MS = 1_723_161_254_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "key.json"


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(path: Path) -> None:
    old_mask = os.umask(0)
    try:
        key = keys.load_or_make(path, NOW_MS)
    finally:
        os.umask(old_mask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("key.json.pub").read_text() == key.public.hex() + "\n"
    assert key.public.hex() not in path.read_text()


def test_the_key_is_the_same_after_a_restart_and_its_signatures_verify(path: Path) -> None:
    first = keys.load_or_make(path, NOW_MS)
    again = keys.load_or_make(path, NOW_MS + 1)
    assert (again.kid, again.created_ms) == (first.kid, NOW_MS)
    Ed25519PublicKey.from_public_bytes(first.public).verify(base64.b64decode(again.sign(b"text")), b"text")
    assert first.kid == key_id(first.public)


def test_a_key_that_others_may_read_is_refused(path: Path) -> None:
    keys.load_or_make(path, NOW_MS)
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="must have mode 0600, has 0640"):
        keys.load_or_make(path, NOW_MS)


@pytest.mark.parametrize("content", ["", "{}", '{"seed":"00","created_ms":1}', '{"seed":"xx","created_ms":1}'])
def test_a_damaged_key_file_is_refused_and_not_replaced(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Corrupt, match="is no key file"):
        keys.load_or_make(path, NOW_MS)
    assert path.read_text() == content


def test_after_a_rotation_the_old_key_stays_valid_for_the_stated_time(path: Path) -> None:
    old = keys.load_or_make(path, NOW_MS)
    new = old.rotated(NOW_MS, 1_000)
    public = path.with_name("key.json.pub")
    assert new.kid != old.kid
    assert public.read_text() == f"{new.public.hex()}+{old.public.hex()}\n"
    assert keys.load_or_make(path, NOW_MS + 999).retired(NOW_MS + 999) == (
        keys.Retired(old.public.hex(), NOW_MS + 1_000),
    )
    keys.load_or_make(path, NOW_MS + 1_000)
    assert public.read_text() == f"{new.public.hex()}\n{old.public.hex()}\n"
    newest = new.rotated(NOW_MS + 2_000, 0)
    keys.load_or_make(path, NOW_MS + 3_000)
    assert public.read_text() == f"{newest.public.hex()}\n{new.public.hex()}+{old.public.hex()}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_start_has_a_larger_epoch_even_when_the_clock_went_back(tmp_path: Path) -> None:
    epochs = []
    for wall_ms in (NOW_MS, NOW_MS + 5, NOW_MS - 3_600_000, NOW_MS - 3_600_000):
        with StateFolder(tmp_path) as state:
            epochs.append(state.next_epoch(wall_ms))
    assert epochs == [NOW_MS, NOW_MS + 5, NOW_MS + 6, NOW_MS + 7]


def test_two_feeders_cannot_share_a_state_folder(tmp_path: Path) -> None:
    with StateFolder(tmp_path), pytest.raises(Unavailable, match="another feeder runs"):
        StateFolder(tmp_path)
    StateFolder(tmp_path).close()


def test_a_damaged_epoch_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text("yesterday")
    with StateFolder(tmp_path) as state, pytest.raises(Corrupt, match="must hold the last epoch"):
        state.next_epoch(NOW_MS)
