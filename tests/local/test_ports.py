"""Which ports the parts get."""

import socket
from collections.abc import Iterator

import pytest

from twilight.local.ports import USUAL, VENUES_COUNT, VENUES_USUAL, api_address, assign
from twilight.ops.errors import SettingsError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_on_a_free_machine_every_part_has_its_usual_port() -> None:
    assert assign({}, free=lambda _port: True) == {"venues": VENUES_USUAL, **USUAL}


def test_the_ports_of_the_last_start_are_kept_when_they_are_free() -> None:
    remembered = {"kafka": 19_092, "venues": 20_000}
    ports = assign(remembered, free=lambda _port: True)
    assert (ports["kafka"], ports["venues"], ports["postgres"]) == (19_092, 20_000, USUAL["postgres"])


def test_a_taken_port_is_passed_over_and_no_port_is_given_twice() -> None:
    taken = {USUAL["kafka"], USUAL["postgres"], VENUES_USUAL + 3}
    ports = assign({"feeder": USUAL["core_admin"]}, free=lambda port: port not in taken)
    assert ports["venues"] == VENUES_USUAL + VENUES_COUNT
    assert len(set(ports.values())) == len(ports)
    assert not taken & set(ports.values())


def test_a_port_that_another_program_listens_on_is_found_taken(taken_port: int) -> None:
    assert assign({"kafka": taken_port})["kafka"] != taken_port


def test_a_taken_port_of_the_api_is_told_with_what_to_do(taken_port: int) -> None:
    with pytest.raises(SettingsError, match=f"port {taken_port} is taken: .*API_ADDR"):
        api_address(f"127.0.0.1:{taken_port}")


def test_port_0_of_the_api_takes_a_free_one() -> None:
    host, _, port = api_address("127.0.0.1:0").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
