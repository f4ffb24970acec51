-- The raw log and the archiver's own books (storage specification 4).
-- Every table that grows with the log is partitioned by offset, ten million records each (decisions S1).

CREATE TABLE ingest_offset (
    consumer    text        NOT NULL,
    stream      text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL,
    broker_ts   timestamptz,
    newest_event_ns bigint,                       -- the newest event time so far: the time of events without one
    topic_id    text,                             -- Kafka's own id: a topic made anew is another one
    generation  integer     NOT NULL DEFAULT 0,   -- raised when tables are swapped under a running archiver
    records     bigint      NOT NULL DEFAULT 0,   -- stored so far
    gaps        bigint      NOT NULL DEFAULT 0,   -- offsets without a record so far: normal, but counted
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, stream, partition)
);

CREATE TABLE partitioned_table (
    name text PRIMARY KEY
);

CREATE PROCEDURE create_event_table(table_name text, columns text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE %I (
            src_stream    text        NOT NULL,
            src_partition integer     NOT NULL,
            src_offset    bigint      NOT NULL,
            ordinal       integer     NOT NULL DEFAULT 0,
            broker_ts     timestamptz NOT NULL,
            %s,
            PRIMARY KEY (src_stream, src_partition, src_offset, ordinal)
        ) PARTITION BY RANGE (src_offset)', table_name, columns);
    INSERT INTO partitioned_table VALUES (table_name);
END $$;

-- Make every partition that offsets up to and including the given one need.
CREATE PROCEDURE create_partitions(up_to bigint) LANGUAGE plpgsql AS $$
DECLARE
    span CONSTANT bigint := 10000000;
    parent text;
    part   bigint;
    child  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('create_partitions', 0));  -- the writers of several streams come here
    FOR parent IN SELECT name FROM partitioned_table LOOP
        FOR part IN 0 .. up_to / span LOOP
            child := format('%s_p%s', parent, lpad(part::text, 5, '0'));
            IF to_regclass(format('%I', child)) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
                               child, parent, part * span, (part + 1) * span);
            END IF;
        END LOOP;
    END LOOP;
END $$;

CREATE TABLE event_log (
    stream         text        NOT NULL,
    partition      integer     NOT NULL,
    "offset"       bigint      NOT NULL,
    key_raw        bytea,
    agg_id         text,
    event_type     text,
    event_version  text,
    key_metadata   jsonb,
    payload_raw    bytea,
    payload_sha256 bytea       NOT NULL,
    broker_ts      timestamptz NOT NULL,
    event_ts       timestamptz,
    ingested_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition, "offset")
) PARTITION BY RANGE ("offset");
INSERT INTO partitioned_table VALUES ('event_log');
CREATE INDEX event_log_broker_ts ON event_log USING brin (broker_ts);
CREATE INDEX event_log_type ON event_log (event_type, "offset");

CREATE TABLE dead_letter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream      text        NOT NULL,
    partition   integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    key_raw     bytea,
    payload_raw bytea,
    first_seen  timestamptz NOT NULL DEFAULT now(),
    attempts    integer     NOT NULL DEFAULT 1,
    resolved_at timestamptz,
    UNIQUE (stream, partition, "offset")
);

CREATE TABLE event_duplicate (
    stream       text    NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint  NOT NULL,
    event_type   text    NOT NULL,
    first_offset bigint  NOT NULL,
    PRIMARY KEY (stream, partition, "offset")
);
