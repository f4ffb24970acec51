"""The methods by path: public (``/api``), order API (``/clientapi``), websocket (``/ws``)."""

from twilight.api.methods.accounts import accounts
from twilight.api.methods.hashes import hashes
from twilight.api.methods.market import market
from twilight.api.methods.orders import order_api, submissions
from twilight.api.methods.pool import pool
from twilight.api.methods.risk import risk
from twilight.api.methods.streams import streams
from twilight.api.methods.summaries import summaries
from twilight.api.methods.system import health, order_system
from twilight.api.registry import Registry

PUBLIC_METHODS = Registry().include(market, pool, risk, hashes, accounts, summaries, submissions, health)
ORDER_METHODS = Registry().include(order_api, order_system, health)
SOCKET_METHODS = Registry().include(PUBLIC_METHODS, streams)
