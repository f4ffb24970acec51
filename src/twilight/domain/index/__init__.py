"""The BTC/USD index: eight venues' quotes to one price, in integers, without clock or I/O.

``step`` is the whole of it: (config, state, inputs) to an outcome, the same on every machine. ``tick`` is the
form in which an outcome is published and signed. Never in here: sockets, clocks, floats, third parties.
Price feed specification 2 and 5 to 9.
"""
