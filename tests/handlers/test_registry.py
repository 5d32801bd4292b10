"""Every API in the table has a handler."""

import inspect

import pytest

from kafkalite.handlers.table import handler_of
from kafkalite_wire.apis import APIS, Api


@pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
def test_an_api_has_a_handler_with_a_docstring(api: Api) -> None:
    handler = handler_of(api)
    assert list(inspect.signature(handler).parameters)[1:] == ["request", "context"]
    assert handler.__doc__
