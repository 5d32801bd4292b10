"""Clients tell their users the same of an injected error as of Apache Kafka's own."""

from __future__ import annotations

import json

import pytest

from kafkalite.testing import Handle, run
from kafkalite_conformance.differential.denying import READABLE, SECRET, VISIBLE
from kafkalite_conformance.drivers.building import MissingToolError
from tests.support.toolchains import missing
from tests.testing.reactions_golden import GOLDEN, JUDGES, reactions

OF_TOPICS = [
    "AlterConfigs",
    "CreatePartitions",
    "CreateTopics",
    "DeleteRecords",
    "DeleteTopics",
    "DescribeConfigs",
    "Fetch",
    "IncrementalAlterConfigs",
    "Produce",
]


def deny(broker: Handle) -> None:
    """Inject what Kafka's authorizer and log said."""
    inject = broker.faults.error
    for topic in (SECRET, VISIBLE):
        inject(OF_TOPICS, "TOPIC_AUTHORIZATION_FAILED", topic=topic)
    inject("Metadata", "TOPIC_AUTHORIZATION_FAILED", topic=SECRET)
    inject(None, "GROUP_AUTHORIZATION_FAILED", group=SECRET)
    inject("Fetch", "OFFSET_OUT_OF_RANGE", topic=READABLE)


@pytest.mark.parametrize("client", JUDGES)
def test_a_client_tells_the_same_error(client: str) -> None:
    with run(topics={SECRET: 2, VISIBLE: 2, READABLE: 2}) as broker:
        deny(broker)
        try:
            seen = reactions(client, broker.bootstrap, offset=0)
        except MissingToolError as problem:
            missing(str(problem))
    assert seen == json.loads(GOLDEN.read_text())[client]
