"""The API server: JSON-RPC, websockets and order intake, in as many processes as needed.

Reads the databases and its own fold of the log, writes commands to the order queue. It never writes a derived
table and never decides an order.
"""
