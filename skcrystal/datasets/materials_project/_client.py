"""Requests to the Materials Project's server, and messages for its failures."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pymatgen.core import SETTINGS

ENDPOINT = "https://api.materialsproject.org/"
# Seconds before a request is made again that failed on the way or inside the server
WAITS = (2, 10, 60)
_TIMEOUT = 30  # s
_T = TypeVar("_T")


class ServerError(OSError):
    """The server cannot be reached, or does not let this key in (`refused`)."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Server:
    """Summaries of materials, over mp-api. Made by `connect`.

    Parameters
    ----------
    client : mp_api.client.MPRester
    key : str
        Its key, which no message may show.
    """

    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key

    def database_version(self) -> str:
        """Release of the database, such as "2025.09.25", at this moment.

        The client's own is of the first request of this process.
        """

        def ask() -> str:
            url = f"{self._client.endpoint}heartbeat"
            response = self._client.session.get(url, timeout=_TIMEOUT)
            response.raise_for_status()
            return str(response.json()["db_version"])

        return _patiently(ask, self._key)

    def ids(self, query: Mapping[str, Any]) -> list[str]:
        """Ids of the materials that match, without deprecated ones, in any order.

        Raises
        ------
        ServerError
            If the server does not answer.
        ValueError
            If the server does not accept the query.
        """

        def ask() -> list[str]:
            # A search with no filter at all makes the client download its whole
            # data lake, gigabytes, to the home folder: `deprecated` is one.
            found = self._client.materials.summary.search(
                **query, deprecated=False, fields=["material_id"]
            )
            ids = [str(document["material_id"]) for document in found]
            if len(set(ids)) < len(ids):
                raise ConnectionError("pages of the answer overlap")
            return ids

        return _patiently(ask, self._key)

    def documents(
        self, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """Those of the materials with these ids that the server has, by id."""

        def ask() -> dict[str, dict[str, Any]]:
            found = self._client.materials.summary.search(
                material_ids=list(ids),
                fields=["material_id", *fields],
                chunk_size=len(ids),
            )
            return {str(document["material_id"]): document for document in found}

        return _patiently(ask, self._key)


def find_key(api_key: str | None) -> str:
    """The key, from the first place that has one."""
    key = api_key or os.environ.get("MP_API_KEY") or SETTINGS.get("PMG_MAPI_KEY")
    how = (
        "Get one, free, at https://materialsproject.org/api, and pass it as `api_key` "
        "or set the environment variable MP_API_KEY."
    )
    if not key:
        raise ValueError(f"The Materials Project asks for an API key. {how}")
    if len(key) != 32 or not (key.isascii() and key.isalnum()):
        raise ValueError(
            f"The API key of the Materials Project has 32 letters and digits; this one "
            f"has {len(key)} characters{'' if len(key) != 32 else ', some of others'}. "
            f"{how}"
        )
    return key


@contextmanager
def connect(key: str, endpoint: str) -> Iterator[Server]:
    """The server at `endpoint`, for as long as the block lasts."""
    try:
        from mp_api.client import MPRester
        from mp_api.client.core import MPRestError
    except ImportError as error:
        raise ImportError(
            "Data of the Materials Project come through mp-api, which is not "
            'installed: pip install "skcrystal[mp]"'
        ) from error

    def client() -> Any:
        try:
            return MPRester(
                key,
                endpoint=endpoint,
                use_document_model=False,
                mute_progress_bars=True,
            )
        except MPRestError as error:
            # The server is up, and reports a failure of its own.
            raise ConnectionError(str(error)) from error

    with _patiently(client, key) as rester:
        yield Server(rester, key)


def _patiently(ask: Callable[[], _T], key: str) -> _T:
    """Result of `ask`, repeated after waits as long as that may help."""
    from mp_api.client.core import MPRestError

    for wait in (*WAITS, None):
        try:
            return ask()
        except (MPRestError, OSError, ValueError, KeyError) as error:
            status, reason = _status(error), _reason(error, key)
            if status in (401, 403):
                raise ServerError(
                    f"The Materials Project refused the API key (HTTP {status}). "
                    "Compare it with https://materialsproject.org/api. The server "
                    f"answers: {reason}",
                    refused=True,
                ) from None
            if not _may_pass(error, status):
                raise ValueError(
                    f"The Materials Project does not accept this query: {reason}"
                ) from None
            if wait is None:
                # Not chained: the client's own messages hold all ids of a request.
                raise ServerError(
                    f"No answer from the Materials Project after {len(WAITS) + 1} "
                    f"tries: {reason}"
                ) from None
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _status(error: Exception) -> int | None:
    """HTTP status of a failed request. The client only writes it in its text."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status_code)
    if found := re.search(r"status code (\d{3})", str(error)):
        return int(found[1])
    return 400 if "does not support the request" in str(error) else None


def _may_pass(error: Exception, status: int | None) -> bool:
    """Whether the failure is one of those that pass by themselves."""
    if status is not None:
        return status >= 500 or status in (408, 429)
    # Broken transfers, which the client wraps, and pages in place of JSON
    kinds = (OSError, KeyError, json.JSONDecodeError)
    wrapped = isinstance(error.__context__, OSError)
    return wrapped or isinstance(error, kinds) or "timed out" in str(error)


def _reason(error: Exception, key: str) -> str:
    """The message in one short line, without queries, and without the key."""
    text = re.sub(r"\?\S+", "", str(error) or type(error).__name__)
    return " ".join(text.replace(key, "<key>").split())[:400]
