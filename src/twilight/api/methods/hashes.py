"""What became of requests: ``transaction_hashes``. API specification 5.4."""

from msgspec import UNSET, Struct, UnsetType

from twilight.api.call import Call
from twilight.api.registry import Registry
from twilight.api.results import TxHash
from twilight.api.scalars import PAGE_ROWS_MAX, Text, clamp_offset, clamp_rows

hashes = Registry()


class HashPage(Struct, frozen=True):
    """Which records: those of one id, with this status if one is named."""

    id: Text
    status: Text | None = None
    limit: int | None = None
    offset: int | None = None


class HashQuery(Struct, frozen=True):
    """Exactly one of: an order's uuid, an account, a request id."""

    TxId: HashPage | UnsetType = UNSET
    AccountId: HashPage | UnsetType = UNSET
    RequestId: HashPage | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse none and several."""
        if len(self.given()) != 1:
            raise ValueError("expected exactly one of `TxId`, `AccountId`, `RequestId`")

    def given(self) -> list[tuple[str, HashPage]]:
        """Return the variants that are present."""
        variants = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, page) for name, page in variants if page is not UNSET]


QUERIES = {"TxId": "hashes_of_order", "AccountId": "hashes_of_account", "RequestId": "hashes_of_request"}


@hashes.method("transaction_hashes")
async def transaction_hashes(call: Call, query: HashQuery) -> list[TxHash]:
    """Return the records of an order, an account or a request, ascending; ``[]`` when there is none yet."""
    ((kind, page),) = query.given()
    rows = await call.services.database.rows(
        QUERIES[kind],
        "transaction hashes",
        key=page.id.lower() if kind == "TxId" else page.id,
        status=page.status,
        limit=clamp_rows(page.limit, PAGE_ROWS_MAX),
        offset=clamp_offset(page.offset),
    )
    return [TxHash.of(row) for row in rows]
