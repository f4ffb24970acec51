"""Twilight: the relayer of a BTC-margined perpetual-futures exchange."""
