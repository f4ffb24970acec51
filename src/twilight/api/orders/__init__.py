"""Order intake: a client's signed hex becomes one acknowledged command on the order queue.

``submission`` reads and checks without I/O, ``queue`` writes to Kafka, ``intake`` is both. Nothing here
decides an order: the core does.
"""
