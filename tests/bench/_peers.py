"""Peers that cannot live beside our own pinned packages: each in a virtual environment made once from a hashed lock."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LOCKS = FOLDER.parents[1] / "requirements"
RUN_LIMIT_S = 300


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment, made from `requirements/<peer>.txt` when there is none yet."""
    lock = LOCKS / f"{peer}.txt"
    version = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("TWILIGHT_PEERS", Path.home() / ".cache" / "twilight" / "peers"))
    python = cache / f"{peer}-{version}" / "bin" / "python"
    if not (made := python.parent / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", lock]
        subprocess.run(install, check=True)
        made.touch()
    return python


def told_by(peer: str, told: dict[str, Any]) -> float:
    """Run the peer's script in its environment; return the one number that it prints."""
    command = [python_of(peer), FOLDER / f"_{peer}.py"]
    done = subprocess.run(
        command, input=json.dumps(told), stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_LIMIT_S
    )
    return float(done.stdout)
