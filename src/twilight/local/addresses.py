"""The addresses of a running `twilight up`, for commands that look at it from outside."""

import os
from pathlib import Path

import msgspec

from twilight.local.layout import Layout
from twilight.local.status import Status

# The supervisor's name of an address, and the setting that it answers.
_SETTINGS = {
    "kafka": "BROKER",
    "postgres": "DATABASE_URL",
    "questdb-pg": "QUESTDB_URL",
    "questdb": "QUESTDB_HTTP_URL",
    "core-ops": "CORE_OPS_URL",
}


def use_addresses(data: Path) -> None:
    """Put the addresses of the exchange that runs on this data folder into the environment, where it names none.

    Without such an exchange the environment stays as it is.
    """
    path = Layout(data).status
    if not path.exists():
        return
    addresses = msgspec.json.decode(path.read_bytes(), type=Status).addresses
    for name, setting in _SETTINGS.items():
        if addresses.get(name):
            os.environ.setdefault(setting, addresses[name])
