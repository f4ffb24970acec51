"""`twilight audit`: an operator's proof that the books are right.

Reads the whole event log, folds it, and holds everything that others derived from it against the fold: the core's
state, PostgreSQL, QuestDB, the money, the answers. It changes nothing, and shares with the archiver only the pure
functions that say which rows an event means.
"""
