"""Websocket streams: a fold of the log into messages, encoded once and written to every subscriber.

``tail`` reads the log in a thread, ``fold`` makes messages of events, ``channel`` keeps and hands them
out, ``session`` is one connection's subscriptions, ``protocol`` the socket around it.
"""
