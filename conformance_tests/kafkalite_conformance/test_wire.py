"""The wire: what is no request, what no server may do with it, and what a request by hand is answered.

Every byte here is written by hand; the answers are those of Apache Kafka.
"""

import struct

import pytest

from kafkalite_conformance.drivers.events import Acknowledged, Record
from kafkalite_conformance.raw import (
    API_API_VERSIONS,
    API_FETCH,
    API_FIND_COORDINATOR,
    API_INIT_PRODUCER_ID,
    API_LIST_OFFSETS,
    API_METADATA,
    API_PRODUCE,
    RawConnection,
    array,
    int8,
    int16,
    int32,
    int64,
    produce_outcome,
    produce_v3,
    record_batch,
    string,
)
from kafkalite_conformance.scenario import Scenario

NOT_A_REQUEST = {
    "text": b"hello, is anybody there?\r\n\r\n",
    "http": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls-client-hello": bytes.fromhex("16030100c8010000c40303") + bytes(range(193)),
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "absurd-length": int32(0x7FFFFFFF) + b"\x00\x03",
    "negative-length": int32(-5) + b"\x00\x03\x00\x01",
    "empty-frame": int32(0),
    "one-byte-frame": int32(1) + b"\x00",
    "header-cut-short": int32(6) + int16(3) + int16(1) + b"\x00\x00",
    "client-id-beyond-the-frame": int32(14) + int16(3) + int16(1) + int32(1) + int16(500) + b"abcd",
    "unknown-api": int32(14) + int16(9999) + int16(0) + int32(1) + int16(4) + b"test",
    "negative-api": int32(14) + int16(-1) + int16(0) + int32(1) + int16(4) + b"test",
    "unknown-version": int32(18) + int16(3) + int16(99) + int32(1) + int16(4) + b"test" + int32(0),
    "array-beyond-the-frame": int32(18) + int16(3) + int16(1) + int32(1) + int16(4) + b"test" + int32(0x7FFFFFF0),
    "string-beyond-the-frame": int32(22)
    + int16(3)
    + int16(1)
    + int32(1)
    + int16(4)
    + b"test"
    + int32(1)
    + int16(32000)
    + b"ab",
}


@pytest.mark.parametrize("what", NOT_A_REQUEST)
def test_a_malformed_request_closes_only_its_own_connection(scenario: Scenario, what: str) -> None:
    """The connection is closed; a neighbour that was open before goes on."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as neighbour, RawConnection(scenario.bootstrap) as connection:
        neighbour.ask(API_METADATA, 1, array([string(topic)]))
        connection.send(NOT_A_REQUEST[what])
        assert connection.is_closed_by_the_broker()
        assert neighbour.ask(API_METADATA, 1, array([string(topic)])).int32() == 1
    (outcome,) = scenario.setup_client.produce(topic, [Record(value=b"still here", partition=0)])
    assert isinstance(outcome, Acknowledged)


def test_a_frame_that_never_ends_affects_no_other_connection(scenario: Scenario) -> None:
    """Half a request waits alone, and is forgotten when its sender goes."""
    with RawConnection(scenario.bootstrap) as half, RawConnection(scenario.bootstrap) as neighbour:
        half.send(int32(1000) + int16(API_METADATA) + int16(1))
        assert neighbour.ask(API_METADATA, 1, array([])).int32() == 1
        half.end_sending()
        assert half.is_closed_by_the_broker()
        assert neighbour.ask(API_METADATA, 1, array([])).int32() == 1


def test_a_request_may_come_byte_by_byte(scenario: Scenario) -> None:
    """TCP has no message borders."""
    request = int16(API_METADATA) + int16(1) + int32(77) + string("slow") + array([])
    with RawConnection(scenario.bootstrap) as connection:
        for byte in int32(len(request)) + request:
            connection.send(bytes([byte]))
        correlation, response = connection.receive()
    assert correlation == 77
    assert response.int32() == 1


def test_many_requests_at_once_are_answered_in_their_order(scenario: Scenario) -> None:
    """A connection's replies leave in the order of its requests, also when a slow one comes first."""
    topic = scenario.topic()
    fetch = (
        int32(-1)
        + int32(700)
        + int32(1)
        + int32(1 << 20)
        + int8(0)
        + array([string(topic) + array([int32(0) + int64(0) + int32(1 << 20)])])
    )
    with RawConnection(scenario.bootstrap) as connection:
        first = connection.start(API_FETCH, 4, fetch)
        rest = [connection.start(API_METADATA, 1, array([])) for _ in range(20)]
        assert [connection.receive()[0] for _ in range(21)] == [first, *rest]


