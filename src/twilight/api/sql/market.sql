-- Prices, candles, funding, fees, positions, trades, the book (API specification 5.1).
-- The newest row is the one with the highest offset; times never decide (decisions S2).

-- name: newest_price
select src_offset, price, ts
from btc_usd_price
where src_stream = %(stream)s and src_partition = 0
order by src_offset desc
limit 1;

-- name: price_history
select src_offset, price, ts
from btc_usd_price
where ts >= %(since)s and ts < %(until)s
order by ts, src_offset
limit %(limit)s offset %(offset)s;

-- name: newest_funding_rate
select src_offset, rate, price, ts
from funding_rate
where src_stream = %(stream)s and src_partition = 0
order by src_offset desc
limit 1;

-- name: funding_history
select src_offset, rate, price, ts
from funding_rate
where ts >= %(since)s and ts < %(until)s
order by ts, src_offset
limit %(limit)s offset %(offset)s;

-- name: newest_fees
select src_offset, order_filled_on_market, order_filled_on_limit,
       order_settled_on_market, order_settled_on_limit, ts
from fee_history
where src_stream = %(stream)s and src_partition = 0
order by src_offset desc
limit 1;

-- name: fee_history
select src_offset, order_filled_on_market, order_filled_on_limit,
       order_settled_on_market, order_settled_on_limit, ts
from fee_history
where ts >= %(since)s and ts < %(until)s
order by ts, src_offset
limit %(limit)s offset %(offset)s;

-- name: candles
-- A carried row only repeats the price before it: it is no price, and without one there is no candle. What was traded
-- in it counts to the candle around it. As many base rows are read as the candles asked for can have.
with ticked as (
    select * from candle
    where length_s = %(base_s)s and start_time >= %(start)s and not carried
    order by start_time
    limit %(base_rows)s
),
base as (
    select * from ticked
    union all
    select * from candle
    where length_s = %(base_s)s and start_time >= %(start)s and carried and trades > 0
      and start_time < (select date_bin(%(length)s, max(start_time), %(origin)s) + %(length)s from ticked)
)
select date_bin(%(length)s, start_time, %(origin)s) as bucket,
       (array_agg(open order by start_time) filter (where not carried))[1] as open,
       max(high) filter (where not carried) as high,
       min(low) filter (where not carried) as low,
       (array_agg(close order by start_time desc) filter (where not carried))[1] as close,
       sum(btc_volume) as btc_volume,
       sum(usd_volume) as usd_volume,
       sum(trades) as trades,
       max(last_offset) as last_offset
from base
group by bucket
having not bool_and(carried)
order by bucket
limit %(limit)s offset %(offset)s;

-- name: newest_position_size
select total_short, total_long, total
from position_size_log
where src_stream = %(stream)s and src_partition = 0
order by src_offset desc
limit 1;

-- name: book_bid
select side, price_cents, sum(size) as size
from order_book_entry
where side = 'bid'
group by side, price_cents
order by price_cents desc
limit 10;

-- name: book_ask
select side, price_cents, sum(size) as size
from order_book_entry
where side = 'ask'
group by side, price_cents
order by price_cents
limit 10;

-- name: recent_trades
select order_uuid, side, price, positionsize, ts
from trade
where ts > %(since)s
order by ts desc, src_offset desc
limit 25;

-- name: last_day
select (
           select price from btc_usd_price
           where ts <= %(since)s
           order by ts desc, src_offset desc
           limit 1
       ) as price_before,
       (select coalesce(sum(positionsize), 0) from trade where ts > %(since)s) as volume,
       (select count(*) from trade where ts > %(since)s) as trades;

-- name: book_levels
-- Every level, and the offset up to which the archiver has folded: both of one moment.
select position.next_offset - 1 as seq, level.side, level.price_cents, level.size
from ingest_offset as position
left join (
    select side, price_cents, sum(size) as size from order_book_entry group by side, price_cents
) as level on true
where position.consumer = 'archiver' and position.stream = %(stream)s and position.partition = 0;
