"""Where values come from, which wins, and what a mistake is answered with."""

import math
from pathlib import Path

import pytest

from kafkalite.config import ConfigError, HostPort, load
from kafkalite_storage.configs.log_config import LogConfig


def problem(**sources: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**sources)  # type: ignore[arg-type]  # each test passes what load takes
    return str(caught.value)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "kafkalite.toml"


def test_without_settings_the_broker_listens_on_loopback_and_keeps_data_in_the_working_directory() -> None:
    config = load()
    assert config.listen == (HostPort("127.0.0.1", 9092),)
    assert config.advertise is None
    assert config.data_dir == Path("kafkalite-data")
    assert config.node_id == 1
    assert config.warnings == ()


def test_the_later_source_wins(toml: Path) -> None:
    toml.write_text("num.partitions = 2\n")
    environment = {"KAFKALITE_SET_NUM_PARTITIONS": "3"}
    assert load(file=toml).num_partitions == 2
    assert load(file=toml, environment=environment).num_partitions == 3
    assert load(file=toml, environment=environment, settings=["num.partitions=4"]).num_partitions == 4
    settings = ["num.partitions=4", "num.partitions=5"]
    assert load(file=toml, environment=environment, settings=settings).num_partitions == 5


def test_an_option_wins_over_the_property_that_it_stands_for() -> None:
    config = load(
        environment={"KAFKALITE_LISTEN": "127.0.0.1:1", "KAFKALITE_DATA": "a"},
        settings=["listeners=PLAINTEXT://127.0.0.1:2", "log.dirs=b", "advertised.listeners=c:1"],
        listen=["127.0.0.1:3", "[::1]:4"],
        advertise="broker.test:9",
        data="d",
    )
    assert config.listen == (HostPort("127.0.0.1", 3), HostPort("::1", 4))
    assert config.advertise == HostPort("broker.test", 9)
    assert config.data_dir == Path("d")


def test_a_short_environment_variable_does_not_win_over_set() -> None:
    config = load(environment={"KAFKALITE_DATA": "a"}, settings=["log.dirs=b"])
    assert config.data_dir == Path("b")


def test_environment_variables_of_others_are_left_alone() -> None:
    # Container orchestrators put such variables into every container that can see a service named kafkalite.
    assert load(environment={"KAFKALITE_SERVICE_PORT": "9092", "PATH": "/bin"}) == load()


@pytest.mark.parametrize(
    "text",
    [
        "group.max.size = 7\nlog.retention.bytes = 9\nlisteners = ['127.0.0.1:1', '127.0.0.1:2']\n",
        '"group.max.size" = 7\n"log.retention.bytes" = 9\n"listeners" = "127.0.0.1:1,127.0.0.1:2"\n',
        "listeners = '127.0.0.1:1,127.0.0.1:2'\n[group.max]\nsize = 7\n[log]\nretention.bytes = 9\n",
    ],
    ids=["dotted keys", "quoted keys", "tables"],
)
def test_a_file_may_use_dotted_keys_quoted_keys_or_tables(toml: Path, text: str) -> None:
    toml.write_text(text)
    config = load(file=toml)
    assert config.group_max_size == 7
    assert config.log_defaults == {"log.retention.bytes": "9"}
    assert config.listen == (HostPort("127.0.0.1", 1), HostPort("127.0.0.1", 2))


def test_booleans_of_a_file_are_booleans(toml: Path) -> None:
    toml.write_text("delete.topic.enable = false\n")
    assert load(file=toml).delete_topic_enable is False


def test_a_mistake_in_a_file_names_its_line(toml: Path) -> None:
    toml.write_text("# sizes\nnode.id = 1\n\n[group]\nmax.size = 0\n")
    assert problem(file=toml) == f"{toml}:5: group.max.size: '0' is not allowed: Value must be at least 1"


def test_an_unknown_property_in_a_file_names_its_line(toml: Path) -> None:
    toml.write_text("num.partition = 3\n")
    assert problem(file=toml) == f"{toml}:1: unknown property 'num.partition'; did you mean num.partitions?"


def test_a_value_of_a_file_that_no_property_can_have_is_refused(toml: Path) -> None:
    toml.write_text("num.partitions = 1979-05-27\n")
    assert problem(file=toml).startswith(f"{toml}:1: num.partitions must be text, a number")


def test_a_file_that_cannot_be_read_is_a_clear_error(toml: Path) -> None:
    assert problem(file=toml) == f"cannot read {toml}: No such file or directory"
    toml.write_text("num.partitions=\n")
    assert problem(file=toml).startswith(f"cannot read {toml}: Invalid value (at line 1")


def test_an_unknown_property_suggests_the_nearest_name() -> None:
    assert problem(settings=["log.segment.byte=1"]) == (
        "--set: unknown property 'log.segment.byte'; did you mean log.segment.bytes?"
    )
    assert problem(environment={"KAFKALITE_SET_NUM_PARTITION": "1"}) == (
        "environment variable KAFKALITE_SET_NUM_PARTITION: unknown property 'num.partition'; "
        "did you mean num.partitions?"
    )
    assert problem(settings=["zzz=1"]) == "--set: unknown property 'zzz'"


