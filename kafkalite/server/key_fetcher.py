"""Fetches the keys of an identity provider: at start, regularly, and when a token names a key that is not known."""

from __future__ import annotations

import logging
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError

import trio

from kafkalite.security.token_keys import LARGEST_KEY_SET

if TYPE_CHECKING:
    from kafkalite.config.oauthbearer import KeyEndpoint
    from kafkalite.security.token_keys import FetchedKeys

_LOG: Final = logging.getLogger(__name__)
_LIMIT: Final = 10.0
_LEAST_PAUSE: Final = 1.0
"""Seconds between two fetches that unknown keys ask for: clients choose the names of keys."""


class KeyFetcher:
    """Keeps the keys of one listener up to date."""

    def __init__(self, endpoint: KeyEndpoint, keys: FetchedKeys) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._wanted = trio.Event()
        keys.on_missing = self._want

    def _want(self, key_id: str) -> None:
        del key_id
        self._wanted.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fetch the keys until cancelled; started after the first attempt."""
        failures = 0 if await self._fetch(says_why=True) else 1
        task_status.started()
        while True:
            pause = self._endpoint.refresh
            if failures:
                pause = min(self._endpoint.first_backoff * 2 ** min(failures - 1, 30), self._endpoint.longest_backoff)
            await self._pause(pause, until_wanted=not failures)
            failures = 0 if await self._fetch(says_why=not failures) else failures + 1

    async def _pause(self, seconds: float, *, until_wanted: bool) -> None:
        if not until_wanted:
            await trio.sleep(seconds)
            return
        with trio.move_on_after(seconds):
            await trio.sleep(min(_LEAST_PAUSE, seconds))
            await self._wanted.wait()
        self._wanted = trio.Event()

    async def _fetch(self, *, says_why: bool) -> bool:
        url = self._endpoint.url
        try:
            with trio.fail_after(_LIMIT):
                self._keys.replace(await trio.to_thread.run_sync(_content, url, abandon_on_cancel=True))
        except (OSError, HTTPException, ValueError, trio.TooSlowError) as error:
            if says_why:
                _LOG.warning("no keys for OAUTHBEARER from %s, trying again: %s", url, _reason(error))
            return False
        return True


def _reason(error: Exception) -> str:
    if isinstance(error, trio.TooSlowError):
        return f"nothing within {_LIMIT:.0f} s"
    return str(error) or type(error).__name__


def _content(url: str) -> bytes:
    try:
        response = urllib.request.urlopen(url, timeout=_LIMIT)  # noqa: S310  # an http or https URL, as checked
    except HTTPError as error:
        error.close()
        raise
    with response:
        content: bytes = response.read(LARGEST_KEY_SET + 1)
    if len(content) > LARGEST_KEY_SET:
        raise ValueError(f"more than {LARGEST_KEY_SET} bytes")
    return content
