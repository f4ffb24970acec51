"""Everything that a core is told by its environment (engine specification 14)."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from twilight.core.chain import parse_url
from twilight.core.inputs.queues import QueueSpec, parse_queues
from twilight.domain.model.profile import PROFILES, LiquidationBasis, Profile
from twilight.ops.settings import Address, Settings

Positive = Annotated[int, Field(gt=0)]
Percent = Annotated[float, Field(ge=0, le=10)]
Ratio = Annotated[float, Field(ge=0, le=1e15)]
PUBLIC_KEY_DIGITS = 64


class CoreSettings(Settings):
    """One core process. Each field is the environment variable of the same name in upper case."""

    # Kafka
    broker: str = "localhost:9092"
    rpc_client_request: str = "CLIENT-REQUEST"
    rpc_client_failed_request: str = "CLIENT-FAILED-REQUEST"
    core_event_log: str = "CoreEventLogTopic"
    core_leader_topic: str = "CoreLeader"
    core_intent_topic: str = "CoreIntentTopic"
    core_transactional_id: str = "twilight-core"
    order_queues: str = ""
    order_queue_start: str = ""
    batch_commands_max: Positive = 2_000
    rust_readers: bool = False
    kafka_timeout_s: Annotated[float, Field(gt=0)] = 30.0

    # prices
    price_feeds: str
    price_feed_keys: str
    price_feed_skew_ms: Positive = 2_000

    # intake
    intake: Literal["tick", "immediate"] = "tick"
    intake_ticks: Positive = 1
    payload: Literal["strict", "lenient"] = "strict"
    order_max_age_s: Annotated[int, Field(ge=0)] | None = None

    # rules; fees, limits and the pool's first state count only when the log is empty
    profile: Literal["default", "reference", "test"] = "default"
    lend_price_band: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    lend_min_hold_s: Annotated[int, Field(ge=0)] | None = None
    liquidation_basis: LiquidationBasis | None = None
    filled_on_market: Percent = 0.04
    filled_on_limit: Percent = 0.02
    settled_on_market: Percent = 0.04
    settled_on_limit: Percent = 0.02
    risk_max_oi_mult: Ratio = 4.0
    risk_max_net_mult: Ratio = 0.8
    risk_max_position_pct: Ratio = 0.02
    risk_min_position_btc: Ratio = 0.0
    risk_max_leverage: Ratio = 50.0
    risk_mm_ratio: Annotated[float, Field(ge=0.25, le=100)] = 0.4
    relayer_init_state: str = ""

    # the chain: none, or fake:FILE?latency_ms=100&refused=0.1&not_ready=0.1&lost_requests=0.1&lost_answers=0.1
    enable_zkos_chain_transaction: bool = False
    zkos_server_url: Annotated[str, Field(validate_default=True)] = ""
    chain_answer_wait_s: Annotated[float, Field(gt=0, le=3_600)] = 10.0

    # this machine
    data_dir: Path = Path("data")
    relayer_snapshot_file_location: Path | None = None
    snapshot_version: str = "v0.1.0"
    snapshot_interval_s: Positive = 900
    ops_addr: Address = "127.0.0.1:9303"
    relayer_server_socketaddr: Address = "127.0.0.1:3031"
    relayer_server_token: SecretStr | None = None

    @field_validator("order_queues")
    @classmethod
    def _queues_can_be_read(cls, text: str) -> str:
        parse_queues(text)
        return text

    @field_validator("price_feeds")
    @classmethod
    def _feeds_can_be_dialled(cls, text: str) -> str:
        for url in _entries(text):
            _check_websocket(url)
        return text

    @field_validator("price_feed_keys")
    @classmethod
    def _a_ring_of_keys_for_each_feed(cls, text: str, told: ValidationInfo) -> str:
        rings, feeds = parse_keys(text), told.data.get("price_feeds")
        if feeds is not None and (not _entries(feeds) or len(_entries(feeds)) != len(rings)):
            found = f"the {len(_entries(feeds))} feeds of PRICE_FEEDS, found {len(rings)}"
            raise ValueError(f"expected one entry for each of {found}")
        keys = [key for ring in rings for key in ring]
        if len(set(keys)) != len(keys):
            raise ValueError("expected keys of its own for each feed, found one twice")
        return text

    @field_validator("order_queue_start")
    @classmethod
    def _starts_can_be_read(cls, text: str) -> str:
        parse_starts(text)
        return text

    @field_validator("zkos_server_url")
    @classmethod
    def _chain_can_be_attached(cls, url: str, told: ValidationInfo) -> str:
        if url:
            parse_url(url)
        elif told.data.get("enable_zkos_chain_transaction"):
            raise ValueError("must name the chain when ENABLE_ZKOS_CHAIN_TRANSACTION is true, was empty")
        return url

    @property
    def rules(self) -> Profile:
        """The profile with the options that the environment names."""
        named = {
            "lend_price_band": None if self.lend_price_band is None else Fraction(self.lend_price_band),
            "lend_min_hold_s": self.lend_min_hold_s,
            "liquidation_basis": self.liquidation_basis,
            "order_max_age_s": self.order_max_age_s,
        }
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        return replace(PROFILES[self.profile], **given)

    @property
    def chain_url(self) -> str:
        """Where the chain is, empty for none."""
        return self.zkos_server_url if self.enable_zkos_chain_transaction else ""

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The order queues; by default the one topic of engine specification 6.1 on the same brokers."""
        own = QueueSpec(self.rpc_client_request, self.broker, self.rpc_client_request)
        return parse_queues(self.order_queues) or (own,)

    @property
    def queue_starts(self) -> dict[str, int]:
        """Where the operator says that a queue whose topic was made anew is to be read from (C5)."""
        return parse_starts(self.order_queue_start)

    @property
    def feeds(self) -> tuple[str, ...]:
        """The feeders' websockets, the primary first."""
        return _entries(self.price_feeds)

    @property
    def feed_keys(self) -> tuple[tuple[bytes, ...], ...]:
        """For each feeder the public keys that may sign its ticks."""
        return parse_keys(self.price_feed_keys)

    @property
    def snapshot_path(self) -> Path:
        """Where the newest snapshot stands."""
        location = self.relayer_snapshot_file_location or self.data_dir / "core" / "snapshot"
        return location.with_name(f"{location.name}-{self.snapshot_version}")

    @property
    def state_folder(self) -> Path:
        """Where this core keeps what is its own: its name and the administrator's token."""
        return self.data_dir / "core"


def parse_keys(text: str) -> tuple[tuple[bytes, ...], ...]:
    """Read ``hex[+hex...],...``: one entry for each feeder, several keys in it during a rotation."""
    return tuple(tuple(_public_key(key) for key in entry.split("+")) for entry in _entries(text))


def parse_starts(text: str) -> dict[str, int]:
    """Read ``name=offset,...``."""
    starts: dict[str, int] = {}
    for entry in _entries(text):
        name, equals, offset = entry.partition("=")
        if not equals or not offset.isdecimal():
            raise ValueError(f"expected name=offset[,...], found {entry!r}")
        starts[name] = int(offset)
    return starts


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _check_websocket(url: str) -> None:
    """Raise ``ValueError`` for what no websocket can be opened to, wherever it may lead."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna")
    except (ValueError, UnicodeError) as fault:
        raise ValueError(f"expected ws://host:port/path, found {url!r}: {fault}") from fault
    if parts.scheme not in {"ws", "wss"} or not host or port == 0:
        raise ValueError(f"expected ws://host:port/path, found {url!r}")


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) * 2 != PUBLIC_KEY_DIGITS:
        raise ValueError(f"expected a public key of {PUBLIC_KEY_DIGITS} hex digits, found {text!r}")
    return key
