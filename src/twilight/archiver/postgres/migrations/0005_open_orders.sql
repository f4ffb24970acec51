-- An archiver that starts reads the orders that have not ended; those that have are nearly all of the table.

CREATE INDEX trader_order_current_open ON trader_order_current (uuid)
    WHERE order_status NOT IN ('SETTLED', 'CANCELLED', 'LIQUIDATE');
