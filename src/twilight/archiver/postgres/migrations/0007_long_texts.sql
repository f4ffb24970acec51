-- An entry of a B-tree holds some 2,700 bytes, and a text of the log may have ten million: a record with a longer one was
-- refused, and its order and its trade with it. So the first 200 characters of a text are indexed. What is genuine is
-- shorter (an account has 138); a query names both, left(account_id, 200) = left($1, 200) AND account_id = $1.

DROP INDEX trader_order_account, trader_order_funding_update_account, trader_order_current_account,
    trader_order_current_status, lend_order_account, lend_order_current_account, lend_order_current_status,
    order_command_request, transaction_hash_account, transaction_hash_request, transaction_hash_request_filled,
    trade_account, trigger_current_active;

CREATE INDEX trader_order_account ON trader_order (left(account_id, 200), ts DESC);
CREATE INDEX trader_order_funding_update_account ON trader_order_funding_update (left(account_id, 200), ts DESC);
CREATE INDEX trader_order_current_account ON trader_order_current (left(account_id, 200), ts DESC);
CREATE INDEX trader_order_current_status ON trader_order_current (left(order_status, 200))
    INCLUDE (initial_margin, leverage, ts);
CREATE INDEX lend_order_account ON lend_order (left(account_id, 200), ts DESC);
CREATE INDEX lend_order_current_account ON lend_order_current (left(account_id, 200), ts DESC);
CREATE INDEX lend_order_current_status ON lend_order_current (left(order_status, 200));
CREATE INDEX order_command_request ON order_command (left(request_id, 200));
CREATE INDEX transaction_hash_account ON transaction_hash (left(account_id, 200), src_offset);
CREATE INDEX transaction_hash_request ON transaction_hash (left(request_id, 200), src_offset);
CREATE INDEX transaction_hash_request_filled ON transaction_hash (left(request_id_filled, 200), src_offset);
CREATE INDEX trade_account ON trade (left(account_id, 200), ts DESC);
CREATE INDEX trigger_current_active ON trigger_current (family, left(position_type, 200), price)
    WHERE price IS NOT NULL;
