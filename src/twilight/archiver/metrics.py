"""What an operator of the archiver watches."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("archiver_records", "Records stored in the raw log", ["stream"])
ROWS = Counter("archiver_rows", "Rows written, raw log and all tables", ["stream"])
DEAD_LETTERS = Counter("archiver_dead_letters", "Records that could not be decoded or stored", ["stream"])
DUPLICATES = Counter("archiver_duplicates", "Records that a producer had sent before", ["stream"])
OFFSET_GAPS = Counter("offset_gap", "Offsets without a record; transaction markers take one each", ["stream"])
LAG_RECORDS = Gauge("archiver_lag_records", "Offsets between the stored position and the log's end", ["stream"])
LAG_SECONDS = Gauge("archiver_lag_seconds", "Age of the newest stored record while others wait", ["stream"])
BATCH_RECORDS = Histogram(
    "archiver_batch_records",
    "Records of one transaction",
    ["stream"],
    buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000),
)
BATCH_SECONDS = Histogram(
    "archiver_batch_seconds",
    "Time from a batch read to its commit",
    ["stream"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
TABLE_BYTES = Gauge("archiver_table_bytes", "Size of a table with its indexes", ["table"])
TABLE_ROWS = Gauge("archiver_table_rows", "Rows of a table, as the planner estimates", ["table"])
OLDEST_PARTITION = Gauge("archiver_oldest_partition_offset", "First offset of a table's oldest partition", ["table"])
UNRESOLVED = Gauge("archiver_unresolved_dead_letters", "Dead letters that nobody has resolved", ["stream"])
FAILURES = Counter("archiver_failures", "Sessions ended by an error and started again", ["stream", "error"])
