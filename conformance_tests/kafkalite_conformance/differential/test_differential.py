"""Apache Kafka and kafkalite answer the same, but for what is known: one test for each conversation."""

import os
from collections.abc import Generator, Mapping

import pytest

from kafkalite_conformance.differential import conversations as _conversations  # noqa: F401  # enters them all
from kafkalite_conformance.differential.brokers import both_brokers
from kafkalite_conformance.differential.conversation import CONVERSATIONS
from kafkalite_conformance.differential.known_differences import reason_for
from kafkalite_conformance.differential.running import Outcome, hold
from kafkalite_conformance.drivers.building import MissingToolError


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Generator[Mapping[str, Outcome]]:
    """Hold the conversations that were selected, all in one go."""
    if request.config.getoption("--bootstrap") or request.config.getoption("--broker") == "kafka":
        pytest.skip("two brokers are compared here, and both are started for it")
    chosen = {
        name
        for item in request.session.items
        if (name := item.name.removeprefix("test_both_say_the_same[").removesuffix("]")) in CONVERSATIONS
    }
    try:
        with both_brokers() as brokers:
            held = hold([CONVERSATIONS[name] for name in sorted(chosen)], brokers)
    except MissingToolError as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(reason))
    yield {outcome.conversation: outcome for outcome in held}


@pytest.mark.parametrize("conversation", sorted(CONVERSATIONS))
def test_both_say_the_same(conversation: str, outcomes: Mapping[str, Outcome]) -> None:
    """Whatever differs is in the list of known differences, with its reason."""
    outcome = outcomes[conversation]
    assert outcome.skipped is None
    unknown = [str(difference) for difference in outcome.differences if reason_for(difference) is None]
    assert not unknown, "\n".join(unknown)