def test_a_waiting_fetch_is_answered_when_a_record_comes(scenario: Scenario) -> None:
    """`min_bytes` of 1 and a long `max_wait_ms`: the answer comes with the record, not with the time."""
    topic = scenario.topic()
    fetch = (
        int32(-1)
        + int32(30_000)
        + int32(1)
        + int32(1 << 20)
        + int8(0)
        + array([string(topic) + array([int32(0) + int64(0) + int32(1 << 20)])])
    )
    with RawConnection(scenario.bootstrap) as waiting:
        wanted = waiting.start(API_FETCH, 4, fetch)
        assert waiting.hears_nothing(within=0.3)
        scenario.fill(topic, [b"here it is"])
        correlation, response = waiting.receive()
    assert correlation == wanted
    assert b"here it is" in response.take(response.left)


def test_acks_0_gets_no_answer_and_leaves_the_connection_usable(scenario: Scenario) -> None:
    """The next answer on the connection is the next request's."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        connection.start(API_PRODUCE, 3, produce_v3(topic, record_batch(b"quiet"), acks=0))
        assert connection.ask(API_METADATA, 1, array([])).int32() == 1
    scenario.await_values(scenario.reader("librdkafka", topic), [b"quiet"])


@pytest.mark.parametrize(("wanted", "created"), [(b"\x00", False), (b"\x01", True)])
def test_metadata_creates_a_topic_only_when_asked_to(scenario: Scenario, wanted: bytes, created: bool) -> None:
    """`allow_auto_topic_creation`, from Metadata v4 on; the first answer may come before the topic does."""
    topic = scenario.name("automatic")

    def exists() -> bool:
        return topic in scenario.setup_client.call("list_topics").texts("names")

    with RawConnection(scenario.bootstrap) as connection:
        connection.ask(API_METADATA, 4, array([string(topic)]) + wanted)
    if created:
        scenario.poll(exists, "the topic")
    else:
        scenario.hold(lambda: not exists(), "the topic's absence", seconds=0.5)


# ---------------------------------------------------------------- ApiVersions


@pytest.mark.parametrize("version", [0, 1, 2])
def test_api_versions_lists_ranges(scenario: Scenario, version: int) -> None:
    """Before version 3 the answer is an array of key, lowest and highest version."""
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_API_VERSIONS, version, b"")
    assert response.int16() == 0
    ranges = {response.int16(): (response.int16(), response.int16()) for _ in range(response.int32())}
    for key in (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22):
        low, high = ranges[key]
        assert 0 <= low <= high
    # librdkafka turns compression off where Produce v0 is not offered (KAFKA-18659).
    assert ranges[API_PRODUCE][0] == 0
    assert response.left == (0 if version == 0 else 4)


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(scenario: Scenario) -> None:
    """KIP-511: error 35 and the range of ApiVersions itself, so that a newer client can ask again."""
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_API_VERSIONS, 99, b"\x08newer\x041.0\x00", tagged=True)
        assert response.int16() == 35
        ranges = {response.int16(): (response.int16(), response.int16()) for _ in range(response.int32())}
        assert ranges[API_API_VERSIONS][0] == 0
        assert ranges[API_API_VERSIONS][1] >= 3
        assert response.left == 0
        assert connection.ask(API_API_VERSIONS, 0, b"").int16() == 0


def test_a_flexible_api_versions_response_has_the_old_header(scenario: Scenario) -> None:
    """Version 3 has a compact body, but its response header carries no tagged fields."""
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_API_VERSIONS, 3, b"\x05test\x041.0\x00", tagged=True)
    assert response.int16() == 0
    assert response.take(1)[0] > 15


@pytest.mark.parametrize("name", [b"", b"-test", b"te st", b"test."])
def test_a_bad_client_software_name_is_an_invalid_request(scenario: Scenario, name: bytes) -> None:
    """KIP-511: letters, digits, dots and minus, the latter two not at the ends; error 42 otherwise."""
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_API_VERSIONS, 3, bytes([len(name) + 1]) + name + b"\x041.0\x00", tagged=True)
    assert response.int16() == 42


# ---------------------------------------------------------------- Produce


def test_a_batch_by_hand_is_accepted(scenario: Scenario) -> None:
    """The other tests of this chapter change one thing in it."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        assert produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"one")))) == (0, 0)
        assert produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"two")))) == (0, 1)
    scenario.await_values(scenario.reader("librdkafka", topic), [b"one", b"two"])


