-- Orders of traders and lenders: their whole history, and where they stand now (storage specification 5.2 to 5.4).

CALL create_event_table('trader_order', $$
    event_kind         text    NOT NULL,
    sequence           bigint  NOT NULL,
    uuid               uuid    NOT NULL,
    account_id         text    NOT NULL,
    position_type      text    NOT NULL,
    order_status       text    NOT NULL,
    order_type         text    NOT NULL,
    entryprice         numeric,
    execution_price    numeric,
    positionsize       numeric,
    leverage           numeric,
    initial_margin     numeric,
    available_margin   numeric,
    ts                 timestamptz NOT NULL,
    ts_ns              bigint  NOT NULL,
    bankruptcy_price   numeric,
    bankruptcy_value   numeric,
    maintenance_margin numeric,
    liquidation_price  numeric,
    unrealized_pnl     numeric,
    settlement_price   numeric,
    entry_nonce        bigint  NOT NULL,
    exit_nonce         bigint  NOT NULL,
    entry_sequence     bigint  NOT NULL,
    fee_filled         numeric,
    fee_settled        numeric,
    anomaly            text
$$);
CREATE INDEX trader_order_uuid ON trader_order (uuid, src_offset DESC);
CREATE INDEX trader_order_account ON trader_order (account_id, ts DESC);
CREATE INDEX trader_order_ts ON trader_order (ts);
CREATE INDEX trader_order_trades ON trader_order (ts) WHERE order_status IN ('FILLED', 'SETTLED', 'LIQUIDATE');

CALL create_event_table('trader_order_funding_update', $$
    uuid               uuid    NOT NULL,
    account_id         text    NOT NULL,
    position_type      text    NOT NULL,
    order_status       text    NOT NULL,
    order_type         text    NOT NULL,
    entryprice         numeric,
    execution_price    numeric,
    positionsize       numeric,
    leverage           numeric,
    initial_margin     numeric,
    available_margin   numeric,
    ts                 timestamptz NOT NULL,
    ts_ns              bigint  NOT NULL,
    bankruptcy_price   numeric,
    bankruptcy_value   numeric,
    maintenance_margin numeric,
    liquidation_price  numeric,
    unrealized_pnl     numeric,
    settlement_price   numeric,
    entry_nonce        bigint  NOT NULL,
    exit_nonce         bigint  NOT NULL,
    entry_sequence     bigint  NOT NULL,
    fee_filled         numeric,
    fee_settled        numeric,
    anomaly            text
$$);
CREATE INDEX trader_order_funding_update_uuid ON trader_order_funding_update (uuid, src_offset DESC);
CREATE INDEX trader_order_funding_update_account ON trader_order_funding_update (account_id, ts DESC);

CREATE TABLE trader_order_current (
    uuid               uuid    PRIMARY KEY,
    account_id         text    NOT NULL,
    position_type      text    NOT NULL,
    order_status       text    NOT NULL,
    order_type         text    NOT NULL,
    entryprice         numeric,
    execution_price    numeric,
    positionsize       numeric,
    leverage           numeric,
    initial_margin     numeric,
    available_margin   numeric,
    ts                 timestamptz NOT NULL,
    ts_ns              bigint  NOT NULL,
    bankruptcy_price   numeric,
    bankruptcy_value   numeric,
    maintenance_margin numeric,
    liquidation_price  numeric,
    unrealized_pnl     numeric,
    settlement_price   numeric,
    entry_nonce        bigint  NOT NULL,
    exit_nonce         bigint  NOT NULL,
    entry_sequence     bigint  NOT NULL,
    fee_filled         numeric,
    fee_settled        numeric,
    first_ts           timestamptz NOT NULL,
    last_src_offset    bigint  NOT NULL
);
CREATE INDEX trader_order_current_account ON trader_order_current (account_id, ts DESC);
CREATE INDEX trader_order_current_status ON trader_order_current (order_status)
    INCLUDE (position_type, initial_margin, leverage, ts);
CREATE INDEX trader_order_current_resting ON trader_order_current (uuid)
    WHERE order_status = 'PENDING' AND order_type = 'LIMIT';

