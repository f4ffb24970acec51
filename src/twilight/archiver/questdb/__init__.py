"""QuestDB: an independent consumer of the log that keeps prices and trades for charts (decisions S10).

It shares no position and no failure with PostgreSQL: either can be down without holding the other.
"""
