"""`twilight up`: run the whole exchange on one machine.

Fetches and runs Kafka, PostgreSQL and QuestDB, starts and supervises the services, and plays venues and demo
traders. Nothing that a production deployment needs may live here.
"""
