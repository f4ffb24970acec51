"""What `twilight up` is told by its environment; options of the command override it."""

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from twilight.ops.settings import Address, DatabaseUrlOrNone, Settings

API_PORT = 8088
QUESTDB_HTTP_PORT = 9000
NEWEST_KAFKA: Final = "4.3.1"


class UpSettings(Settings):
    """Each field is the environment variable of the same name in upper case; an empty address means: start our own."""

    data_dir: Path = Path("data")
    twilight_downloads: Path | None = None
    api_addr: Address = f"127.0.0.1:{API_PORT}"
    broker: str = ""
    database_url: DatabaseUrlOrNone = ""
    questdb_url: str = ""
    questdb_http_url: str = ""
    kafka_version: Literal["4.3.1", "3.9.2"] = NEWEST_KAFKA
    """Clients that speak the protocol from before 2.1 need a broker below 4.0; each version has its own data."""

    @property
    def downloads(self) -> Path:
        """Where the servers' archives are kept."""
        return self.twilight_downloads or self.data_dir / "downloads"

    @property
    def kafka_lock(self) -> str:
        """The lock file in `services/` that names the archives of this Kafka, and the folder of its data."""
        return "kafka" if self.kafka_version == NEWEST_KAFKA else f"kafka-{self.kafka_version}"

    @property
    def questdb_http(self) -> str:
        """Where a QuestDB that is already there is written to: its usual HTTP port unless named."""
        if not self.questdb_url:
            return ""
        return self.questdb_http_url or f"http://{urlsplit(self.questdb_url).hostname}:{QUESTDB_HTTP_PORT}"