def test_a_batch_with_a_wrong_checksum_is_refused(scenario: Scenario) -> None:
    """CORRUPT_MESSAGE, and nothing is written."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        error, _ = produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"bad", checksum=1))))
        assert error == 2
        assert produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"good")))) == (0, 0)


def test_acks_of_2_are_invalid(scenario: Scenario) -> None:
    """INVALID_REQUIRED_ACKS: only -1, 0 and 1 exist."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        error, _ = produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"x"), acks=2)))
    assert error == 21


def test_producing_to_a_partition_that_is_not_there_is_refused(scenario: Scenario) -> None:
    """UNKNOWN_TOPIC_OR_PARTITION."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        error, _ = produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"x"), partition=7)))
    assert error == 3


def new_producer(scenario: Scenario, connection: RawConnection) -> tuple[int, int]:
    """Return the producer id and epoch of an InitProducerId v0 without a transactional id."""

    def initialised() -> tuple[int, int] | None:
        answer = connection.ask(API_INIT_PRODUCER_ID, 0, string(None) + int32(60_000))
        answer.int32()
        error = answer.int16()
        # Ids come in blocks from the controller; until the first block is there: COORDINATOR_LOAD_IN_PROGRESS.
        if error == 14:
            return None
        assert error == 0
        return answer.int64(), answer.int16()

    found = scenario.poll(initialised, "a producer id")
    assert found is not None
    return found


def test_a_repeated_sequence_is_answered_with_the_first_offset(scenario: Scenario) -> None:
    """Idempotence: a retried batch is not written twice, and a gap in the sequence is refused."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        producer_id, epoch = new_producer(scenario, connection)

        def send(sequence: int) -> tuple[int, int]:
            batch = record_batch(b"%d" % sequence, producer_id=producer_id, producer_epoch=epoch, sequence=sequence)
            return produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, batch)))

        assert send(0) == (0, 0)
        assert send(1) == (0, 1)
        assert send(0) == (0, 0)
        assert send(1) == (0, 1)
        assert send(5)[0] == 45
        assert send(2) == (0, 2)
    scenario.await_values(scenario.reader("librdkafka", topic), [b"0", b"1", b"2"])


