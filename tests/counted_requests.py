"""Counts what is asked of an S3 server."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import urlsplit


@contextmanager
def counted_requests() -> Iterator[Counter[tuple[str, str]]]:
    """Yield (method, folder of the store) -> requests; a listing counts as ``("LIST", "")``."""
    from aiobotocore.httpsession import AIOHTTPSession

    counted: Counter[tuple[str, str]] = Counter()
    send = AIOHTTPSession.send

    async def counting(self: Any, request: Any) -> Any:
        parts = urlsplit(request.url)
        folders = parts.path.strip("/").split("/")[2:-1]  # after bucket and store
        listing = "list-type" in parts.query
        counted["LIST" if listing else request.method, "" if listing else "/".join(folders[:1])] += 1
        return await send(self, request)

    with mock.patch.object(AIOHTTPSession, "send", counting):
        yield counted
