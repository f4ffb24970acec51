"""Eight exchanges on loopback: servers that speak the venues' own websocket protocols.

A source of quotes (a seeded random walk, a market that stands still) or a
recording of frames goes over a floor, where faults happen, to one server a
venue. Everything but `server`, `control`, `hub` and `run` is without I/O and clock. Nothing in
here may be used to trade, and nothing in here knows the feeder.
"""

from twilight.local.venues.control import Command, Status, command
from twilight.local.venues.errors import RecordingError, RefusedCommandError, RefusedFaultError, ScenarioError
from twilight.local.venues.faults import AnyFault
from twilight.local.venues.floor import Emission, Floor
from twilight.local.venues.hub import Hub, State, WaitFor
from twilight.local.venues.market import Still, Tick, Walk
from twilight.local.venues.registry import VENUES
from twilight.local.venues.replay import Recording
from twilight.local.venues.run import AtEnd, Options, serve_venues
from twilight.local.venues.scenario import Scenario

__all__ = [
    "VENUES",
    "AnyFault",
    "AtEnd",
    "Command",
    "Emission",
    "Floor",
    "Hub",
    "Options",
    "Recording",
    "RecordingError",
    "RefusedCommandError",
    "RefusedFaultError",
    "Scenario",
    "ScenarioError",
    "State",
    "Status",
    "Still",
    "Tick",
    "WaitFor",
    "Walk",
    "command",
    "serve_venues",
]
