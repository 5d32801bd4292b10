"""Administration: topics, partitions, settings, offsets and groups, by each client's own calls."""

import pytest

from kafkalite_conformance.drivers.events import Failed, TopicPartition
from kafkalite_conformance.scenario import Scenario


def refusal(outcome: object) -> str:
    """Return the error's name of a command that must fail."""
    assert isinstance(outcome, Failed), outcome
    return f"{outcome.error} {outcome.message}".upper().replace("_", "").replace(" ", "")


@pytest.mark.needs("create_topic", "delete_topic", "list_topics")
def test_a_topic_comes_and_goes(scenario: Scenario, client: str) -> None:
    """Created, listed, deleted, gone."""
    admin, name = scenario.admin(client), scenario.name("topic")
    admin.call("create_topic", name=name, partitions=3, configs={})
    scenario.await_partitions(name, 3)
    assert name in admin.call("list_topics").texts("names")
    admin.call("delete_topic", name=name)
    scenario.poll(lambda: name not in admin.call("list_topics").texts("names"), "the topic to go")


@pytest.mark.needs("create_topic")
def test_a_topic_is_not_created_twice(scenario: Scenario, client: str) -> None:
    """TOPIC_ALREADY_EXISTS."""
    topic = scenario.topic()
    assert "ALREADYEXISTS" in refusal(
        scenario.admin(client).attempt("create_topic", name=topic, partitions=1, configs={})
    )


@pytest.mark.needs("delete_topic")
def test_an_unknown_topic_is_not_deleted(scenario: Scenario, client: str) -> None:
    """UNKNOWN_TOPIC_OR_PARTITION."""
    outcome = scenario.admin(client).attempt("delete_topic", name=scenario.name("absent"))
    assert "UNKNOWNTOPIC" in refusal(outcome) or "DOESNOTHOSTTHISTOPIC" in refusal(outcome)


@pytest.mark.needs("create_topic")
def test_a_bad_topic_name_is_refused(scenario: Scenario, client: str) -> None:
    """INVALID_TOPIC_EXCEPTION: letters, digits, dot, underscore and minus only."""
    outcome = scenario.admin(client).attempt("create_topic", name="no spaces, please", partitions=1, configs={})
    assert "INVALIDTOPIC" in refusal(outcome) or "TOPIC" in refusal(outcome)


@pytest.mark.needs("create_partitions", "describe_topic")
def test_partitions_are_added(scenario: Scenario, client: str) -> None:
    """The count is the new total, and it only grows."""
    topic, admin = scenario.topic(2), scenario.admin(client)
    admin.call("create_partitions", name=topic, total=5)
    scenario.await_partitions(topic, 5)
    scenario.poll(lambda: admin.call("describe_topic", name=topic).number("partitions") == 5, "five partitions")
    assert "PARTITIONS" in refusal(admin.attempt("create_partitions", name=topic, total=3))


@pytest.mark.needs("describe_configs")
def test_a_topics_settings_are_told_with_all_defaults(scenario: Scenario, client: str) -> None:
    """Tools read, change and write back; so every setting has to be in the answer."""
    topic = scenario.topic(cleanup_policy="compact", retention_ms="123456")
    configs = scenario.admin(client).call("describe_configs", name=topic).mapping("configs")
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
def test_a_topics_setting_is_changed(scenario: Scenario, client: str) -> None:
    """IncrementalAlterConfigs changes one setting and leaves the others."""
    topic, admin = scenario.topic(retention_ms="1000000"), scenario.admin(client)
    admin.call("alter_configs", name=topic, configs={"max.message.bytes": "2000000"})
    # A controller's answer may come before every broker shows the change.
    scenario.poll(
        lambda: admin.call("describe_configs", name=topic).mapping("configs")["max.message.bytes"] == "2000000",
        "the changed setting",
    )
    assert admin.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "1000000"


@pytest.mark.needs("alter_configs")
def test_a_bad_setting_is_refused(scenario: Scenario, client: str) -> None:
    """INVALID_CONFIG, and the old value stays."""
    topic, admin = scenario.topic(), scenario.admin(client)
    assert isinstance(admin.attempt("alter_configs", name=topic, configs={"retention.ms": "soon"}), Failed)
    assert admin.call("describe_configs", name=topic).mapping("configs")["retention.ms"] == "604800000"