CALL create_event_table('lend_order', $$
    sequence              bigint NOT NULL,
    uuid                  uuid   NOT NULL,
    account_id            text   NOT NULL,
    balance               numeric,
    order_status          text   NOT NULL,
    order_type            text   NOT NULL,
    entry_nonce           bigint NOT NULL,
    exit_nonce            bigint NOT NULL,
    deposit               numeric,
    new_lend_state_amount numeric,
    ts                    timestamptz NOT NULL,
    ts_ns                 bigint NOT NULL,
    npoolshare            numeric,
    nwithdraw             numeric,
    payment               numeric,
    tlv0 numeric, tps0 numeric,
    tlv1 numeric, tps1 numeric,
    tlv2 numeric, tps2 numeric,
    tlv3 numeric, tps3 numeric,
    entry_sequence        bigint NOT NULL,
    anomaly               text
$$);
CREATE INDEX lend_order_uuid ON lend_order (uuid, src_offset DESC);
CREATE INDEX lend_order_account ON lend_order (account_id, ts DESC);

CREATE TABLE lend_order_current (
    uuid                  uuid   PRIMARY KEY,
    account_id            text   NOT NULL,
    balance               numeric,
    order_status          text   NOT NULL,
    order_type            text   NOT NULL,
    entry_nonce           bigint NOT NULL,
    exit_nonce            bigint NOT NULL,
    deposit               numeric,
    new_lend_state_amount numeric,
    ts                    timestamptz NOT NULL,
    ts_ns                 bigint NOT NULL,
    npoolshare            numeric,
    nwithdraw             numeric,
    payment               numeric,
    tlv0 numeric, tps0 numeric,
    tlv1 numeric, tps1 numeric,
    tlv2 numeric, tps2 numeric,
    tlv3 numeric, tps3 numeric,
    entry_sequence        bigint NOT NULL,
    first_ts              timestamptz NOT NULL,
    last_src_offset       bigint NOT NULL
);
CREATE INDEX lend_order_current_account ON lend_order_current (account_id, ts DESC);
CREATE INDEX lend_order_current_status ON lend_order_current (order_status);

CALL create_event_table('order_command', $$
    order_kind text NOT NULL,
    order_uuid uuid NOT NULL,
    family     text NOT NULL,
    variant    text NOT NULL,
    request_id text,
    meta       jsonb,
    zkos_hex   text,
    args       jsonb NOT NULL
$$);
CREATE INDEX order_command_order ON order_command (order_uuid);
CREATE INDEX order_command_request ON order_command (request_id);

CREATE TABLE twilight_qq_account_link (
    twilight_address text   NOT NULL,
    account_address  text   NOT NULL,
    order_id         uuid   NOT NULL,
    src_stream       text   NOT NULL,
    src_partition    integer NOT NULL,
    src_offset       bigint NOT NULL,
    ts               timestamptz NOT NULL,
    PRIMARY KEY (twilight_address, account_address, order_id)
);
CREATE INDEX twilight_qq_account_link_account ON twilight_qq_account_link (account_address);

CALL create_event_table('lend_pool', $$
    sequence               bigint NOT NULL,
    nonce                  bigint NOT NULL,
    aggregate_log_sequence bigint NOT NULL,
    last_snapshot_id       bigint NOT NULL,
    total_pool_share       numeric,
    total_locked_value     numeric,
    pending_orders         jsonb,
    pending_detail         jsonb,
    last_output_state      jsonb,
    event_sequence         bigint NOT NULL,
    derived                boolean NOT NULL DEFAULT false
$$);
CREATE INDEX lend_pool_nonce ON lend_pool (nonce DESC, src_offset DESC);
CREATE INDEX lend_pool_offset ON lend_pool (src_offset DESC);

CALL create_event_table('lend_pool_command', $$
    parent_ordinal integer,
    command        text   NOT NULL,
    order_uuid     uuid,
    payment        numeric,
    sequence       bigint NOT NULL,
    funding_rate   numeric,
    args           jsonb  NOT NULL
$$);
CREATE INDEX lend_pool_command_order ON lend_pool_command (order_uuid);
