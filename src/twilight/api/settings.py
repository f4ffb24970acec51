"""The API's settings: the environment variables of API specification 11 and what decisions A3 add."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from twilight.ops.settings import AddressOrNone, DatabaseUrl, DatabaseUrlOrNone, Settings

Addresses = Annotated[AddressOrNone, Field(description="host:port; empty: not listened on")]


class ApiSettings(Settings):
    """One API process.

    ``api_addr`` is the one port of everything, the four addresses after it are the old ones. Schema ``auth``
    is written through ``auth_database_url``; without one, ``database_url`` serves for both. Candles come from
    QuestDB where ``questdb_http_url`` names one, and from PostgreSQL while it cannot answer.
    """

    api_addr: Addresses = "0.0.0.0:8088"
    public_rpc: Addresses = ""
    private_rpc: Addresses = ""
    ws_listen_addr: Addresses = ""
    order_rpc: Addresses = ""

    broker: str = "localhost:9092"
    database_url: DatabaseUrl
    auth_database_url: DatabaseUrlOrNone = ""
    questdb_http_url: str = ""
    questdb_table_prefix: str = Field(default="", pattern="^[a-z0-9_]*$")
    stream_core: str = "core"
    core_event_log: str = "CoreEventLogTopic"
    rpc_client_request: str = "CLIENT-REQUEST"
    rpc_client_failed_request: str = "CLIENT-FAILED-REQUEST"

    order_ack_timeout_s: PositiveFloat = 1.0
    order_verify: Literal["signature", "none"] = "signature"
    cors_origins: str = "*"
    connections_max: PositiveInt = 10_000
    database_connections_max: PositiveInt = 10
    resume_records: PositiveInt = 20_000
    view_catch_up_s: NonNegativeFloat = 1.0

    risk_max_oi_mult: NonNegativeFloat = 4.0
    risk_max_net_mult: NonNegativeFloat = 0.8
    risk_max_position_pct: NonNegativeFloat = 0.02
    risk_min_position_btc: NonNegativeFloat = 0.0
    risk_max_leverage: NonNegativeFloat = 50.0
    risk_mm_ratio: NonNegativeFloat = 0.4
    max_delayed_days: Annotated[int, Field(ge=0)] = 7

    @field_validator("private_rpc")
    @classmethod
    def _refuse_private(cls, address: str) -> str:
        if address:
            raise ValueError("this version serves no private methods: leave it empty")
        return address

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that browsers may call from."""
        return tuple(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())
