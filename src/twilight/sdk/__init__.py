"""The Python client of the exchange: signs, sends and reads, sync and async over one core without I/O."""
