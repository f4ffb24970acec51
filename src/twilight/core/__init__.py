"""The relayer core: consume commands and ticks, decide, publish, recover.

Everything that knows Kafka, files, clocks or sockets on behalf of the exchange. The rules of the exchange
are in `domain` and must never be restated here.
"""