def test_an_older_producer_epoch_is_fenced(scenario: Scenario) -> None:
    """INVALID_PRODUCER_EPOCH for a batch of an epoch before the one that the partition has seen."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        producer_id, _ = new_producer(scenario, connection)
        newer = record_batch(b"new", producer_id=producer_id, producer_epoch=3, sequence=0)
        assert produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, newer))) == (0, 0)
        older = record_batch(b"old", producer_id=producer_id, producer_epoch=2, sequence=1)
        assert produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, older)))[0] == 47


def test_a_compacted_topic_refuses_a_record_without_a_key(scenario: Scenario) -> None:
    """INVALID_RECORD."""
    topic = scenario.topic(cleanup_policy="compact")
    with RawConnection(scenario.bootstrap) as connection:
        error, _ = produce_outcome(connection.ask(API_PRODUCE, 3, produce_v3(topic, record_batch(b"x"))))
    assert error == 87


# ---------------------------------------------------------------- Fetch, ListOffsets, FindCoordinator


def fetch_error(connection: RawConnection, topic: str, *, partition: int = 0, offset: int = 0) -> int:
    """Return the error code of a Fetch v4 of one partition."""
    body = (
        int32(-1)
        + int32(100)
        + int32(1)
        + int32(1 << 20)
        + int8(0)
        + array([string(topic) + array([int32(partition) + int64(offset) + int32(1 << 20)])])
    )
    response = connection.ask(API_FETCH, 4, body)
    response.int32()
    assert response.int32() == 1
    response.string()
    assert response.int32() == 1
    response.int32()
    return response.int16()


def test_fetching_outside_the_log_is_out_of_range(scenario: Scenario) -> None:
    """OFFSET_OUT_OF_RANGE beyond the end and before the beginning; at the end it is an empty answer."""
    topic = scenario.topic()
    scenario.fill(topic, [b"a", b"b"])
    with RawConnection(scenario.bootstrap) as connection:
        assert fetch_error(connection, topic, offset=2) == 0
        assert fetch_error(connection, topic, offset=3) == 1
        assert fetch_error(connection, topic, offset=-5) == 1


def test_fetching_what_is_not_there_is_unknown(scenario: Scenario) -> None:
    """UNKNOWN_TOPIC_OR_PARTITION, for the topic and for the partition."""
    topic = scenario.topic()
    with RawConnection(scenario.bootstrap) as connection:
        assert fetch_error(connection, scenario.name("absent")) == 3
        assert fetch_error(connection, topic, partition=9) == 3


def test_the_offset_of_a_time_after_the_last_record_is_minus_1(scenario: Scenario) -> None:
    """ListOffsets v1."""
    topic = scenario.topic()
    scenario.fill(topic, [b"a"])
    body = int32(-1) + array([string(topic) + array([int32(0) + int64(1 << 60)])])
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_LIST_OFFSETS, 1, body)
    response.int32()
    response.string()
    response.int32()
    response.int32()
    assert (response.int16(), response.int64(), response.int64()) == (0, -1, -1)


def test_a_group_has_a_coordinator(scenario: Scenario, advertised: str) -> None:
    """FindCoordinator v1 names the broker's advertised address; a transactional id may be asked for as well."""
    host, _, port = advertised.rpartition(":")
    with RawConnection(scenario.bootstrap) as connection:
        for kind in (0, 1):

            def found(kind: int = kind) -> bool:
                response = connection.ask(API_FIND_COORDINATOR, 1, string(scenario.group()) + int8(kind))
                response.int32()
                # The internal topic may be in the making: COORDINATOR_NOT_AVAILABLE.
                if response.int16() == 15:
                    return False
                response.string()
                response.int32()
                assert (response.string(), response.int32()) == (host, int(port))
                return True

            scenario.poll(found, "a coordinator")


def test_metadata_tells_an_invalid_topic_name(scenario: Scenario) -> None:
    """INVALID_TOPIC_EXCEPTION for the name, and no topic of it."""
    with RawConnection(scenario.bootstrap) as connection:
        response = connection.ask(API_METADATA, 1, array([string("not a name")]))
    (brokers,) = struct.unpack(">i", response.take(4))
    for _ in range(brokers):
        response.int32()
        response.string()
        response.int32()
        response.string()
    response.int32()
    assert response.int32() == 1
    assert response.int16() == 17
