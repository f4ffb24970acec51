"""Where everything stands in the one folder that `--data` names."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The data folder; a part owns the subfolder of its name."""

    root: Path

    @property
    def status(self) -> Path:
        """What the supervisor says of itself, written anew every second."""
        return self.root / "run" / "status.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.root / "run" / "lock"

    @property
    def ports(self) -> Path:
        """The ports of the last start, so that addresses stay what they were."""
        return self.root / "run" / "ports.json"

    @property
    def venue_urls(self) -> Path:
        """Where the venue servers write their addresses."""
        return self.root / "venues" / "urls.json"

    @property
    def venue_status(self) -> Path:
        """Where the venue servers write what they do, and when their market opened."""
        return self.root / "venues" / "status.json"

    @property
    def venue_price(self) -> Path:
        """Where the random walk keeps its price between starts."""
        return self.root / "venues" / "price.json"

    @property
    def feeder_key(self) -> Path:
        """The feeder's signing key."""
        return self.root / "feeder" / "key.json"

    def folder(self, part: str) -> Path:
        """Return the folder of one part."""
        return self.root / part

    def log(self, part: str) -> Path:
        """Return the log file of one part."""
        return self.root / "logs" / f"{part}.log"