def test_a_topics_configuration_leads_to_the_brokers_property() -> None:
    assert problem(settings=["segment.bytes=1"]).endswith("its default is the property log.segment.bytes")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nonsense", "nonsense must have the form key=value"),
        ("num.partitions=many", "num.partitions: 'many' is not a whole number of 32 bits"),
        ("num.partitions=3000000000", "num.partitions: '3000000000' is not a whole number of 32 bits"),
        ("delete.topic.enable=yes", "delete.topic.enable: 'yes' is not true or false"),
        ("log.cleanup.policy=x", "log.cleanup.policy: 'x' is not allowed: String must be one of: compact, delete"),
        ("listeners=9092", "listeners: '9092' is not of the form HOST:PORT"),
        ("listeners=a:99999", "listeners: 'a:99999': '99999' is not a port from 0 to 65535"),
        ("listeners=::1:92", "listeners: '::1:92': an IPv6 address needs brackets, [::1]:92"),
        ("listeners=", "listeners: at least one address is needed"),
        ("advertised.listeners=a:1,b:1", "advertised.listeners: only one address can be advertised"),
        ("advertised.listeners=0.0.0.0:1", "advertised.listeners: clients cannot connect to 0.0.0.0:1"),
        ("log.dirs=/a,/b", "log.dirs: exactly one data directory is needed"),
        (
            "group.max.session.timeout.ms=5000",
            "group.max.session.timeout.ms: must not be less than group.min.session.timeout.ms",
        ),
    ],
)
def test_a_bad_value_says_where_it_stands_and_what_is_wrong(setting: str, message: str) -> None:
    assert problem(settings=[setting]) == f"--set: {message}"


def test_a_listener_with_tls_needs_a_certificate() -> None:
    expected = "listener SSL: ssl.keystore.location: a listener with TLS needs a certificate"
    assert problem(settings=["listeners=SSL://a:1"]) == expected


def test_a_bad_option_is_named_as_the_user_wrote_it() -> None:
    assert problem(listen=["here"]) == "--listen: listeners: 'here' is not of the form HOST:PORT"


def test_the_old_name_of_the_node_id_counts_unless_both_disagree() -> None:
    assert load(settings=["broker.id=7"]).node_id == 7
    assert load(settings=["broker.id=7", "node.id=7"]).node_id == 7
    assert load(settings=["broker.id=-1"]).node_id == 1
    assert problem(settings=["broker.id=7", "node.id=8"]) == ("--set: broker.id: 7 differs from node.id, which is 8")


def test_times_are_seconds_inside() -> None:
    config = load(
        settings=[
            "group.min.session.timeout.ms=250",
            "offsets.retention.minutes=2",
            "connections.max.idle.ms=-1",
        ]
    )
    assert config.group_min_session_timeout == pytest.approx(0.25)
    assert config.offsets_retention == pytest.approx(120)
    assert config.connections_max_idle == math.inf


def test_the_defaults_of_topics_reach_the_log_in_the_topics_units() -> None:
    config = load(settings=["log.retention.hours=3", "log.segment.bytes=2000000", "message.max.bytes=77"])
    log_config = LogConfig.of({}, config.log_defaults)
    assert log_config.retention_ms == 3 * 3_600_000
    assert log_config.segment_bytes == 2_000_000
    assert log_config.max_message_bytes == 77


def test_a_property_without_effect_is_accepted_with_a_warning(toml: Path) -> None:
    toml.write_text("num.io.threads = 16\n")
    (warning,) = load(file=toml).warnings
    assert warning == f"{toml}:1: num.io.threads has no effect here: One thread serves all requests."


@pytest.mark.parametrize("address", ["0.0.0.0:9092", ":9092", "192.0.2.1:9092", "[::]:9092"])
def test_listening_beyond_loopback_without_an_advertised_address_warns(address: str) -> None:
    unreachable, unprotected = load(listen=[address]).warnings
    assert unreachable.startswith(f"listening on {address} without --advertise")
    assert unprotected == (
        f"anyone who can reach {address} can read and write all data; --security sasl_ssl asks for a login"
    )
    assert load(listen=[address], advertise="broker.test:9092").warnings == (unprotected,)
    assert load(listen=[address], advertise="broker.test:9092", security="ssl").warnings == ()


@pytest.mark.parametrize("address", ["127.0.0.1:9092", "localhost:0", "[::1]:9092", "127.8.8.8:1"])
def test_loopback_needs_no_warning(address: str) -> None:
    config = load(listen=[address])
    assert config.warnings == ()
    assert str(config.listen[0]) == address


def test_variables_for_kafkas_images_set_properties() -> None:
    # KAFKA_PORT is what an orchestrator says of a service named kafka, KAFKA_HEAP_OPTS is for a JVM.
    environment = {"KAFKA_NUM_PARTITIONS": "6", "KAFKA_PORT": "tcp://10.0.0.1:9092", "KAFKA_HEAP_OPTS": "-Xmx1G"}
    config = load(environment=environment)
    assert config.num_partitions == 6
    assert config.warnings == ()
    assert load(environment={"KAFKA_CFG_NUM_PARTITIONS": "4"}).num_partitions == 4
    assert load(environment={**environment, "KAFKALITE_SET_NUM_PARTITIONS": "7"}).num_partitions == 7
