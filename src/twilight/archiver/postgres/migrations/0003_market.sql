-- Prices, funding, fees, triggers, risk and answers (storage specification 5.5).

CALL create_event_table('btc_usd_price', $$
    price   numeric,
    ts      timestamptz NOT NULL,
    ts_ns   bigint NOT NULL,
    anomaly text
$$);
CREATE INDEX btc_usd_price_ts ON btc_usd_price (ts DESC);
CREATE INDEX btc_usd_price_ts_brin ON btc_usd_price USING brin (ts);

CALL create_event_table('funding_rate', $$
    rate          numeric,
    price         numeric,
    price_derived boolean NOT NULL DEFAULT false,
    ts            timestamptz NOT NULL,
    ts_ns         bigint NOT NULL,
    anomaly       text
$$);
CREATE INDEX funding_rate_ts ON funding_rate (ts DESC);

CALL create_event_table('fee_history', $$
    order_filled_on_market  numeric,
    order_filled_on_limit   numeric,
    order_settled_on_market numeric,
    order_settled_on_limit  numeric,
    ts                      timestamptz NOT NULL,
    ts_ns                   bigint NOT NULL,
    anomaly                 text
$$);
CREATE INDEX fee_history_ts ON fee_history (ts DESC);

CALL create_event_table('sorted_set_command', $$
    command       text NOT NULL,
    uuid          uuid,
    amount        numeric,
    position_type text NOT NULL,
    ts            timestamptz NOT NULL,
    ts_ns         bigint NOT NULL,
    anomaly       text
$$);
CREATE INDEX sorted_set_command_uuid ON sorted_set_command (uuid, src_offset DESC);

CALL create_event_table('position_size_log', $$
    command       text NOT NULL,
    position_type text NOT NULL,
    amount        numeric,
    total_short   numeric,
    total_long    numeric,
    total         numeric,
    anomaly       text
$$);
CREATE INDEX position_size_log_offset ON position_size_log (src_offset DESC);

CALL create_event_table('risk_engine_update', $$
    command                 text NOT NULL,
    position_type           text,
    amount                  numeric,
    flag                    boolean,
    total_long_btc          numeric,
    total_short_btc         numeric,
    total_pending_long_btc  numeric,
    total_pending_short_btc numeric,
    manual_halt             boolean NOT NULL,
    manual_close_only       boolean NOT NULL,
    pause_funding           boolean NOT NULL,
    pause_price_feed        boolean NOT NULL,
    ts                      timestamptz NOT NULL,
    anomaly                 text
$$);
CREATE INDEX risk_engine_update_ts ON risk_engine_update (ts DESC, src_offset DESC);

CALL create_event_table('risk_params_update', $$
    max_oi_mult      numeric,
    max_net_mult     numeric,
    max_position_pct numeric,
    min_position_btc numeric,
    max_leverage     numeric,
    mm_ratio         numeric,
    ts               timestamptz NOT NULL,
    anomaly          text
$$);
CREATE INDEX risk_params_update_ts ON risk_params_update (ts DESC, src_offset DESC);

CALL create_event_table('stop_marker', $$ text text NOT NULL $$);

CALL create_event_table('state_advance', $$
    nonce  bigint NOT NULL,
    output jsonb  NOT NULL
$$);

CALL create_event_table('transaction_hash', $$
    kind              text NOT NULL,
    order_id          text NOT NULL,
    account_id        text NOT NULL,
    tx_hash           text NOT NULL,
    order_type        text NOT NULL,
    order_status      text NOT NULL,
    datetime          text NOT NULL,
    ts                timestamptz,
    output            text,
    request_id        text,
    request_id_filled text,
    reason            text,
    old_price         numeric,
    new_price         numeric
$$);
CREATE INDEX transaction_hash_order ON transaction_hash (order_id, src_offset);
CREATE INDEX transaction_hash_account ON transaction_hash (account_id, src_offset);
CREATE INDEX transaction_hash_request ON transaction_hash (request_id, src_offset);
CREATE INDEX transaction_hash_request_filled ON transaction_hash (request_id_filled, src_offset);
