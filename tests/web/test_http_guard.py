"""A page of somebody else's, opened in a browser on this machine, steers nothing."""

from __future__ import annotations

import pytest

from kafkalite.controls.http.connection import HttpError
from kafkalite.controls.http.server import check_content_type, check_host


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9093", "localhost:9093", "LOCALHOST", "[::1]:9093", "[::1]", "10.1.2.3", "kafka:9093"]
)
def test_addresses_and_names_without_a_dot_may_ask(host: str) -> None:
    check_host(host, "127.0.0.1")


def test_the_name_to_listen_on_may_ask() -> None:
    check_host("build7.example.org:9093", "build7.example.org")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9093", "127.0.0.1.evil.example:9093", "a.localhost.:1"])
def test_a_domain_may_not(host: str) -> None:
    with pytest.raises(HttpError, match="the Host header names"):
        check_host(host, "127.0.0.1")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_what_changes_something_must_be_json(method: str, content_type: str) -> None:
    with pytest.raises(HttpError, match="needs the header Content-Type: application/json"):
        check_content_type(method, content_type)


def test_json_may_name_its_character_set() -> None:
    check_content_type("POST", "Application/JSON; charset=utf-8")
    check_content_type("GET", "")
