"""A broker beside each test, and members of groups made of real, unmodified clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkalite.testing import Handle, connect, run
from tests.support.group_members import ConfluentMember, Join, Member
from tests.support.remote_broker import broker_elsewhere

IN_PROCESS, OVER_HTTP = "in process", "over HTTP"


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[Handle]:
    """Yield a new broker: in this process, or, for tests that are marked so, also one in another process."""
    if getattr(request, "param", IN_PROCESS) == IN_PROCESS:
        with run(topics={"clicks": 3}) as handle:
            yield handle
    else:
        with broker_elsewhere() as (bootstrap, controls), connect(bootstrap, controls=controls) as handle:
            handle.topics.create("clicks", 3)
            yield handle


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that are marked `also_over_http` on both kinds of broker."""
    marked = metafunc.definition.get_closest_marker
    if "broker" in metafunc.fixturenames and marked("also_over_http") and not marked("in_process"):
        metafunc.parametrize("broker", [IN_PROCESS, OVER_HTTP], indirect=True)


@pytest.fixture
def client() -> type[Member]:
    """The client that members are made of; a test that is parametrised by it sees how others do."""
    return ConfluentMember


@pytest.fixture
def join(broker: Handle, client: type[Member]) -> Iterator[Join]:
    """Start members that poll on threads of their own until the test ends."""
    members: list[Member] = []

    def join(client_id: str, *, group: str = "readers", topic: str = "clicks", **settings: object) -> Member:
        member = client(broker.bootstrap, group, topic, client_id, **settings)
        members.append(member)
        return member

    yield join
    for member in members:
        member.ask_to_stop()
    if members:
        end_all_polls(broker)
    for member in members:
        member.join(30)
        assert not member.is_alive(), f"{member.client_id} does not end"


def end_all_polls(broker: Handle) -> None:
    """Produce to every partition, so that a poll without a timeout returns."""
    for name in broker.topics:
        for partition in range(len(broker.topics[name].end_offsets)):
            broker.produce(name, "the end", partition=partition)
