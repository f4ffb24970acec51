"""The exchange itself: orders, pool, funding, liquidation, risk, triggers, index, candles.

Pure: the standard library and numpy only, no clock, no randomness, no I/O. `decide` turns an input into events,
`evolve` is the only thing that changes state.
"""
