"""Every line on standard error is one JSON object, whoever wrote it."""

import json
import subprocess
import sys

PROGRAM = """
import logging
from twilight.ops import logs
logs.configure("example", "INFO")
log = logs.get("a.module")
log.debug("too small to tell")
log.info("folded", sequence=7, raw=b"x", where=ValueError)
logging.getLogger("library").warning("from %s", "elsewhere")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def test_each_line_is_a_json_object_with_service_level_and_utc_time() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("folded", "info"),
        ("from elsewhere", "warning"),
        ("failed", "error"),
    ]
    assert {line["service"] for line in lines} == {"example"}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert lines[0]["sequence"] == 7
    assert "ZeroDivisionError" in lines[2]["exception"]
