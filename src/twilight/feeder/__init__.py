"""The price feeder: many exchanges in, one signed price every 250 ms out.

`venues/` holds one pure adapter for each exchange, `link` is one socket, `connection` keeps a venue connected,
`server` runs the timer.
The index arithmetic is `domain.index`; orders and the event log must never be known here.
"""
