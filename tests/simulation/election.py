"""Who leads: a group of named members on a topic with one partition, as its coordinator sees it.

The one who lost the place learns it late, so two cores may believe that they lead.
"""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.cluster import Cluster
from tests.simulation.machine import Process
from tests.simulation.virtual_time import NS, VirtualTime

SESSION_S = 6.0
LOOK_S = 0.5
NOTICE_S = (0.05, 2.0)
JOIN_S = (0.05, 1.0)


@dataclass(eq=False)
class Member:
    """One life of a member; `leads` is what it believes."""

    process: Process
    leads: bool = False
    lost: bool = False
    heard_ns: int = 0


@dataclass
class Election:
    """The group."""

    cluster: Cluster
    time: VirtualTime
    random: Random
    members: dict[str, Member] = field(default_factory=dict)
    holder: str | None = None

    def __post_init__(self) -> None:
        self.time.every(LOOK_S, self._look)

    def join(self, instance: str, process: Process) -> Member:
        """Take part under a name; a restarted holder has its place back as soon as it is heard of."""
        member = Member(process)
        self.time.after(self.random.uniform(*JOIN_S), lambda: self._enter(instance, member))
        return member

    def displace(self) -> None:
        """Give the place to another member although its holder lives."""
        others = [name for name, member in self.members.items() if name != self.holder and member.process.is_heard]
        if others:
            self._give(self.random.choice(others))

    def _enter(self, instance: str, member: Member) -> None:
        if not member.process.alive:
            return
        if self.cluster.is_down() or not member.process.is_heard:
            self.time.after(0.5, lambda: self._enter(instance, member))
            return
        self.members[instance] = member
        member.heard_ns = self.time.now_ns
        if self.holder == instance:
            member.leads = True

    def _look(self) -> None:
        if self.cluster.is_down():
            return
        for name, member in list(self.members.items()):
            if member.process.is_heard:
                member.heard_ns = self.time.now_ns
            elif self.time.now_ns - member.heard_ns > SESSION_S * NS:
                self._expel(name)
        if self.holder not in self.members and self.members:
            self._give(self.random.choice(sorted(self.members)))

    def _expel(self, name: str) -> None:
        """Count it out; a holder learns that it lost the place, any other just comes back."""
        member = self.members.pop(name)
        if self.holder == name:
            self.holder = None
            self._tell_loss(member)
        else:
            self._enter(name, member)

    def _give(self, name: str) -> None:
        if self.holder is not None and self.holder in self.members:
            self._tell_loss(self.members.pop(self.holder))
        self.holder = name
        self.time.after(self.random.uniform(*JOIN_S), lambda: self._tell_gain(name))

    def _tell_gain(self, name: str) -> None:
        if self.holder == name and name in self.members:
            self.members[name].leads = True

    def _tell_loss(self, member: Member) -> None:
        """Tell it when it can be told, and a while later; its process ends then."""

        def tell() -> None:
            if not member.process.alive:
                return
            if not member.process.is_heard or self.cluster.is_down():
                self.time.after(0.5, tell)
                return
            member.leads, member.lost = False, True

        self.time.after(self.random.uniform(*NOTICE_S), tell)
