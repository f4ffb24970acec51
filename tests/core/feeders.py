"""A feeder for tests: signs whatever it is told to say."""

import base64
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from twilight.domain.index.tick import PAIR, key_id, price_text


@dataclass
class SignedFeeder:
    """Signs ticks with one throw-away key; every call is one tick later."""

    seed: bytes = bytes(range(32))
    epoch: int = 1_723_161_254_000
    seq: int = 0
    signer: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public_key(self) -> bytes:
        return self.signer.public_key().public_bytes_raw()

    def frame(self, ts: int, price: float = 65_000.0, status: str = "HEALTHY", **changes: object) -> str:
        self.seq += 1
        tick: dict[str, object] = {
            "type": "price",
            "v": 1,
            "pair": PAIR,
            "epoch": self.epoch,
            "seq": self.seq,
            "ts": ts,
            "price_e8": round(price * 100) * 1_000_000,
            "status": status,
            "flags": [],
            "n": 8,
            "n_usd": 5,
            "dispersion_cbps": 27,
            "raw_e8": 0,
            "kid": key_id(self.public_key),
        } | changes
        if isinstance(tick["price_e8"], int):
            tick.setdefault("price", price_text(tick["price_e8"]))
        tick.setdefault("sig", self._sign(tick))
        return json.dumps(tick)

    def _sign(self, tick: dict[str, object]) -> str:
        flags = ",".join(tick["flags"])  # type: ignore[arg-type]
        parts = [tick[name] for name in ("pair", "epoch", "seq", "ts", "price_e8", "status", "n", "n_usd")]
        text = "|".join(["PF1", *map(str, parts), str(tick["dispersion_cbps"]), flags])
        return base64.b64encode(self.signer.sign(text.encode())).decode()
