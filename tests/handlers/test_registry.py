"""Every API in the table has a handler, and says of itself what the table says."""

import inspect
import re
import sys

import pytest

from kafkalite.handlers.table import handler_of
from kafkalite_wire.apis import APIS, Api, ApiKey


@pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
def test_an_api_has_a_handler_that_states_its_versions(api: Api) -> None:
    assert list(inspect.signature(handler_of(api)).parameters)[1:] == ["request", "context"]
    doc = sys.modules[f"kafkalite.handlers.{api.module}"].__doc__
    assert doc is not None
    stated = re.match(r"(\w+), versions? (?:(\d+)-)?(\d+)", doc)
    assert stated is not None, doc.splitlines()[0]
    name, low, high = stated.groups()
    # Produce 0 to 2 are named in ApiVersions for librdkafka's sake (KAFKA-18659) and answered by nobody.
    lowest = 3 if api.key is ApiKey.PRODUCE else api.min_version
    assert (name, int(low or high), int(high)) == (api.name, lowest, api.max_version)
