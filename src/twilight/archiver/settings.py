"""Everything that an archiver is told by its environment (storage specification 3, 7, 9)."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from twilight.ops.settings import AddressOrNone, DatabaseUrl, Settings


class ArchiverSettings(Settings):
    """One archiver process. Each field is the environment variable of the same name in upper case."""

    broker: str = "localhost:9092"
    database_url: DatabaseUrl
    core_event_log: str = "CoreEventLogTopic"
    rpc_client_request: str = "CLIENT-REQUEST"
    rpc_client_failed_request: str = "CLIENT-FAILED-REQUEST"
    relayer_state_queue: str = "RelayerStateQueue"
    archiver_kafka_group: str = "Archiver"
    batch_records_max: int = Field(default=2_000, ge=1, le=100_000)
    poll_timeout_ms: int = Field(default=100, ge=1)
    allow_compacted: bool = False

    questdb_url: str = ""
    """PostgreSQL wire, for those who read: the API and the audit. The archiver itself needs `questdb_http_url`."""
    questdb_http_url: str = ""
    """HTTP, for tables, acknowledged writes and checks; empty switches the sink off."""
    questdb_influx_url: Annotated[AddressOrNone, Field(validate_default=True)] = ""
    """`host:port` of line protocol over TCP, for installations that want the seed's own lines too."""
    questdb_kafka_group: str = "Archiver_QuestDB"
    questdb_close_price: Literal["settlement", "entry"] = "settlement"
    """The price of a close on the seed's lines: that of the settlement, or, as the seed wrote it, of the entry."""
    questdb_table_prefix: str = Field(default="", pattern="^[a-z0-9_]*$")

    confirm_every_s: Annotated[float, Field(ge=0)] = 3_600.0
    """How often QuestDB is compared with PostgreSQL by the hour; 0 switches it off."""

    @field_validator("questdb_influx_url")
    @classmethod
    def _writes_where_it_is_told(cls, influx_url: str, told: ValidationInfo) -> str:
        """Refuse the seed's own settings alone: tables, positions and acknowledgements need the HTTP port."""
        alone = "QUESTDB_INFLUX_URL" if influx_url else "QUESTDB_URL" if told.data.get("questdb_url") else None
        if alone and not told.data.get("questdb_http_url"):
            raise ValueError(
                f"{alone} is set and QUESTDB_HTTP_URL is not, so nothing would be written to QuestDB: set"
                f" QUESTDB_HTTP_URL to its HTTP port, as http://127.0.0.1:9000, or unset {alone} to go without QuestDB"
            )
        return influx_url

    @property
    def streams(self) -> dict[str, str]:
        """Return stream name to topic: all four topics are stored raw (decisions S8)."""
        return {
            "core": self.core_event_log,
            "requests": self.rpc_client_request,
            "failed": self.rpc_client_failed_request,
            "state": self.relayer_state_queue,
        }