@pytest.mark.needs("list_offset")
def test_offsets_are_told_for_the_ends_and_for_a_time(scenario: Scenario, client: str) -> None:
    """ListOffsets: earliest, latest, and by timestamp."""
    topic, admin = scenario.topic(), scenario.admin(client)
    scenario.fill(topic, [b"a", b"b", b"c"])

    def offset(start: str, at: int | None = None) -> int:
        return admin.call("list_offset", topic=topic, partition=0, start=start, at=at).number("offset")

    assert offset("earliest") == 0
    assert offset("latest") == 3
    assert offset("timestamp", at=1) == 0


@pytest.mark.needs("delete_records")
def test_deleted_records_are_not_read(scenario: Scenario, client: str) -> None:
    """DeleteRecords moves the low watermark, and readers start there."""
    topic = scenario.topic()
    scenario.fill(topic, [b"a", b"b", b"c", b"d"])
    assert scenario.admin(client).call("delete_records", topic=topic, partition=0, offset=2).number("offset") == 2
    scenario.await_values(scenario.reader("librdkafka", topic), [b"c", b"d"])
    assert scenario.setup_client.call("list_offset", topic=topic, partition=0, start="earliest").number("offset") == 2


@pytest.mark.needs("describe_group", "list_groups")
def test_a_group_is_listed_and_described(scenario: Scenario, client: str) -> None:
    """Who is in it, and what each member owns."""
    topic, group, admin = scenario.topic(2), scenario.group(), scenario.admin(client)
    member = scenario.member("librdkafka", group, [topic], assignor="range")
    scenario.await_ownership([member], {topic: 2})
    scenario.poll(lambda: admin.call("describe_group", name=group).text("state").upper() == "STABLE", "Stable")
    described = admin.call("describe_group", name=group)
    (row,) = described.rows("members")
    assert described.text("protocol") == "range"
    assert row.partitions("owned") == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
    assert group in admin.call("list_groups").texts("names")


@pytest.mark.needs("delete_group")
def test_a_group_is_deleted_only_when_it_is_empty(scenario: Scenario, client: str) -> None:
    """NON_EMPTY_GROUP while a member lives; afterwards its offsets go with it."""
    topic, group, admin = scenario.topic(), scenario.group(), scenario.admin(client)
    scenario.fill(topic, [b"a"])
    member = scenario.member("librdkafka", group, [topic])
    scenario.await_values(member, [b"a"])
    member.commit()
    assert "EMPTY" in refusal(admin.attempt("delete_group", name=group))
    member.call("leave")
    admin.call("delete_group", name=group)
    assert group not in scenario.setup_client.call("list_groups").texts("names")
    again = scenario.member("librdkafka", group, [topic])
    scenario.await_values(again, [b"a"])


@pytest.mark.needs("delete_group")
def test_an_unknown_group_is_not_deleted(scenario: Scenario, client: str) -> None:
    """GROUP_ID_NOT_FOUND."""
    outcome = scenario.admin(client).attempt("delete_group", name=scenario.group())
    assert "NOTFOUND" in refusal(outcome) or "DOESNOTEXIST" in refusal(outcome)


@pytest.mark.needs("committed")
def test_committed_offsets_are_told(scenario: Scenario, client: str) -> None:
    """OffsetFetch for all partitions of a group, without being a member."""
    topic, group = scenario.topic(2), scenario.group()
    member = scenario.member("librdkafka", group, [topic])
    scenario.await_ownership([member], {topic: 2})
    member.commit({TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0})
    found = scenario.admin(client).call("committed", name=group).offsets("offsets")
    assert found == {TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0}


@pytest.mark.needs("describe_cluster")
def test_the_cluster_names_its_brokers_and_controller(scenario: Scenario, advertised: str, client: str) -> None:
    """Clients are sent to the address at which they can reach the broker."""
    cluster = scenario.admin(client).call("describe_cluster")
    assert advertised in cluster.texts("brokers")
    assert cluster.number("controller") >= 0
    if "cluster-id" not in scenario.abilities(client):
        return
    assert cluster.text("cluster_id") == scenario.setup_client.call("describe_cluster").text("cluster_id")
