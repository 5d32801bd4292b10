"""Cycles: an order of events that no broker can have had.

The graph has a node for each moment of the history, and for each send, commit and poll:

- the moments follow each other; an operation lies after its invocation and before its end;
- a partition's offsets order its sends (write-write);
- a transaction's sends lie before its commit, and a committed reader sees its records after that (write-read).

A broker that works has a real order of these events, so the graph has no cycle. The graph is of events and not of
transactions, because Kafka lets the writes of two transactions interleave in two partitions in two orders: such cycles
of transactions are legal, and `interleaved_transactions` counts them.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from kafkalite_conformance.checker.analysis.facts import Anomaly, Facts, describe_transaction
from kafkalite_conformance.checker.analysis.strong_components import shortest_cycle, strong_components
from kafkalite_conformance.checker.history import Outcome, Partition, Send

_STARTS: Final = 20
"""From how many operations of a component a short cycle is looked for."""


class EventGraph:
    """The graph of a history's events."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        length = facts.history.length
        self.successors: list[list[int]] = [[moment + 1] for moment in range(length)]
        if length:
            self.successors[-1] = []
        self._names: list[str] = []
        self._moments = length
        self._sends: dict[str, int] = {}
        self._send_nodes = range(0)
        self._commits: dict[int, int] = {}
        self._add_commits()
        self._add_sends()
        self._add_polls()

    def is_moment(self, node: int) -> bool:
        """Return whether a node is a moment and not an operation."""
        return node < self._moments

    def is_send(self, node: int) -> bool:
        """Return whether a node is a send."""
        return node in self._send_nodes

    def name(self, node: int) -> str:
        """Return a line about the operation of a node."""
        return self._names[node - self._moments]

    def _node(self, name: str) -> int:
        self.successors.append([])
        self._names.append(name)
        return len(self.successors) - 1

    def _between(self, node: int, invoked: int, completed: int | None) -> None:
        self.successors[invoked].append(node)
        if completed is not None:
            self.successors[node].append(completed)

    def _add_commits(self) -> None:
        for number, transaction in self._facts.history.transactions.items():
            if transaction.committing is not None:
                node = self._commits[number] = self._node(f"commit of {describe_transaction(transaction)}")
                certain = transaction.outcome is Outcome.OK
                self._between(node, transaction.committing, transaction.ended if certain else None)

    def _add_sends(self) -> None:
        for send in self._facts.history.sends:
            node = self._sends[send.value] = self._node(self._facts.describe(send))
            self._between(node, send.invoked, send.completed if send.outcome is Outcome.OK else None)
            if send.transaction in self._commits:
                self.successors[node].append(self._commits[send.transaction])
        self._send_nodes = range(len(self.successors) - len(self._sends), len(self.successors))
        for sends in located_sends(self._facts).values():
            for (_, earlier), (_, later) in pairwise(sends):
                self.successors[self._sends[earlier.value]].append(self._sends[later.value])

    def _add_polls(self) -> None:
        for poll in self._facts.polls:
            node = self._node(f"poll of {poll.process} with {len(poll.reads)} records (event {poll.completed})")
            self.successors[node].append(poll.completed)
            for value in {read.value for read in poll.reads}:
                send = self._facts.sends.get(value)
                if send is None or len(self._facts.places.get(value, ())) > 1:
                    continue
                if send.transaction is None:
                    self.successors[self._sends[value]].append(node)
                elif send.transaction in self._commits:
                    self.successors[self._commits[send.transaction]].append(node)


def located_sends(facts: Facts) -> dict[Partition, list[tuple[int, Send]]]:
    """Return the sends of each partition by the offset where they are in the log, or were acknowledged to be.

    Those that are at several places are left out.
    """
    places: dict[Partition, dict[int, Send]] = {}
    for send in facts.history.sends:
        found = facts.places.get(send.value) or ([(send.partition, send.offset)] if send.offset is not None else [])
        if len(found) == 1:
            ((partition, offset),) = found
            places.setdefault(partition, {})[offset] = send
    return {partition: sorted(by_offset.items(), key=lambda item: item[0]) for partition, by_offset in places.items()}


def order_cycles(facts: Facts) -> Iterator[Anomaly]:
    """Yield one short cycle of each strongly connected component of the event graph."""
    graph = EventGraph(facts)
    for component in strong_components(graph.successors):
        members = frozenset(component)
        operations = [node for node in component if not graph.is_moment(node)]
        cycle = min((shortest_cycle(graph.successors, node, members) for node in operations[:_STARTS]), key=len)
        yield Anomaly(
            kind="cycle",
            summary=f"{len(operations)} operations cannot have had any order; each of these lies before the next,"
            " and the last before the first",
            evidence=tuple(_steps(graph, cycle)),
        )


def _steps(graph: EventGraph, cycle: list[int]) -> Iterator[str]:
    """Yield the operations of a cycle; of those that a partition's offsets order, the first and the last."""
    for before, node, after in zip([cycle[-1], *cycle], cycle, [*cycle[1:], cycle[0]], strict=False):
        between = not graph.is_moment(before) and not graph.is_moment(after)
        if not graph.is_moment(node) and not (between and graph.is_send(node)):
            yield graph.name(node)


def interleaved_transactions(facts: Facts) -> int:
    """Return how many transactions are in cycles of write-write dependencies, which Kafka allows."""
    numbers: dict[object, int] = {}
    successors: list[list[int]] = []

    def node(send: Send) -> int:
        key = send.value if send.transaction is None else send.transaction
        if key not in numbers:
            numbers[key] = len(successors)
            successors.append([])
        return numbers[key]

    for sends in located_sends(facts).values():
        for (_, earlier), (_, later) in pairwise(sends):
            source, target = node(earlier), node(later)
            if source != target:
                successors[source].append(target)
    transactions = {index for key, index in numbers.items() if isinstance(key, int)}
    return sum(len(transactions.intersection(component)) for component in strong_components(successors))
