"""kafkalite answers what Apache Kafka answered when the conversations were recorded, but for what is known."""

import pickle
from collections.abc import Mapping

import pytest

from kafkalite_conformance.cache_folder import one_at_a_time
from kafkalite_conformance.differential.brokers import started_kafkalite
from kafkalite_conformance.differential.conversation import CONVERSATIONS
from kafkalite_conformance.differential.conversations import enter_all
from kafkalite_conformance.differential.known_differences import reason_for
from kafkalite_conformance.differential.running import Outcome, hold_as_recorded

enter_all()


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """Hold the conversations that were selected, all in one go, and once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    held = shared / "differential.pickle"
    with one_at_a_time(shared):
        if not held.exists():
            held.write_bytes(pickle.dumps(_hold_selected(request.session)))
    outcomes: list[Outcome] = pickle.loads(held.read_bytes())
    return {outcome.conversation: outcome for outcome in outcomes}


def _hold_selected(session: pytest.Session) -> list[Outcome]:
    names = {item.name.removeprefix("test_kafkalite_says_what_kafka_said[").removesuffix("]") for item in session.items}
    with started_kafkalite() as address:
        return hold_as_recorded([CONVERSATIONS[name] for name in sorted(names & CONVERSATIONS.keys())], address)


@pytest.mark.parametrize("conversation", sorted(CONVERSATIONS))
def test_kafkalite_says_what_kafka_said(conversation: str, outcomes: Mapping[str, Outcome]) -> None:
    """Whatever differs is in the list of known differences, with its reason."""
    outcome = outcomes[conversation]
    assert outcome.skipped is None
    unknown = [str(difference) for difference in outcome.differences if reason_for(difference) is None]
    assert not unknown, "\n".join(unknown)
