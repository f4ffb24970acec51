import stat
from pathlib import Path

import pytest

from twilight.sdk import Keyring, KeyringError


def test_every_account_is_used_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "alice.json"
    first = Keyring.open(path)
    handed = [first.fresh() for _ in range(3)]
    handed.append(Keyring.open(path).fresh())
    assert [number for number, _ in handed] == [0, 1, 2, 3]
    assert len({identity.address for _, identity in handed}) == 4


def test_an_account_comes_back_from_its_number(tmp_path: Path) -> None:
    path = tmp_path / "alice.json"
    number, identity = Keyring.open(path).fresh()
    assert Keyring.open(path).identity(number) == identity
    assert Keyring.open(path).used == 1


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "alice.json"
    Keyring.open(path).fresh()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeyringError, match="may be read by others"):
        Keyring.open(path)


@pytest.mark.parametrize("content", ["", "{}", '{"seed_hex":"zz","used":0}', '{"seed_hex":"00","used":0}'])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "alice.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match=r"alice\.json is no keyring"):
        Keyring.open(path)
    assert path.read_text() == content


def test_a_keyring_does_not_show_its_seed(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "alice.json")
    assert "seed" not in repr(keyring)
    assert keyring.fresh()[1].secret.hex() not in repr(keyring.fresh())
