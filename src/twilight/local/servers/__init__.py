"""The real Apache Kafka, PostgreSQL and QuestDB, fetched and run on this machine for this user.

One module a server, one shape: made from a folder and its ports, `start()` returns when it answers, `stop()` when it
has ended cleanly. They listen on loopback only.
"""

from twilight.local.servers.kafka import Kafka
from twilight.local.servers.postgres import Postgres
from twilight.local.servers.process import Process, Server, free_ports
from twilight.local.servers.questdb import QuestDB

__all__ = ["Kafka", "Postgres", "Process", "QuestDB", "Server", "free_ports"]
