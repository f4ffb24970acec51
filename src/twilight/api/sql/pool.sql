-- The lending pool (API specification 5.2).

-- name: newest_pool
select src_offset, sequence, nonce, total_pool_share, total_locked_value,
       coalesce((pending_orders ->> 'len')::bigint, 0) as pending_orders,
       aggregate_log_sequence, last_snapshot_id
from lend_pool
where src_stream = %(stream)s and src_partition = 0
order by src_offset desc
limit 1;

-- name: apy_at
-- (P now / P then) ^ exponent - 1; null when either price is missing or the old one is 0
select power(recent.share_price / nullif(earlier.share_price, 0), %(exponent)s::numeric) - 1 as apy
from (
    select share_price from lend_pool_price_minute
    where bucket_ts <= %(now)s
    order by bucket_ts desc
    limit 1
) as recent,
(
    select share_price from lend_pool_price_minute
    where bucket_ts <= %(then)s
    order by bucket_ts desc
    limit 1
) as earlier;

-- name: apy_chart
-- One ordered merge of the share prices with the grid and with the grid one look-back earlier: what
-- stands between two prices belongs to the first of them.
with bounds as (
    select %(since)s::timestamptz - %(lookback)s::interval as first_ts, %(until)s::timestamptz as last_ts
),
grid as (
    select generate_series(%(since)s::timestamptz, %(until)s::timestamptz, %(step)s::interval) as at
),
marks as (
    select bucket_ts as ts, share_price, null::timestamptz as at, 0 as kind
    from lend_pool_price_minute, bounds
    where bucket_ts <= bounds.last_ts
      and bucket_ts >= coalesce(
          (select max(bucket_ts) from lend_pool_price_minute where bucket_ts <= bounds.first_ts),
          bounds.first_ts
      )
    union all
    select grid.at, null, grid.at, 1 from grid
    union all
    select grid.at - %(lookback)s::interval, null, grid.at, 2 from grid
),
runs as (
    select *, count(share_price) over (order by ts, kind rows unbounded preceding) as run from marks
),
priced as (
    select at, kind, max(share_price) over (partition by run) as price from runs
),
points as (
    select at,
           max(price) filter (where kind = 1) as recent,
           max(price) filter (where kind = 2) as earlier
    from priced
    where at is not null
    group by at
)
select at as bucket_ts, power(recent / earlier, %(exponent)s::numeric) - 1 as apy
from points
where recent is not null and earlier > 0
order by at;
