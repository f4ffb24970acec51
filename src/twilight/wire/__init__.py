"""The only place that knows the wire's names: JSON and binary codecs, record keys, identities.

Structures carry the wire's own names in the wire's order (wire.md 4 to 6). Nothing here does input
or output, reads a clock or decides anything about the exchange; every function maps bytes to typed
values or back, and the one thing a decoder may raise is :class:`twilight.wire.errors.Quarantine`.
"""
