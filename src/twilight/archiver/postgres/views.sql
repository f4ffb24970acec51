-- Views, functions and grants: made anew after every change of the tables below them, so that a rebuild may swap those.

DROP VIEW IF EXISTS candles_1min, candles_1hour, candles_1day;
CREATE VIEW candles_1min AS SELECT * FROM candle WHERE length_s = 60;
CREATE VIEW candles_1hour AS SELECT * FROM candle WHERE length_s = 3600;
CREATE VIEW candles_1day AS SELECT * FROM candle WHERE length_s = 86400;

-- Time travel: what the current-state tables held once the event of that sequence was in, from the history.

DROP FUNCTION IF EXISTS trader_order_as_of, lend_order_as_of, trigger_as_of, order_book_as_of;

CREATE FUNCTION trader_order_as_of(up_to bigint, one uuid DEFAULT NULL) RETURNS SETOF trader_order_current
LANGUAGE sql STABLE AS $$
    SELECT o.uuid, o.account_id, o.position_type, o.order_status, o.order_type, o.entryprice, o.execution_price,
           o.positionsize, o.leverage, o.initial_margin, coalesce(f.available_margin, o.available_margin), o.ts,
           o.ts_ns, o.bankruptcy_price, o.bankruptcy_value, coalesce(f.maintenance_margin, o.maintenance_margin),
           coalesce(f.liquidation_price, o.liquidation_price), o.unrealized_pnl, o.settlement_price, o.entry_nonce,
           o.exit_nonce, o.entry_sequence, o.fee_filled, o.fee_settled,
           (SELECT first.ts FROM trader_order first WHERE first.uuid = o.uuid ORDER BY first.src_offset LIMIT 1),
           coalesce(f.src_offset, o.src_offset)
    FROM (
        SELECT DISTINCT ON (uuid) * FROM trader_order
        WHERE src_offset <= up_to AND (one IS NULL OR uuid = one)
        ORDER BY uuid, src_offset DESC
    ) o
    LEFT JOIN LATERAL (
        SELECT * FROM trader_order_funding_update u
        WHERE u.uuid = o.uuid AND u.src_offset > o.src_offset AND u.src_offset <= up_to
        ORDER BY u.src_offset DESC LIMIT 1
    ) f ON o.order_status = 'FILLED'
$$;

CREATE FUNCTION lend_order_as_of(up_to bigint, one uuid DEFAULT NULL) RETURNS SETOF lend_order_current
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (o.uuid)
           o.uuid, o.account_id, o.balance, o.order_status, o.order_type, o.entry_nonce, o.exit_nonce, o.deposit,
           o.new_lend_state_amount, o.ts, o.ts_ns, o.npoolshare, o.nwithdraw, o.payment, o.tlv0, o.tps0, o.tlv1,
           o.tps1, o.tlv2, o.tps2, o.tlv3, o.tps3, o.entry_sequence,
           (SELECT first.ts FROM lend_order first WHERE first.uuid = o.uuid ORDER BY first.src_offset LIMIT 1),
           o.src_offset
    FROM lend_order o
    WHERE o.src_offset <= up_to AND (one IS NULL OR o.uuid = one)
    ORDER BY o.uuid, o.src_offset DESC
$$;

CREATE FUNCTION trigger_as_of(up_to bigint, one uuid DEFAULT NULL) RETURNS SETOF trigger_current
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (order_uuid, family) order_uuid, family, price, position_type, ts, src_offset
    FROM trigger_change
    WHERE src_offset <= up_to AND (one IS NULL OR order_uuid = one)
    ORDER BY order_uuid, family, src_offset DESC, ordinal DESC
$$;

CREATE FUNCTION order_book_as_of(up_to bigint) RETURNS SETOF order_book_entry
LANGUAGE sql STABLE AS $$
    SELECT * FROM (
        SELECT DISTINCT ON (order_uuid, kind) order_uuid, kind, side, price_cents, size, src_offset
        FROM order_book_change
        WHERE src_offset <= up_to
        ORDER BY order_uuid, kind, src_offset DESC, ordinal DESC
    ) newest WHERE size > 0
$$;
