"""ApiVersions, Metadata, FindCoordinator, DescribeCluster."""

from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic

_COORDINATOR_NOT_AVAILABLE = 15
_UNKNOWN_ID = b"0123456789abcdef"


@conversation
async def api_versions(talk: Talk) -> None:
    """In every version; software names that are no words; clients that look for another cluster."""
    voice = await talk.voice()
    good = ApiVersionsRequest(client_software_name="judge", client_software_version="1.0")
    for version in range(6):
        await voice.ask(good, version)
        for name, number in (
            ("", "1"),
            ("a b", "1"),
            ("a", ""),
            ("a", "1 2"),
            ("-a", "1"),
            ("a-", "1"),
            ("ä", "1"),
            ("a.b-c", "1-x"),
        ):
            request = ApiVersionsRequest(client_software_name=name, client_software_version=number)
            await voice.ask(request, version, f"{name!r} {number!r}")
    for cluster, node in (("other", 1), ("other", -1), (None, 77), (None, 1), ("", 1), ("other", 77)):
        await voice.ask(replace(good, cluster_id=cluster, node_id=node), 5, f"cluster {cluster}, node {node}")


@conversation
async def topics_are_described(talk: Talk) -> None:
    """By name and by id; unknown, odd and repeated ones."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for version in range(14):
        for name in (topic, talk.name(), "a b", "", "..", "x" * 250, "ä"):
            request = MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=False)
            if version >= 4:
                await voice.ask(
                    request, version, "unknown" if name.startswith("d") and name != topic else repr(name[:9])
                )
        twice = (MetadataRequestTopic(name=topic),) * 2
        await voice.ask(MetadataRequest(topics=twice, allow_auto_topic_creation=False), version, "twice")
        if version >= 1:
            await voice.ask(MetadataRequest(topics=(), allow_auto_topic_creation=False), version, "none")
        if version >= 8:
            request = MetadataRequest(
                topics=twice[:1],
                include_topic_authorized_operations=True,
                include_cluster_authorized_operations=version <= 10,
            )
            await voice.ask(request, version, "authorized operations")
        if version >= 12:
            by_name_or_id: tuple[tuple[str, str | None, bytes], ...] = (
                ("by id", None, topic_id),
                ("unknown id", None, _UNKNOWN_ID),
                ("both", topic, topic_id),
                ("name with another id", topic, _UNKNOWN_ID),
                ("neither", None, bytes(16)),
            )
            for note, known_as, identity in by_name_or_id:
                request = MetadataRequest(topics=(MetadataRequestTopic(name=known_as, topic_id=identity),))
                await voice.ask(request, version, note)
            row = MetadataRequestTopic(name=None, topic_id=topic_id)
            mixed = (row, MetadataRequestTopic(name=None, topic_id=_UNKNOWN_ID))
            await voice.ask(MetadataRequest(topics=mixed), version, "known and unknown id")


@conversation
async def topics_are_created_on_the_way(talk: Talk) -> None:
    """If the client allows it, and the name can be one."""
    voice = await talk.voice()
    for version in range(14):
        name = talk.name()
        await voice.ask(MetadataRequest(topics=(MetadataRequestTopic(name=name),)), version, "first")
        await talk.until_served(name, 1)
        await voice.ask(MetadataRequest(topics=(MetadataRequestTopic(name=name),)), version, "second")
        await voice.ask(MetadataRequest(topics=(MetadataRequestTopic(name="a b"),)), version, "bad name")


@conversation
async def coordinators(talk: Talk) -> None:
    """Of groups, of transactions and of nothing."""
    group = await talk.group()
    voice = await talk.voice()

    async def is_there() -> bool:
        request = FindCoordinatorRequest(key=group, key_type=1)
        return (await voice.whisper(request, 2, FindCoordinatorResponse)).error_code != _COORDINATOR_NOT_AVAILABLE

    await talk.until(is_there, "a coordinator of transactions")
    for version in range(7):
        for key_type in (0, 1, 2, 3, -1) if version >= 1 else (0,):
            for key in (group, ""):
                request = FindCoordinatorRequest(key=key, key_type=key_type, coordinator_keys=(key,))
                await voice.ask(request, version, f"type {key_type}, {'a' if key else 'no'} name")
        if version >= 4:
            await voice.ask(FindCoordinatorRequest(coordinator_keys=()), version, "none")
            await voice.ask(FindCoordinatorRequest(coordinator_keys=(group, "", group)), version, "several")


@conversation
async def the_cluster(talk: Talk) -> None:
    """Brokers and controllers."""
    voice = await talk.voice()
    for version in range(3):
        for operations in (False, True):
            request = DescribeClusterRequest(include_cluster_authorized_operations=operations)
            await voice.ask(request, version, f"operations {operations}")
        for kind in (0, 2, 3) if version >= 1 else ():
            request = DescribeClusterRequest(include_cluster_authorized_operations=False, endpoint_type=kind)
            await voice.ask(request, version, f"endpoint type {kind}")
    request = DescribeClusterRequest(include_cluster_authorized_operations=False, include_fenced_brokers=True)
    await voice.ask(request, 2, "fenced ones")
