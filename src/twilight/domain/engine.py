"""The exchange as one object: inputs in, events out."""

from collections.abc import Callable
from dataclasses import dataclass

from twilight.domain.chain import Chain, Disabled, LenientPayloads
from twilight.domain.profile import DEFAULT, Profile


@dataclass(frozen=True, slots=True)
class Context:
    """What decisions lean on and never change: the rules, the chain port, the source of uuids."""

    profile: Profile
    chain: Chain
    new_uuid: Callable[[], str]


def context(new_uuid: Callable[[], str], profile: Profile = DEFAULT, chain: Chain | None = None) -> Context:
    """Return a context; without a chain, one that accepts everything and reads no payload."""
    return Context(profile, chain or Disabled(LenientPayloads()), new_uuid)
