"""Administration: topics, partitions, settings, offsets and groups, by each client's own calls."""

import pytest

from kafkalite_conformance.drivers.events import Failed, TopicPartition
from kafkalite_conformance.stage import Stage


def refusal(outcome: object) -> str:
    """Return the error's name of a command that must fail."""
    assert isinstance(outcome, Failed), outcome
    return f"{outcome.error} {outcome.message}".upper().replace("_", "").replace(" ", "")


@pytest.mark.needs("create_topic", "delete_topic", "list_topics")
def test_a_topic_comes_and_goes(stage: Stage, client: str) -> None:
    """Created, listed, deleted, gone."""
    clerk, name = stage.clerk(client), stage.name("topic")
    clerk.call("create_topic", name=name, partitions=3, configs={})
    stage.await_partitions(name, 3)
    assert name in clerk.call("list_topics").texts("names")
    clerk.call("delete_topic", name=name)
    stage.poll(lambda: name not in clerk.call("list_topics").texts("names"), "the topic to go")


@pytest.mark.needs("create_topic")
def test_a_topic_is_not_created_twice(stage: Stage, client: str) -> None:
    """TOPIC_ALREADY_EXISTS."""
    topic = stage.topic()
    assert "ALREADYEXISTS" in refusal(stage.clerk(client).attempt("create_topic", name=topic, partitions=1, configs={}))


@pytest.mark.needs("delete_topic")
def test_an_unknown_topic_is_not_deleted(stage: Stage, client: str) -> None:
    """UNKNOWN_TOPIC_OR_PARTITION."""
    outcome = stage.clerk(client).attempt("delete_topic", name=stage.name("absent"))
    assert "UNKNOWNTOPIC" in refusal(outcome) or "DOESNOTHOSTTHISTOPIC" in refusal(outcome)


@pytest.mark.needs("create_topic")
def test_a_bad_topic_name_is_refused(stage: Stage, client: str) -> None:
    """INVALID_TOPIC_EXCEPTION: letters, digits, dot, underscore and minus only."""
    outcome = stage.clerk(client).attempt("create_topic", name="no spaces, please", partitions=1, configs={})
    assert "INVALIDTOPIC" in refusal(outcome) or "TOPIC" in refusal(outcome)


@pytest.mark.needs("create_partitions", "describe_topic")
def test_partitions_are_added(stage: Stage, client: str) -> None:
    """The count is the new total, and it only grows."""
    topic, clerk = stage.topic(2), stage.clerk(client)
    clerk.call("create_partitions", name=topic, total=5)
    stage.await_partitions(topic, 5)
    stage.poll(lambda: clerk.call("describe_topic", name=topic).number("partitions") == 5, "five partitions")
    assert "PARTITIONS" in refusal(clerk.attempt("create_partitions", name=topic, total=3))


@pytest.mark.needs("describe_configs")
def test_a_topics_settings_are_told_with_all_defaults(stage: Stage, client: str) -> None:
    """Tools read, change and write back; so every setting has to be in the answer."""
    topic = stage.topic(cleanup_policy="compact", retention_ms="123456")
    configs = stage.clerk(client).call("describe_configs", name=topic).mapping("configs")
    assert configs["cleanup.policy"] == "compact"
    assert configs["retention.ms"] == "123456"
    expected_defaults = {
        "compression.type": "producer",
        "max.message.bytes": "1048588",
        "message.timestamp.type": "CreateTime",
        "min.insync.replicas": "1",
        "segment.bytes": "1073741824",
        "retention.bytes": "-1",
        "delete.retention.ms": "86400000",
        "unclean.leader.election.enable": "false",
    }
    assert {name: configs.get(name) for name in expected_defaults} == expected_defaults


@pytest.mark.needs("alter_configs", "describe_configs")
def test_a_topics_setting_is_changed(stage: Stage, client: str) -> None:
    """IncrementalAlterConfigs changes one setting and leaves the others."""
    topic, clerk = stage.topic(retention_ms="1000000"), stage.clerk(client)
    clerk.call("alter_configs", name=topic, configs={"max.message.bytes": "2000000"})
    # A controller's answer may come before every broker shows the change.
    stage.poll(
        lambda: clerk.call("describe_configs", name=topic).mapping("configs")["max.message.bytes"] == "2000000",
        "the changed setting",
    )
    assert clerk.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "1000000"


