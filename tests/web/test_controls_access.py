"""The token and the TLS of the controls over HTTP."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from kafkalite.controls.controls import Controls
from kafkalite.controls.errors import BrokerFailed, InvalidRequest
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.client import HttpTransport
from kafkalite.testing import connect
from tests.support.remote_broker import broker_elsewhere

TOKEN = "s3cret-t0ken"


def ask(url: str, authorization: str | None) -> tuple[int, str | None, str]:
    """Ask for the topics; return the status, how to authenticate, and the body."""
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + "/topics", headers=headers), timeout=60) as answer:
            return answer.status, None, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["WWW-Authenticate"], error.read().decode()


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, str]]:
    with broker_elsewhere(access=ControlsAccess(token=TOKEN)) as broker:
        yield broker


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \xe9", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
    ],
)
def test_requests_bring_the_token(guarded: tuple[str, str], authorization: str | None, status: int) -> None:
    received, scheme, body = ask(guarded[1], authorization)
    assert (received, scheme) == (status, "Bearer" if status == 401 else None)
    assert TOKEN not in body


def test_a_handle_sends_the_token(guarded: tuple[str, str]) -> None:
    bootstrap, url = guarded
    with connect(bootstrap, controls=url, token=TOKEN) as handle:
        handle.topics.create("t")
        assert "t" in list(handle.topics)
    with pytest.raises(InvalidRequest, match="token of the controls is missing"):
        Controls(HttpTransport(bootstrap, url)).info()
    with pytest.raises(InvalidRequest, match="token of the controls is wrong"):
        Controls(HttpTransport(bootstrap, url, token="other")).info()


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(ControlsAccess(token=TOKEN))


def test_controls_are_served_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with broker_elsewhere(access=ControlsAccess(token=TOKEN, tls=context)) as (bootstrap, url):
        assert url.startswith("https://")
        with connect(bootstrap, controls=url, token=TOKEN, ca=tmp_path / "ca.pem") as handle:
            handle.topics.create("t")
            assert handle.topics["t"].partitions == 1
        with pytest.raises(OSError, match="certificate verify failed"):
            Controls(HttpTransport(bootstrap, url, token=TOKEN, ca=tmp_path / "other.pem")).info()
        with pytest.raises((BrokerFailed, OSError)):
            Controls(HttpTransport(bootstrap, url.replace("https", "http"), token=TOKEN)).info()
