"""Cycles: orders of events that no broker can have had, in histories made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite_conformance.checker.analysis.facts import Facts
from kafkalite_conformance.checker.analysis.order import interleaved_transactions
from kafkalite_conformance.checker.analysis.strong_components import shortest_cycle, strong_components
from tests.support.made_history import UNKNOWN, MadeHistory


def test_a_later_send_at_a_lower_offset() -> None:
    made = MadeHistory()
    made.send("one", 1, process="first")
    made.send("two", 0, process="second")
    made.final((0, "two"), (1, "one"))
    (anomaly,) = made.search().anomalies
    assert anomaly.kind == "cycle"
    assert {line.split()[2] for line in anomaly.evidence} == {"one", "two"}


def test_a_send_of_unknown_outcome_may_be_written_late() -> None:
    made = MadeHistory()
    made.send("one", process="first", outcome=UNKNOWN)
    made.send("two", 0, process="second")
    made.final((0, "two"), (1, "one"))
    assert made.kinds() == set()


def test_a_send_of_unknown_outcome_is_not_written_before_it_was_sent() -> None:
    made = MadeHistory()
    made.send("one", 1, process="first")
    made.send("two", process="second", outcome=UNKNOWN)
    made.final((0, "two"), (1, "one"))
    assert made.kinds() == {"cycle"}


def test_a_record_that_is_read_before_it_is_sent() -> None:
    made = MadeHistory()
    made.poll((0, "one"))
    made.send("one", 0)
    made.final((0, "one"))
    assert made.kinds() == {"cycle"}


def interleaved() -> MadeHistory:
    """Two transactions, of which each is before the other in one partition."""
    made = MadeHistory()
    made.begin(1, process="first")
    made.begin(2, process="second")
    made.send("one", 0, "a-0", process="first", txn=1)
    made.send("two", 1, "a-0", process="second", txn=2)
    made.send("three", 0, "a-1", process="second", txn=2)
    made.send("four", 1, "a-1", process="first", txn=1)
    return made


def test_kafka_lets_transactions_interleave() -> None:
    made = interleaved()
    made.end("commit", 1, process="first")
    made.end("commit", 2, process="second")
    made.final((0, "one"), (1, "two"))
    made.final((0, "three"), (1, "four"), partition="a-1")
    assert made.kinds() == set()
    assert interleaved_transactions(Facts(made.read())) == 2


def test_two_transactions_that_read_each_other() -> None:
    made = MadeHistory()
    for process, number in (("first", 1), ("second", 2)):
        made.begin(number, process=process)
    made.send("one", 0, "a-0", process="first", txn=1)
    made.send("two", 0, "a-1", process="second", txn=2)
    made.poll((0, "two"), partition="a-1", process="first", txn=1)
    made.poll((0, "one"), partition="a-0", process="second", txn=2)
    for process, number in (("first", 1), ("second", 2)):
        made.end("commit", number, process=process)
    made.final((0, "one"))
    made.final((0, "two"), partition="a-1")
    assert made.kinds() == {"uncommitted-read", "cycle"}


@pytest.mark.parametrize(
    ("edges", "components"),
    [
        ([], []),
        ([[1], [2], []], []),
        ([[1], [0], []], [{0, 1}]),
        ([[1], [2], [0]], [{0, 1, 2}]),
        ([[1], [0, 2], [3], [2]], [{0, 1}, {2, 3}]),
        ([[0]], []),
    ],
)
def test_strong_components(edges: list[list[int]], components: list[set[int]]) -> None:
    found = sorted(map(set, strong_components(edges)), key=min)
    assert found == components


@given(
    st.integers(1, 9).flatmap(lambda size: st.lists(st.lists(st.integers(0, size - 1)), min_size=size, max_size=size))
)
def test_components_are_what_can_reach_each_other(edges: list[list[int]]) -> None:
    nodes = range(len(edges))
    reach = {node: _reachable(edges, node) for node in nodes}
    expected = {frozenset(n for n in nodes if n in reach[node] and node in reach[n]) for node in nodes}
    found = list(strong_components(edges))
    assert {frozenset(component) for component in found} == {each for each in expected if len(each) > 1}
    for component in found:
        cycle = shortest_cycle(edges, component[0], frozenset(component))
        assert cycle[0] == component[0]
        assert all(later in edges[earlier] for earlier, later in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


def _reachable(edges: list[list[int]], start: int) -> set[int]:
    reached, stack = set[int](), [start]
    while stack:
        for target in edges[stack.pop()]:
            if target not in reached:
                reached.add(target)
                stack.append(target)
    return reached


def test_a_node_in_no_cycle_has_no_shortest_one() -> None:
    with pytest.raises(ValueError, match="in no cycle"):
        shortest_cycle([[1], []], 0, frozenset({0, 1}))


def test_a_path_of_many_nodes_needs_no_recursion() -> None:
    count = 200_000
    assert [len(each) for each in strong_components([[(node + 1) % count] for node in range(count)])] == [count]
