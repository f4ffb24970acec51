-- Exposure and the risk gate's figures (API specification 5.3).

-- name: open_interest
select coalesce(sum(initial_margin * leverage) filter (where position_type = 'LONG'), 0) as long_exposure,
       coalesce(sum(initial_margin * leverage) filter (where position_type = 'SHORT'), 0) as short_exposure,
       max(ts) as last_ts
from trader_order_current  -- of its status the first 200 characters are indexed (orders.sql)
where left(order_status, 200) = 'FILLED';

-- name: open_interest_chart
-- Risk records are many more than grid points, so each point looks its one record up in the index.
select grid.at as bucket_ts,
       coalesce(newest.total_long_btc + newest.total_short_btc, 0) as open_interest
from generate_series(%(since)s::timestamptz, %(until)s::timestamptz, %(step)s::interval) as grid (at)
left join lateral (
    select total_long_btc, total_short_btc
    from risk_engine_update
    where ts <= grid.at
    order by ts desc, src_offset desc
    limit 1
) as newest on true
order by grid.at;

-- name: market_state
select gate.total_long_btc, gate.total_short_btc, gate.total_pending_long_btc, gate.total_pending_short_btc,
       gate.manual_halt, gate.manual_close_only,
       params.max_oi_mult, params.max_net_mult, params.max_position_pct,
       params.min_position_btc, params.max_leverage, params.mm_ratio,
       pool.total_locked_value,
       funding.rate as funding_rate, funding.ts as funding_ts,
       sizes.total_long, sizes.total_short
from (select 1) as one
left join lateral (
    select * from risk_engine_update
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
) as gate on true
left join lateral (
    select * from risk_params_update
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
) as params on true
left join lateral (
    select total_locked_value from lend_pool
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
) as pool on true
left join lateral (
    select rate, ts from funding_rate
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
) as funding on true
left join lateral (
    select total_long, total_short from position_size_log
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
) as sizes on true;

-- name: pool_nav
-- Decisions R19: the pool's value with open positions marked at the newest price q,
-- NAV = TLV - V_long + V_short + (P_long - P_short) / q - sum of R(A - M) over FILLED orders.
with tick as (
    select price from btc_usd_price
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
),
pool as (
    select total_locked_value from lend_pool
    where src_stream = %(stream)s and src_partition = 0
    order by src_offset desc
    limit 1
),
open_orders as (
    select coalesce(sum(case position_type when 'LONG' then -1 else 1 end * initial_margin * leverage), 0) as v,
           coalesce(sum(case position_type when 'LONG' then 1 else -1 end * positionsize), 0) as p,
           coalesce(sum(round(available_margin - initial_margin)), 0) as accrued
    from trader_order_current
    where left(order_status, 200) = 'FILLED'  -- what is indexed (orders.sql)
)
select pool.total_locked_value + open_orders.v + open_orders.p / nullif(tick.price, 0) - open_orders.accrued as nav
from pool, tick, open_orders;
