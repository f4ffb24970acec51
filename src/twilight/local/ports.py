"""Which ports the parts listen on: those of the last start, else the usual ones, else free ones."""

import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Final

from twilight.local.servers.process import LOOPBACK, free_ports
from twilight.ops.errors import SettingsError
from twilight.ops.settings import host_port

USUAL: Final[Mapping[str, int]] = {
    "kafka": 9092,
    "kafka_controller": 9093,
    "postgres": 5432,
    "questdb_http": 9000,
    "questdb_pg": 8812,
    "questdb_line": 9009,
    "feeder": 9301,
    "core_admin": 3031,
    "venues_ops": 9310,
    "feeder_ops": 9311,
    "core_ops": 9303,
    "archiver_ops": 9313,
    "api_ops": 9314,
    "traders_ops": 9315,
}
VENUES_USUAL: Final = 9401
VENUES_COUNT: Final = 8
HIGHEST: Final = 65_535

IsFree = Callable[[int], bool]


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def assign(remembered: Mapping[str, int], free: IsFree = is_free) -> dict[str, int]:
    """Return a port for each part, all different and all free; `venues` is the first of eight in a row."""
    ports = {"venues": _row(remembered.get("venues", VENUES_USUAL), free)}
    used = set(range(ports["venues"], ports["venues"] + VENUES_COUNT))
    for name, usual in USUAL.items():
        wanted = (remembered.get(name, usual), usual, *free_ports(len(USUAL)))
        ports[name] = next(port for port in wanted if port not in used and free(port))
        used.add(ports[name])
    return ports


def _row(first: int, free: IsFree) -> int:
    """Return the first port at or after `first` from which on eight are free."""
    for base in range(first, HIGHEST - VENUES_COUNT, VENUES_COUNT):
        if all(free(base + number) for number in range(VENUES_COUNT)):
            return base
    raise SettingsError([f"no {VENUES_COUNT} free ports in a row from {first} on: end what uses them"])


def api_address(address: str) -> str:
    """Return the address that the API shall listen on, port 0 made a free one.

    Raises:
        SettingsError: the port is taken, or the address is none.
    """
    host, port = host_port(address)
    if port == 0:
        return f"{host}:{free_ports(1)[0]}"
    if not is_free(port, host):
        raise SettingsError([f"port {port} is taken: end what listens there, or set API_ADDR={host}:0 for a free one"])
    return address
