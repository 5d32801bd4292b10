"""Mistakes in the options of `kafkalite proxy`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from kafkalite.tools.cli.proxy import proxy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Missing option '--upstream'"),
        (["--upstream", "kafka"], "'kafka' is not of the form HOST:PORT"),
        (["--upstream", "kafka:9092,"], "'' is not of the form HOST:PORT"),
        (["--upstream", "kafka:9092", "--listen", "19092"], "'19092' is not of the form HOST:PORT"),
        (["--upstream", "kafka:9092", "--broker-port", "1"], "'1' is not of the form ID=PORT"),
        (["--upstream", "kafka:9092", "--broker-port", "1=70000"], "'1=70000' is not of the form ID=PORT"),
        (["--upstream", "kafka:9092", "-q", "-v"], "--quiet and --verbose exclude each other"),
    ],
)
def test_a_mistake_is_named(options: list[str], message: str) -> None:
    result = CliRunner().invoke(proxy, options)
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "authority.pem"
    empty.write_text("nothing")
    result = CliRunner().invoke(proxy, ["--upstream", "kafka:9092", "--upstream-ca", str(empty)])
    assert result.exit_code == 2
    assert "no usable certificates" in result.output


def test_a_port_in_use_is_named() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(proxy, ["--upstream", "kafka:9092", "--listen", f"127.0.0.1:{port}"])
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.output