@pytest.mark.needs("alter_configs")
def test_a_bad_setting_is_refused(stage: Stage, client: str) -> None:
    """INVALID_CONFIG, and the old value stays."""
    topic, clerk = stage.topic(), stage.clerk(client)
    assert isinstance(clerk.attempt("alter_configs", name=topic, configs={"retention.ms": "soon"}), Failed)
    assert clerk.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "604800000"


@pytest.mark.needs("list_offset")
def test_offsets_are_told_for_the_ends_and_for_a_time(stage: Stage, client: str) -> None:
    """ListOffsets: earliest, latest, and by timestamp."""
    topic, clerk = stage.topic(), stage.clerk(client)
    stage.fill(topic, [b"a", b"b", b"c"])

    def offset(start: str, at: int | None = None) -> int:
        return clerk.call("list_offset", topic=topic, partition=0, start=start, at=at).number("offset")

    assert offset("earliest") == 0
    assert offset("latest") == 3
    assert offset("timestamp", at=1) == 0


@pytest.mark.needs("delete_records")
def test_deleted_records_are_not_read(stage: Stage, client: str) -> None:
    """DeleteRecords moves the low watermark, and readers start there."""
    topic = stage.topic()
    stage.fill(topic, [b"a", b"b", b"c", b"d"])
    assert stage.clerk(client).call("delete_records", topic=topic, partition=0, offset=2).number("offset") == 2
    stage.await_values(stage.reader("librdkafka", topic), [b"c", b"d"])
    assert stage.hand.call("list_offset", topic=topic, partition=0, start="earliest").number("offset") == 2


@pytest.mark.needs("describe_group", "list_groups")
def test_a_group_is_listed_and_described(stage: Stage, client: str) -> None:
    """Who is in it, and what each member owns."""
    topic, group, clerk = stage.topic(2), stage.group(), stage.clerk(client)
    member = stage.member("librdkafka", group, [topic], assignor="range")
    stage.await_ownership([member], {topic: 2})
    stage.poll(lambda: clerk.call("describe_group", name=group).text("state").upper() == "STABLE", "Stable")
    described = clerk.call("describe_group", name=group)
    (row,) = described.rows("members")
    assert described.text("protocol") == "range"
    assert row.partitions("owned") == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
    assert group in clerk.call("list_groups").texts("names")


@pytest.mark.needs("delete_group")
def test_a_group_is_deleted_only_when_it_is_empty(stage: Stage, client: str) -> None:
    """NON_EMPTY_GROUP while a member lives; afterwards its offsets go with it."""
    topic, group, clerk = stage.topic(), stage.group(), stage.clerk(client)
    stage.fill(topic, [b"a"])
    member = stage.member("librdkafka", group, [topic])
    stage.await_values(member, [b"a"])
    member.commit()
    assert "EMPTY" in refusal(clerk.attempt("delete_group", name=group))
    member.call("leave")
    clerk.call("delete_group", name=group)
    assert group not in stage.hand.call("list_groups").texts("names")
    again = stage.member("librdkafka", group, [topic])
    stage.await_values(again, [b"a"])


@pytest.mark.needs("delete_group")
def test_an_unknown_group_is_not_deleted(stage: Stage, client: str) -> None:
    """GROUP_ID_NOT_FOUND."""
    outcome = stage.clerk(client).attempt("delete_group", name=stage.group())
    assert "NOTFOUND" in refusal(outcome) or "DOESNOTEXIST" in refusal(outcome)


@pytest.mark.needs("committed")
def test_committed_offsets_are_told(stage: Stage, client: str) -> None:
    """OffsetFetch for all partitions of a group, without being a member."""
    topic, group = stage.topic(2), stage.group()
    member = stage.member("librdkafka", group, [topic])
    stage.await_ownership([member], {topic: 2})
    member.commit({TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0})
    found = stage.clerk(client).call("committed", name=group).offsets("offsets")
    assert found == {TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0}


@pytest.mark.needs("describe_cluster")
def test_the_cluster_names_its_brokers_and_controller(stage: Stage, client: str) -> None:
    """The broker's advertised address is the one that the clients used."""
    cluster = stage.clerk(client).call("describe_cluster")
    assert stage.bootstrap in cluster.texts("brokers")
    assert cluster.number("controller") >= 0
    if "cluster-id" not in stage.abilities(client):
        return
    assert cluster.text("cluster_id") == stage.hand.call("describe_cluster").text("cluster_id")
