"""One group with members in different languages, as far as their assignors are compatible."""

import pytest

from kafkalite_conformance.client_mix import available_clients
from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import Record, TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.scenario import CRASH_TIMEOUT_MS, Scenario


def read_once_each(
    scenario: Scenario, members: list[DriverProcess], topic: str, partitions: int, round_name: bytes
) -> None:
    """Put ten records into each partition and hold that each is read once, by the partition's owner."""
    seen = {member: len(member.records) for member in members}
    for partition in range(partitions):
        scenario.fill(topic, [round_name + b"-%d" % number for number in range(10)], partition=partition)

    def new_records() -> list[tuple[int, bytes | None]]:
        return sorted(
            (record.partition, record.value or b"")
            for member in members
            for record in member.records[seen[member] :]
            if (record.value or b"").startswith(round_name)
        )

    scenario.wait(lambda: len(new_records()) >= 10 * partitions, f"{10 * partitions} records")
    wanted = [(partition, round_name + b"-%d" % number) for partition in range(partitions) for number in range(10)]
    assert new_records() == wanted
    for member in members:
        assert {record.topic_partition for record in member.records[seen[member] :]} <= member.owned


@pytest.mark.parametrize("assignor", ["range", "roundrobin"])
def test_all_languages_share_one_group(scenario: Scenario, assignor: str) -> None:
    """Whichever client leads, the others understand its assignment; and a crash is made up for by the rest."""
    names = [name for name in CLIENTS if name != "kafkajs" or assignor == "range"]
    present = available_clients(names)
    partitions = len(present) + 2
    topic, group = scenario.topic(partitions), scenario.group()
    members = [
        scenario.member(name, group, [topic], assignor=assignor, auto_commit=True, session_timeout_ms=CRASH_TIMEOUT_MS)
        for name in present
    ]
    # A leader that has not met the topic yet assigns nothing of it, and joins again as soon as it has.
    fair = [1] * (len(present) - 2) + [2, 2]
    scenario.wait(lambda: sorted(len(member.owned) for member in members) == fair, f"shares of {fair}", timeout=60)
    scenario.await_ownership(members, {topic: partitions})
    read_once_each(scenario, members, topic, partitions, b"first")
    victim = members.pop(0)
    victim.crash()
    scenario.await_ownership(members, {topic: partitions}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)
    read_once_each(scenario, members, topic, partitions, b"second")


def test_the_lead_passes_from_language_to_language(scenario: Scenario) -> None:
    """Each in its turn crashes, until one is left with everything."""
    present = available_clients(["java", "franz-go", "librdkafka", "sarama"])
    topic, group = scenario.topic(4), scenario.group()
    members: list[DriverProcess] = []
    for name in present:
        members.append(scenario.member(name, group, [topic], assignor="range", session_timeout_ms=CRASH_TIMEOUT_MS))
        scenario.await_ownership(members, {topic: 4})
    while len(members) > 1:
        members.pop(0).crash()
        scenario.await_ownership(members, {topic: 4}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)


def test_a_client_without_a_common_assignor_is_refused_without_a_rebalance(scenario: Scenario) -> None:
    """Kafkajs calls its assignor `RoundRobinAssigner`, which no other client knows: INCONSISTENT_GROUP_PROTOCOL."""
    available_clients(["java", "kafkajs", "librdkafka"])
    topic, group = scenario.topic(), scenario.group()
    member = scenario.member("java", group, [topic], assignor="roundrobin")
    scenario.await_ownership([member], {topic: 1})
    told = len(member.ownership)
    stranger = scenario.member("kafkajs", group, [topic], assignor="roundrobin")
    complaint = scenario.wait(lambda: stranger.complaints, "the refusal", timeout=60)[0]
    assert "INCONSISTENT_GROUP_PROTOCOL" in complaint.error
    scenario.fill(topic, [b"undisturbed"])
    scenario.wait(lambda: b"undisturbed" in member.values, "the record")
    assert len(member.ownership) == told
    assert not stranger.has_joined


@pytest.mark.needs("consumer-protocol")
@pytest.mark.apis(11, 12, 13, 14, 68)
def test_a_group_changes_its_protocol_while_it_is_read(scenario: Scenario, client: str) -> None:
    """KIP-848: the members of a classic group are replaced by those of the consumer protocol one by one, and back.

    A classic member may join once more after the partitions are shared out, so a record may be read twice.
    """
    topic, group = scenario.topic(4), scenario.group()

    def member(protocol: str) -> DriverProcess:
        return scenario.member(client, group, [topic], protocol=protocol, auto_commit=True)

    def settle(round_name: bytes) -> None:
        fair = {1: [4], 2: [2, 2], 3: [1, 1, 2], 4: [1, 1, 1, 1]}[len(members)]
        scenario.wait(lambda: sorted(len(member.owned) for member in members) == fair, f"shares of {fair}", timeout=60)
        scenario.await_ownership(members, {topic: 4})
        wanted = {round_name + b"-%d" % number for number in range(40)}
        for number, value in enumerate(sorted(wanted)):
            scenario.fill(topic, [value], partition=number % 4)
        scenario.wait(lambda: wanted <= {value for member in members for value in member.values}, "40 records")

    members = [member("classic"), member("classic")]
    settle(b"classic")
    for round_name in (b"first new", b"second new"):
        members.append(member("consumer"))
        settle(round_name)
    for round_name in (b"one classic", b"all new"):
        members.pop(0).call("leave")
        settle(round_name)
    members.append(member("classic"))
    settle(b"mixed again")
    for round_name in (b"one new", b"classic again"):
        members.pop(0).call("leave")
        settle(round_name)


def test_what_one_commits_another_continues(scenario: Scenario, client: str) -> None:
    """Committed offsets belong to the group, whatever language it is written in."""
    writer = "franz-go" if client == "java" else "java"
    available_clients(["java", "franz-go", client])
    topic, group = scenario.topic(), scenario.group()
    scenario.admin(writer).produce(topic, [Record(value=b"%d" % number, partition=0) for number in range(6)])
    first = scenario.member(writer, group, [topic])
    first.wait_until(lambda: len(first.records) == 6, "six records")
    first.commit({TopicPartition(topic, 0): 4})
    first.call("leave")
    second = scenario.member(client, group, [topic])
    scenario.await_values(second, [b"4", b"5"])
