"""What Kafka's assignors give, computed from their definition, to hold the clients' outcome against."""

from collections.abc import Mapping

from kafkalite_conformance.drivers.events import TopicPartition


def range_assignment(topics: Mapping[str, int], members: int) -> set[frozenset[TopicPartition]]:
    """Return the shares of RangeAssignor for members that all subscribe to all topics.

    Each topic on its own is cut into runs of consecutive partitions; the first members' runs are one longer where
    the count does not divide evenly. The members' order is the same for every topic.
    """
    owned: list[set[TopicPartition]] = [set() for _ in range(members)]
    for topic, count in topics.items():
        size, longer = divmod(count, members)
        first = 0
        for position, share in enumerate(owned):
            length = size + (1 if position < longer else 0)
            share.update(TopicPartition(topic, number) for number in range(first, first + length))
            first += length
    return {frozenset(share) for share in owned}


def round_robin_assignment(topics: Mapping[str, int], members: int) -> set[frozenset[TopicPartition]]:
    """Return the shares of RoundRobinAssignor for members that all subscribe to all topics.

    All partitions, ordered by topic name and then by number, are dealt to the members one after the other.
    """
    owned: list[set[TopicPartition]] = [set() for _ in range(members)]
    everything = (TopicPartition(topic, number) for topic in sorted(topics) for number in range(topics[topic]))
    for position, partition in enumerate(everything):
        owned[position % members].add(partition)
    return {frozenset(share) for share in owned}
