"""Where everything is that the audit looks at."""

from pydantic import Field

from twilight.archiver.record import CORE
from twilight.core.inputs.queues import QueueSpec, parse_queues
from twilight.ops.settings import DatabaseUrl, Settings


class AuditSettings(Settings):
    """One audit. Each field is the environment variable of the same name in upper case."""

    broker: str = "localhost:9092"
    core_event_log: str = "CoreEventLogTopic"
    core_intent_topic: str = "CoreIntentTopic"
    rpc_client_request: str = "CLIENT-REQUEST"
    rpc_client_failed_request: str = "CLIENT-FAILED-REQUEST"
    relayer_state_queue: str = "RelayerStateQueue"
    order_queues: str = ""
    database_url: DatabaseUrl
    questdb_url: str = ""
    questdb_table_prefix: str = Field(default="", pattern="^[a-z0-9_]*$")
    core_ops_url: str = ""
    """The core's operations server, as in `http://127.0.0.1:9101`; empty when the core is down on purpose."""
    audit_wait_s: float = Field(default=60.0, ge=0)
    """How long the archiver, QuestDB and the core may take to come to where the log ended when the audit began."""

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """Return the order queues, by default the one of the seed."""
        return parse_queues(self.order_queues) or (
            QueueSpec(self.rpc_client_request, self.broker, self.rpc_client_request),
        )

    @property
    def streams(self) -> dict[str, str]:
        """Return stream name to topic: all four are stored raw, the events first (decisions S8)."""
        return {
            CORE: self.core_event_log,
            "requests": self.rpc_client_request,
            "failed": self.rpc_client_failed_request,
            "state": self.relayer_state_queue,
        }
