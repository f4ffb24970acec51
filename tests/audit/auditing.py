"""The real `twilight audit`, as an operator runs it: every fault test ends with it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.archiver.serving import Service

AUDIT_S_MAX = 1_800
WAIT_S = 180
NO_EXCHANGE = Path("/nonexistent")


def audit(environment: Mapping[str, str], core_address: str, *options: str) -> str:
    """Prove that the books of a running exchange are right; return what was looked at, one finding a line."""
    told = {**environment, "CORE_OPS_URL": f"http://{core_address}", "AUDIT_WAIT_S": str(WAIT_S)}
    done = subprocess.run(
        [sys.executable, "-m", "twilight", "audit", "--data", str(NO_EXCHANGE), *options],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
        timeout=AUDIT_S_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def archive_and_audit(environment: Mapping[str, str], core_address: str, database_url: str, log: Path) -> str:
    """Archive the whole log of a running core into an empty database, and prove its books right; see `audit`."""
    environment = {
        **environment,
        "DATABASE_URL": database_url,
        "RELAYER_STATE_QUEUE": f"{environment['CORE_EVENT_LOG']}-S",
    }
    archiver = Service(environment, log)
    deadline = time.monotonic() + WAIT_S
    try:
        while "streams" not in archiver.ready():  # before that there may be no tables, and no topic of states
            assert time.monotonic() < deadline, log.read_text()[-2_000:]
            time.sleep(0.2)
        return audit(environment, core_address, "--without-questdb")
    finally:
        archiver.kill()
