"""A schema registry that keeps its schemas in a topic: Apicurio Registry with its Kafka storage."""

from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.programs.registry import RefusedError, Registry
from kafkalite_conformance.scenario import Scenario

STARTING: Final = 90.0

FIRST: Final = {"type": "record", "name": "Word", "fields": [{"name": "text", "type": "string"}]}
SECOND: Final = {**FIRST, "fields": [*FIRST["fields"], {"name": "count", "type": "int", "default": 0}]}
INCOMPATIBLE: Final = {**FIRST, "fields": [*FIRST["fields"], {"name": "count", "type": "int"}]}


@pytest.mark.once
@pytest.mark.apis(0, 1, 19)
def test_a_registry_has_its_schemas_after_a_crash(scenario: Scenario, tmp_path: Path) -> None:
    """A registry that was killed is followed by one that has its schemas and rules, by the topic that it kept them in.

    A record begins with the id of its schema, as the serializers of such registries write it.
    """
    topic, name = scenario.topic(), scenario.name("registry")
    subject = f"{topic}-value"
    with Registry(scenario.bootstrap, name, tmp_path / "output-1.txt") as first:
        scenario.poll(first.is_up, "the registry to answer", timeout=STARTING)
        number = first.register(subject, FIRST)
        first.demand_backward_compatibility(subject)
        first.kill()
    scenario.fill(topic, [b"\x00" + number.to_bytes(4) + b"\x08pear"])
    with Registry(scenario.bootstrap, name, tmp_path / "output-2.txt") as second:
        # It answers before it has read all of the topic; the rule was written last.
        known = partial(second.demands_backward_compatibility, subject)
        scenario.poll(known, "the registry to know the rule", timeout=STARTING)
        reader = scenario.reader("librdkafka", topic)
        scenario.wait(lambda: reader.values, "the record")
        value = reader.values[0]
        assert value is not None
        assert second.schema(int.from_bytes(value[1:5])) == FIRST
        with pytest.raises(RefusedError) as refused:
            second.register(subject, INCOMPATIBLE)
        assert refused.value.status == HTTPStatus.CONFLICT
        assert second.register(subject, SECOND) != number
        second.terminate(STARTING)
