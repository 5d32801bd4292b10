"""Connections to protected listeners begin alike with Apache Kafka and with kafkalite: one test for each script."""

import pickle
from collections.abc import Mapping

import pytest

from kafkalite_conformance.cache_folder import one_at_a_time
from kafkalite_conformance.differential.authentication.secured_brokers import secured_brokers
from kafkalite_conformance.differential.authentication.visiting import Visited, visit_both
from kafkalite_conformance.differential.authentication.visits import VISITS


@pytest.fixture(scope="session")
def visited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Visited]:
    """Run the scripts that were selected, all in one go, and once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    held = shared / "authentication.pickle"
    with one_at_a_time(shared):
        if not held.exists():
            held.write_bytes(pickle.dumps(_visit_selected(request.session)))
    found: Mapping[str, Visited] = pickle.loads(held.read_bytes())
    return found


def _visit_selected(session: pytest.Session) -> Mapping[str, Visited]:
    names = {item.name.removeprefix("test_both_begin_alike[").removesuffix("]") for item in session.items}
    with secured_brokers() as brokers:
        return visit_both(sorted(names & VISITS.keys()), brokers)


@pytest.mark.parametrize("script", sorted(VISITS))
def test_both_begin_alike(script: str, visited: Mapping[str, Visited]) -> None:
    """Responses, error codes, their sentences, and the ends of connections are the same."""
    found = visited[script]
    assert found.kafka
    assert not found.differences, "\n".join(map(str, found.differences))
