"""Questions to QuestDB over HTTP: every answer is whole, a refusal has the server's own words."""

import csv
from collections.abc import Iterator
from typing import Any

import httpx

from twilight.ops.errors import TwilightError, Unavailable

TIMEOUT_S = 30.0


class Refused(TwilightError):
    """QuestDB understood the request and said no."""


class QuestDBClient:
    """One QuestDB, asked over its HTTP port."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT_S)

    @property
    def address(self) -> str:
        """Return host and port, as the ingestion client wants them."""
        return self.url.split("://", 1)[-1]

    def rows(self, query: str) -> list[list[Any]]:
        """Return the rows of a query; a statement that answers none returns an empty list.

        Raises:
            Unavailable: QuestDB does not answer.
            Refused: it will not run the statement.
        """
        try:
            answer = self._http.get("/exec", params={"query": query})
        except httpx.HTTPError as error:
            raise Unavailable(f"QuestDB at {self.url} does not answer: {error}") from error
        rows: list[list[Any]] = self._whole(answer, query).get("dataset", [])
        return rows

    def stream(self, query: str) -> Iterator[list[str]]:
        """Yield the rows of a large query as text, without its head.

        Raises:
            Unavailable: QuestDB does not answer.
        """
        try:
            with self._http.stream("GET", "/exp", params={"query": query}) as answer:
                answer.raise_for_status()
                lines = csv.reader(answer.iter_lines())
                next(lines, None)
                yield from lines
        except httpx.HTTPError as error:
            raise Unavailable(f"QuestDB at {self.url} does not answer: {error}") from error

    def _whole(self, answer: httpx.Response, query: str) -> Any:  # noqa: ANN401 - a JSON object
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"QuestDB at {self.url} fails with status {answer.status_code}")
        found = answer.json()
        if answer.status_code != httpx.codes.OK or "error" in found:
            raise Refused(f"QuestDB refused `{query[:120]}`: {found.get('error', answer.status_code)}")
        return found

    def is_alive(self) -> bool:
        """Return whether it answers at all."""
        try:
            return self.rows("SELECT 1") == [[1]]
        except TwilightError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
