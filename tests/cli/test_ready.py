"""`kafkalite ready` and `kafkalite advertise`, which scripts and containers call."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import closing

from click.testing import CliRunner, Result

from kafkalite.testing import connect
from kafkalite.tools.cli.commands import kafkalite
from kafkalite_conformance.broker import free_port


def call(*arguments: str) -> Result:
    return CliRunner().invoke(kafkalite, arguments)


def test_a_broker_that_answers_is_ready(bootstrap: str) -> None:
    assert call("ready", bootstrap, "--timeout", "60").exit_code == 0


def test_nobody_at_home_is_told_in_a_line() -> None:
    port = free_port()
    result = call("ready", f"127.0.0.1:{port}", "--timeout", "0")
    assert (result.exit_code, result.output) == (1, f"Error: no broker answers at 127.0.0.1:{port}, after 0 s\n")


def test_something_else_that_answers_is_not_ready() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def be_a_web_server() -> None:
            client, _ = server.accept()
            with client:
                client.recv(100)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=be_a_web_server)
        thread.start()
        assert call("ready", f"127.0.0.1:{server.getsockname()[1]}", "--timeout", "0.2").exit_code == 1
        thread.join()


def test_a_port_that_only_listens_is_not_ready() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert call("ready", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.1").exit_code == 1


def test_a_mistake_in_the_address_is_a_mistake_of_usage() -> None:
    result = call("ready", "here")
    assert result.exit_code == 2
    assert "'here' is not of the form HOST:PORT." in result.output


def test_asking_is_cheap_enough_for_a_health_check() -> None:
    code = (
        "import sys, kafkalite.tools.cli.one_broker, kafkalite.client.readiness;"
        "print(sorted({'trio', 'construct', 'kafkalite_wire', 'rich', 'kafka'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_running_broker_is_told_its_address_for_outside(bootstrap: str) -> None:
    result = call("advertise", "127.0.0.1:49153", "--bootstrap", bootstrap)
    assert (result.exit_code, result.output) == (0, "Clients from outside are sent to 127.0.0.1:49153.\n")
    with connect(bootstrap) as handle:
        assert handle.bootstrap == bootstrap, "this client is not from outside, and goes on as before"
        handle.topics.create("advertised")


def test_an_address_that_no_client_could_use_is_refused(bootstrap: str) -> None:
    result = call("advertise", "0.0.0.0:9092", "--bootstrap", bootstrap)
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {bootstrap} refuses: Invalid value 0.0.0.0:9092 for configuration kafkalite.advertised.outside: "
        "must be an address that clients can connect to\n"
    )
