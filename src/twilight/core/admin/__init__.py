"""The administrator's JSON-RPC (engine 11): its methods without I/O, and the server in front of them."""
