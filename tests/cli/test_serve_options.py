"""What `kafkalite serve` makes of its options, with a broker that only records how it was called."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kafkalite import __version__
from kafkalite.config import BrokerConfig, HostPort
from kafkalite.errors import StartError
from kafkalite.tools.cli.commands import kafkalite
from kafkalite.tools.cli.serving import OneLine
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem

OnReady = Callable[[tuple[tuple[str, int], ...]], None]


@dataclass
class RecordingBroker:
    """Stands where the module kafkalite.program is imported."""

    configs: list[BrokerConfig] = field(default_factory=list)
    addresses: tuple[tuple[str, int], ...] = (("127.0.0.1", 9092),)
    error: Exception | None = None
    file_system: FileSystem | None = None
    attachments: object = ()

    def run(
        self,
        config: BrokerConfig,
        *,
        on_ready: OnReady,
        file_system: FileSystem | None = None,
        attachments: object = (),
    ) -> None:
        self.configs.append(config)
        self.file_system = file_system
        self.attachments = attachments
        if self.error is not None:
            raise self.error
        on_ready(self.addresses)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> RecordingBroker:
    recording = RecordingBroker()
    monkeypatch.setitem(sys.modules, "kafkalite.program", recording)
    monkeypatch.setattr("kafkalite.program", recording, raising=False)
    return recording


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def serve(*options: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(kafkalite, ["serve", *options], env=environment)


def test_every_option_reaches_the_configuration(broker: RecordingBroker, tmp_path: Path) -> None:
    file = tmp_path / "kafkalite.toml"
    file.write_text("num.partitions = 5\nnode.id = 2\n")
    result = serve(
        "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2", "--advertise", "broker.test:3", "--data", "here",
        "--config", str(file), "--set", "node.id=3", "--set", "group.max.size=4",
    )  # fmt: skip
    assert result.exit_code == 0
    (config,) = broker.configs
    assert config.listen == (HostPort("127.0.0.1", 1), HostPort("127.0.0.1", 2))
    assert config.advertise == HostPort("broker.test", 3)
    assert config.data_dir == Path("here")
    assert (config.num_partitions, config.node_id, config.group_max_size) == (5, 3, 4)


def test_the_environment_is_read(broker: RecordingBroker, tmp_path: Path) -> None:
    file = tmp_path / "kafkalite.toml"
    file.write_text("num.partitions = 5\n")
    serve(environment={"KAFKALITE_CONFIG": str(file), "KAFKALITE_SET_NODE_ID": "7", "KAFKALITE_DATA": "there"})
    (config,) = broker.configs
    assert (config.num_partitions, config.node_id, config.data_dir) == (5, 7, Path("there"))


def test_the_ready_lines_tell_the_real_port_the_data_and_how_to_connect(broker: RecordingBroker) -> None:
    broker.addresses = (("127.0.0.1", 40123),)
    result = serve("--listen", "127.0.0.1:0")
    assert result.stdout.splitlines() == [
        f"kafkalite {__version__} is listening on 127.0.0.1:40123, data in ./kafkalite-data",
        "Connect clients with bootstrap.servers=127.0.0.1:40123; stop with Ctrl-C.",
    ]


@pytest.mark.parametrize(
    ("options", "address", "bootstrap"),
    [
        (["--listen", "0.0.0.0:9092"], ("0.0.0.0", 9092), "127.0.0.1:9092"),
        (["--listen", "[::1]:9092"], ("::1", 9092), "[::1]:9092"),
        (["--listen", "0.0.0.0:9092", "--advertise", "kafka.test:19092"], ("0.0.0.0", 9092), "kafka.test:19092"),
    ],
    ids=["every interface", "IPv6", "advertised"],
)
def test_clients_are_told_an_address_that_they_can_reach(
    broker: RecordingBroker, options: list[str], address: tuple[str, int], bootstrap: str
) -> None:
    broker.addresses = (address,)
    assert f"bootstrap.servers={bootstrap};" in serve(*options).stdout


def test_an_absolute_data_directory_is_shown_as_it_is(broker: RecordingBroker, tmp_path: Path) -> None:
    assert f"data in {tmp_path}\n" in serve("--data", str(tmp_path)).stdout
    assert len(broker.configs) == 1


def test_a_broker_that_cannot_start_is_one_line_and_exit_code_1(broker: RecordingBroker) -> None:
    broker.error = StartError("cannot listen on 127.0.0.1:9092: Address already in use")
    result = serve()
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: cannot listen on 127.0.0.1:9092: Address already in use\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "num.partition=3"], "--set: unknown property 'num.partition'; did you mean num.partitions?"),
        (["--listen", "9092"], "--listen: listeners: '9092' is not of the form HOST:PORT"),
        (["--config", "missing.toml"], "cannot read missing.toml: No such file or directory"),
        (["--quiet", "--verbose"], "--quiet and --verbose exclude each other."),
        (["--port", "9092"], "No such option"),
    ],
    ids=["property", "address", "file", "both", "option"],
)
def test_a_mistake_of_usage_is_exit_code_2(broker: RecordingBroker, options: list[str], message: str) -> None:
    result = serve(*options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert broker.configs == []


def test_warnings_go_to_the_log(broker: RecordingBroker) -> None:
    logging.getLogger().handlers[:] = []
    result = serve("--listen", "0.0.0.0:0", "--set", "num.io.threads=3")
    warnings = result.stderr.splitlines()
    assert len(warnings) == 3
    assert "WARNING kafkalite.serve: --set: num.io.threads has no effect here" in warnings[0]
    assert "WARNING kafkalite.serve: listening on 0.0.0.0:0 without --advertise" in warnings[1]
    assert "WARNING kafkalite.serve: anyone who can reach 0.0.0.0:0 can read and write all data" in warnings[2]
    assert len(broker.configs) == 1


def test_an_event_is_one_line_whatever_a_client_put_into_it() -> None:
    record = logging.LogRecord("kafkalite.x", logging.INFO, "", 0, "client %s", ("a\r\nb",), None)
    line = OneLine().format(record)
    assert line.endswith("Z INFO kafkalite.x: client a\\r\\nb")


def test_data_in_memory_has_no_directory(broker: RecordingBroker) -> None:
    result = serve("--in-memory")
    assert "data in memory" in result.stdout
    assert isinstance(broker.file_system, MemoryFileSystem)
    result = serve("--in-memory", "--data", "here")
    assert result.exit_code == 2
    assert "--in-memory and --data exclude each other." in result.stderr


def test_controls_need_an_address(broker: RecordingBroker) -> None:
    result = serve("--controls", "9093")
    assert result.exit_code == 2
    assert "'9093' is not of the form HOST:PORT" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--controls", "0.0.0.0:0"], "other machines can reach this address, so set --controls-token-file"),
        (["--controls", "127.0.0.1:0", "--controls-token-file", "/no/such"], "cannot read /no/such"),
        (["--controls", "127.0.0.1:0", "--controls-token-file", os.devnull], "is empty"),
        (["--controls", "127.0.0.1:0", "--controls-tls"], "--controls-tls needs a listener with TLS"),
        (["--controls-tls"], "need --controls"),
        (["--controls-token-file", os.devnull], "need --controls"),
    ],
)
def test_controls_that_are_not_protected_as_they_should_be(
    broker: RecordingBroker, options: list[str], message: str
) -> None:
    result = serve("--in-memory", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert broker.configs == []


def test_controls_need_an_extra(broker: RecordingBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = serve("--controls", "127.0.0.1:0")
    assert result.exit_code == 1
    assert "--controls needs h11, which is missing: run pip install 'kafkalite[controls]'" in result.stderr
    assert broker.configs == []
