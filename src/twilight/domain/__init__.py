"""The exchange itself: orders, pool, funding, liquidation, risk, triggers, index, candles.

Pure: the standard library and numpy only, no clock, no randomness, no I/O. `decide` turns an input into events,
`evolve` is the only thing that changes state.

Read it from the bottom up: ``model`` is what everything is made of, ``books`` the state and what events do to it,
``context`` and ``answers`` what a decision is made with; ``trading``, ``lending`` and ``funding`` are the rules,
``admin``, ``genesis`` and ``answering`` the inputs that no trader sends; ``engine`` makes decisions of inputs, and
``simulate`` tells what one would be. ``index`` makes the price, ``candles`` tell what it was.
"""
