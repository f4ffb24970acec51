"""The relayer core: consume commands and ticks, decide, publish, recover.

Everything that knows Kafka, files, clocks or sockets on behalf of the exchange. The rules of the exchange
are in `domain` and must never be restated here.

`server` is the process. While it leads, `loop` takes what ``inputs`` bring, in the order of `cycle`, has `exchange`
decide it, and gives the records to `publisher`. ``durability`` lets the state outlive the process, ``chain`` speaks
with the chain, ``admin`` with administrators; `ports` is all that the core asks of the world.
"""
