"""Data dumping: folds every event of the log into PostgreSQL and QuestDB, exactly once.

No rule of the exchange is decided here; a projection only writes down what an event says.
"""
