-- Orders, their records and triggers (API specification 5.4), and where the archiver stands.
-- Of a text that may be of any length the first 200 characters are indexed: those are named, and then the whole.

-- name: ingest_position
select min(next_offset) as next_offset
from ingest_offset
where stream = %(stream)s and partition = 0
having count(*) > 0;

-- name: trader_order_state
select account_id, order_status from trader_order_current where uuid = %(uuid)s;

-- name: lend_order_state
select account_id, order_status from lend_order_current where uuid = %(uuid)s;

-- name: trader_order_of_account
select *, last_src_offset as src_offset
from trader_order_current
where left(account_id, 200) = left(%(account_id)s, 200) and account_id = %(account_id)s
order by last_src_offset desc
limit 1;

-- name: lend_order_of_account
select *, last_src_offset as src_offset
from lend_order_current
where left(account_id, 200) = left(%(account_id)s, 200) and account_id = %(account_id)s
order by last_src_offset desc
limit 1;

-- name: trader_order_history
select *
from trader_order
where left(account_id, 200) = left(%(account_id)s, 200) and account_id = %(account_id)s
order by src_offset desc, ordinal desc
limit %(limit)s;

-- name: lend_order_history
select *
from lend_order
where left(account_id, 200) = left(%(account_id)s, 200) and account_id = %(account_id)s
order by src_offset desc, ordinal desc
limit %(limit)s;

-- name: triggers_of_order
select order_uuid, family, position_type, price, created_ts
from trigger_current
where order_uuid = %(uuid)s and price is not null;

-- name: funding_of_order
-- The rate stands in the metadata of the command that applied it (decisions A8).
select funding.uuid, funding.position_type, funding.ts, funding.initial_margin, funding.available_margin,
       funding.fee_filled,
       coalesce(command.meta ->> 'FundingRate', '0')::numeric as funding_rate
from trader_order_funding_update as funding
left join order_command as command
    on command.src_stream = funding.src_stream
   and command.src_partition = funding.src_partition
   and command.src_offset = funding.src_offset
   and command.ordinal = funding.ordinal
where funding.uuid = %(uuid)s
order by funding.src_offset;

-- name: hashes_of_order
select src_offset, order_id, account_id, tx_hash, order_type, order_status, datetime, output,
       request_id, request_id_filled, reason, old_price, new_price
from transaction_hash
where order_id = %(key)s and (%(status)s::text is null or order_status = %(status)s)
order by src_offset
limit %(limit)s offset %(offset)s;

-- name: hashes_of_account
select src_offset, order_id, account_id, tx_hash, order_type, order_status, datetime, output,
       request_id, request_id_filled, reason, old_price, new_price
from transaction_hash
where left(account_id, 200) = left(%(key)s, 200) and account_id = %(key)s
  and (%(status)s::text is null or order_status = %(status)s)
order by src_offset
limit %(limit)s offset %(offset)s;

-- name: hashes_of_request
select src_offset, order_id, account_id, tx_hash, order_type, order_status, datetime, output,
       request_id, request_id_filled, reason, old_price, new_price
from transaction_hash
where ((left(request_id, 200) = left(%(key)s, 200) and request_id = %(key)s)
       or (left(request_id_filled, 200) = left(%(key)s, 200) and request_id_filled = %(key)s))
  and (%(status)s::text is null or order_status = %(status)s)
order by src_offset
limit %(limit)s offset %(offset)s;

-- name: count_of_wallets
select count(distinct twilight_address) as wallets from twilight_qq_account_link;

-- name: page_of_wallets
select twilight_address
from twilight_qq_account_link
group by twilight_address
order by twilight_address
limit %(limit)s offset %(offset)s;

-- name: activity_of_wallets
-- Each order counts with its latest state inside the window (the one of the highest offset).
with linked as (
    select distinct twilight_address, account_address
    from twilight_qq_account_link
    where twilight_address = any(%(wallets)s)
),
latest as (
    select distinct on (linked.twilight_address, trader_order.uuid)
           linked.twilight_address, trader_order.order_status, trader_order.positionsize
    from linked
    join trader_order on left(trader_order.account_id, 200) = linked.account_address  -- a longer account is in no link
    where trader_order.ts >= %(since)s and trader_order.ts <= %(until)s
    order by linked.twilight_address, trader_order.uuid, trader_order.src_offset desc
)
select twilight_address,
       coalesce(sum(positionsize) filter (where order_status = 'SETTLED'), 0) as settled_positionsize,
       coalesce(sum(positionsize) filter (where order_status = 'FILLED'), 0) as filled_positionsize,
       coalesce(sum(positionsize) filter (where order_status = 'LIQUIDATE'), 0) as liquidated_positionsize,
       count(*) filter (where order_status = 'SETTLED') as settled_count,
       count(*) filter (where order_status = 'FILLED') as filled_count,
       count(*) filter (where order_status = 'LIQUIDATE') as liquidated_count
from latest
where order_status in ('SETTLED', 'FILLED', 'LIQUIDATE')
group by twilight_address
order by twilight_address;
