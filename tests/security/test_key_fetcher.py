"""Keys of an identity provider, fetched over HTTP."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trio
from joserfc.jwk import ECKey

from kafkalite.config.oauthbearer import KeyEndpoint
from kafkalite.security.token_keys import LARGEST_KEY_SET, FetchedKeys
from kafkalite.server.key_fetcher import KeyFetcher

WHOLE_TIME = 20


class Provider:
    """An HTTP server with one key, or another answer."""

    def __init__(self) -> None:
        self.answer = b""
        self.status = 200
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                self.end_headers()
                self.wfile.write(provider.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def rotate(self, kid: str) -> None:
        self.answer = json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False)]}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


class Keys(FetchedKeys):
    """Keys that a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = trio.Event()

    def replace(self, key_set: bytes) -> None:
        super().replace(key_set)
        self._changed.set()
        self._changed = trio.Event()

    async def become(self, kid: str) -> None:
        with trio.fail_after(WHOLE_TIME):
            while [key.kid for key in self.current()] != [kid]:
                await self._changed.wait()


def fetcher(provider: Provider, *, refresh: float = 3600) -> tuple[KeyFetcher, Keys]:
    keys = Keys()
    endpoint = KeyEndpoint(url=provider.url, refresh=refresh, first_backoff=0.001, longest_backoff=0.01)
    return KeyFetcher(endpoint, keys), keys


async def test_keys_are_there_once_it_has_started_and_are_fetched_again(
    provider: Provider, nursery: trio.Nursery
) -> None:
    provider.rotate("one")
    running, keys = fetcher(provider, refresh=0.01)
    await nursery.start(running.run)
    assert [key.kid for key in keys.current()] == ["one"]
    provider.rotate("two")
    await keys.become("two")
    nursery.cancel_scope.cancel()


async def test_an_unknown_key_is_fetched_before_its_time(provider: Provider, nursery: trio.Nursery) -> None:
    provider.rotate("one")
    running, keys = fetcher(provider)
    await nursery.start(running.run)
    provider.rotate("two")
    keys.is_missing("two")
    keys.is_missing("three")
    await keys.become("two")
    assert provider.asked == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answer", [b"nothing", b"x" * (LARGEST_KEY_SET + 1), None])
async def test_failures_are_logged_once_and_tried_again(
    answer: bytes | None, provider: Provider, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    provider.answer, provider.status = answer or b"", 503 if answer is None else 200
    running, keys = fetcher(provider)
    with caplog.at_level(logging.WARNING):
        await nursery.start(running.run)
        assert not keys.current()
        provider.status = 200
        provider.rotate("one")
        await keys.become("one")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"no keys for OAUTHBEARER from {provider.url}, trying again: ")
    nursery.cancel_scope.cancel()
