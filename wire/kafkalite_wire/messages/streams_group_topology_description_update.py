"""StreamsGroupTopologyDescriptionUpdate (key 93): describe the topology of a streams group to the coordinator."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT8,
    INT16,
    INT32,
    STRING,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@struct
class TopologyDescriptionNode:
    """A node of a topology: 1 source, 2 processor, 3 sink; only a source or sink has topics."""

    name: str = field(STRING)
    node_type: int = field(INT8)
    source_topics: tuple[str, ...] = field(array_of(STRING))
    sink_topic: str | None = field(STRING, nullable="0+", default=None)
    stores: tuple[str, ...] = field(array_of(STRING))
    successors: tuple[str, ...] = field(array_of(STRING))


@struct
class TopologyDescriptionSubtopology:
    """The nodes of a sub-topology."""

    subtopology_id: str = field(STRING)
    nodes: tuple[TopologyDescriptionNode, ...] = field(array_of(TopologyDescriptionNode))


@struct
class TopologyDescriptionGlobalStore:
    """A global state store: where its data comes from, and what fills it."""

    source: TopologyDescriptionNode = field(struct_of(TopologyDescriptionNode))
    processor: TopologyDescriptionNode = field(struct_of(TopologyDescriptionNode))


@struct
class TopologyDescription:
    """The topology of a Kafka Streams application."""

    subtopologies: tuple[TopologyDescriptionSubtopology, ...] = field(array_of(TopologyDescriptionSubtopology))
    global_stores: tuple[TopologyDescriptionGlobalStore, ...] = field(array_of(TopologyDescriptionGlobalStore))


@message(api_key=ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE)
class StreamsGroupTopologyDescriptionUpdateRequest:
    """The topology, by a member of the group."""

    group_id: str = field(STRING)
    member_id: str = field(STRING)
    topology_epoch: int = field(INT32)
    topology_description: TopologyDescription = field(struct_of(TopologyDescription))


@message(api_key=ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE)
class StreamsGroupTopologyDescriptionUpdateResponse:
    """Whether it was accepted."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
