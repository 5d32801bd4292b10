"""UpdateFeatures and DescribeQuorum; nothing is asked that would change the cluster."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_quorum import DescribeQuorumRequest, PartitionData, TopicData
from kafkalite_wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest

_UPGRADE, _SAFE, _UNSAFE = 1, 2, 3
_METADATA = "metadata.version"
_NEWEST = 33


@conversation
async def features_are_updated(talk: Talk) -> None:
    """To levels that are finalized already, that do not exist, and on trial to others."""
    voice = await talk.voice()
    for version in range(3):
        for note, updates in (
            ("nothing", ()),
            ("the same level", ((_METADATA, _NEWEST, _UPGRADE),)),
            ("an unknown feature", ((talk.name(), 1, _UPGRADE),)),
            ("an unknown feature to 0", ((talk.name(), 0, _SAFE),)),
            ("an empty name", (("", 1, _UPGRADE),)),
            ("a level too high", ((_METADATA, _NEWEST + 1, _UPGRADE),)),
            ("a level too low", ((_METADATA, 6, _SAFE),)),
            ("level 0", ((_METADATA, 0, _SAFE),)),
            ("a negative level", ((_METADATA, -1, _SAFE),)),
            ("a lower level without a downgrade", ((_METADATA, 20, _UPGRADE),)),
            ("one that is fine, one that is not", ((_METADATA, _NEWEST, _UPGRADE), (talk.name(), 1, _UPGRADE))),
            ("a level of eligible leaders too high", (("eligible.leader.replicas.version", 2, _UPGRADE),)),
            ("no eligible leaders without a downgrade", (("eligible.leader.replicas.version", 0, _UPGRADE),)),
            ("a level of KRaft too high", (("kraft.version", 2, _UPGRADE),)),
        ):
            rows = tuple(
                FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=kind if version else _UPGRADE)
                for name, level, kind in updates
            )
            await voice.ask(UpdateFeaturesRequest(feature_updates=rows), version, note)
            if version >= 1:
                request = UpdateFeaturesRequest(feature_updates=rows, validate_only=True)
                await voice.ask(request, version, f"{note}, on trial")
        for level in (0, 6, 7, 16, 17, 18, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34) if version else ():
            for kind in (0, _UPGRADE, _SAFE, _UNSAFE, 4):
                row = FeatureUpdateKey(feature=_METADATA, max_version_level=level, upgrade_type=kind)
                request = UpdateFeaturesRequest(feature_updates=(row,), validate_only=True)
                await voice.ask(request, version, f"level {level}, type {kind}, on trial")
        for level in (0, 1) if version else ():
            for kind in (_UPGRADE, _SAFE, _UNSAFE):
                row = FeatureUpdateKey(
                    feature="eligible.leader.replicas.version", max_version_level=level, upgrade_type=kind
                )
                request = UpdateFeaturesRequest(feature_updates=(row,), validate_only=True)
                await voice.ask(request, version, f"eligible leaders at {level}, type {kind}, on trial")


@conversation
async def the_quorum(talk: Talk) -> None:
    """Of the metadata log, and of other partitions."""
    topic = await talk.topic()
    voice = await talk.voice()

    def of(*topics: tuple[str, tuple[int, ...]]) -> DescribeQuorumRequest:
        return DescribeQuorumRequest(
            topics=tuple(
                TopicData(topic_name=name, partitions=tuple(PartitionData(partition_index=index) for index in indexes))
                for name, indexes in topics
            )
        )

    for version in range(3):
        for note, request in (
            ("the metadata log", of(("__cluster_metadata", (0,)))),
            ("another partition of it", of(("__cluster_metadata", (1,)))),
            ("two partitions of it", of(("__cluster_metadata", (0, 1)))),
            ("twice", of(("__cluster_metadata", (0,)), ("__cluster_metadata", (0,)))),
            ("a topic", of((topic, (0,)))),
            ("an unknown topic", of((talk.name(), (0,)))),
            ("no partitions", of(("__cluster_metadata", ()))),
            ("nothing", of()),
        ):
            await voice.ask(request, version, note)
