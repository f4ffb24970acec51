"""PostgreSQL: migrations, one projection for each event kind, and the writer that keeps positions and rows together."""
