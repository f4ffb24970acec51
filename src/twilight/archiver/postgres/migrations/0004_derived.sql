-- What is computed from the events, in the same transaction (storage specification 6, decisions S2 and S11).

CREATE TABLE trade (
    src_stream    text    NOT NULL,
    src_partition integer NOT NULL,
    src_offset    bigint  NOT NULL,
    ordinal       integer NOT NULL DEFAULT 0,
    broker_ts     timestamptz NOT NULL,
    order_uuid    uuid    NOT NULL,
    account_id    text    NOT NULL,
    trade_kind    text    NOT NULL,
    side          text    NOT NULL,
    qdb_side      smallint NOT NULL,
    price         numeric NOT NULL,
    positionsize  numeric NOT NULL,
    ts            timestamptz NOT NULL,
    ts_ns         bigint  NOT NULL,
    btc_volume    numeric NOT NULL,
    usd_volume    numeric NOT NULL,
    PRIMARY KEY (order_uuid, trade_kind)
);
CREATE UNIQUE INDEX trade_source ON trade (src_stream, src_partition, src_offset, ordinal);
CREATE INDEX trade_ts ON trade (ts DESC, src_offset DESC);
CREATE INDEX trade_account ON trade (account_id, ts DESC);

-- One table for the three lengths that are kept; views carry the names of the specification.
CREATE TABLE candle (
    length_s      integer     NOT NULL,
    start_time    timestamptz NOT NULL,
    end_time      timestamptz NOT NULL,
    open          numeric     NOT NULL,
    high          numeric     NOT NULL,
    low           numeric     NOT NULL,
    close         numeric     NOT NULL,
    open_ts_ns    bigint,
    close_ts_ns   bigint,
    btc_volume    numeric     NOT NULL DEFAULT 0,
    usd_volume    numeric     NOT NULL DEFAULT 0,
    buy_volume    numeric     NOT NULL DEFAULT 0,
    sell_volume   numeric     NOT NULL DEFAULT 0,
    trades        integer     NOT NULL DEFAULT 0,
    price_samples integer     NOT NULL DEFAULT 0,
    first_offset  bigint,
    last_offset   bigint,
    carried       boolean     NOT NULL,
    final         boolean     NOT NULL,
    PRIMARY KEY (length_s, start_time)
);
CREATE INDEX candle_open_ones ON candle (length_s, start_time DESC) WHERE NOT final;

CREATE TABLE order_book_entry (
    order_uuid      uuid   NOT NULL,
    kind            text   NOT NULL,
    side            text   NOT NULL,
    price_cents     bigint NOT NULL,
    size            numeric NOT NULL,
    last_src_offset bigint NOT NULL,
    PRIMARY KEY (order_uuid, kind)
);
CREATE INDEX order_book_entry_level ON order_book_entry (side, price_cents) INCLUDE (size);

-- Every change of the book: a size of 0 takes the entry out. The newest change of each key is the table above.
CALL create_event_table('order_book_change', $$
    order_uuid  uuid    NOT NULL,
    kind        text    NOT NULL,
    side        text    NOT NULL,
    price_cents bigint  NOT NULL,
    size        numeric NOT NULL
$$);
CREATE INDEX order_book_change_order ON order_book_change (order_uuid, kind, src_offset DESC);

CREATE TABLE trigger_current (
    order_uuid      uuid   NOT NULL,
    family          text   NOT NULL,
    price           numeric,
    position_type   text   NOT NULL,
    created_ts      timestamptz NOT NULL,
    last_src_offset bigint NOT NULL,
    PRIMARY KEY (order_uuid, family)
);
CREATE INDEX trigger_current_active ON trigger_current (family, position_type, price) WHERE price IS NOT NULL;

-- Every change of a trigger, those by bulk removals and by an order's end included: without a price it is gone.
CALL create_event_table('trigger_change', $$
    order_uuid    uuid   NOT NULL,
    family        text   NOT NULL,
    price         numeric,
    position_type text   NOT NULL,
    ts            timestamptz NOT NULL
$$);
CREATE INDEX trigger_change_order ON trigger_change (order_uuid, family, src_offset DESC);

CREATE TABLE lend_pool_price_minute (
    bucket_ts          timestamptz PRIMARY KEY,
    share_price        numeric NOT NULL,
    total_locked_value numeric NOT NULL,
    total_pool_share   numeric NOT NULL,
    samples            integer NOT NULL,
    last_src_offset    bigint  NOT NULL
);
