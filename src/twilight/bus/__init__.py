"""Kafka: topics, transactional and plain producers, readers that keep their own position.

Nothing here knows what a record means.
"""
