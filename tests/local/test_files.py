"""Files that several processes share."""

import stat
import subprocess
import sys
from pathlib import Path

from twilight.local.files import FileLock, is_held, read_json, write_json


def test_what_is_written_is_read_back_and_private(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ports.json"
    write_json(path, {"kafka": 9092})
    assert read_json(path, dict[str, int]) == {"kafka": 9092}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_or_foreign_file_reads_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    assert read_json(path, dict[str, int]) is None
    path.write_text('["something else"]')
    assert read_json(path, dict[str, int]) is None


def test_a_lock_is_held_by_one_and_free_again_when_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = f"""
import time
from pathlib import Path
from twilight.local.files import FileLock
lock = FileLock(Path({str(path)!r}))
print(lock.take(), flush=True)
time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    assert is_held(path)
    assert not FileLock(path).take()
    holder.kill()
    holder.communicate()
    assert not is_held(path)
