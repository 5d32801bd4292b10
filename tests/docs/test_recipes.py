"""Every recipe provokes what it says, and what stands below it is a request that the controls over HTTP take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from tests.support.controls_process import Served, serving

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()


def test_the_recipes_provoke_what_they_say(pytester: pytest.Pytester) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    recipes = re.findall(r"^\*\*", PAGE, re.MULTILINE)
    assert len(recipes) == len(blocks) - 1, "a block for each, and the fixtures"
    pytester.makepyfile("\n\n".join(blocks))
    parametrised = 1
    # librdkafka may hang in close() (its issues 4362 and 4884): the time-out bounds that, and the test runs once more.
    finished = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", timeout=240)
    finished.assert_outcomes(passed=len(recipes) + parametrised)


def test_the_requests_are_taken() -> None:
    requests = re.findall(r"`(POST|DELETE) (/\S+?)(?: (\{.*?\}))?`", PAGE)
    assert len(requests) > 15
    with serving() as served:
        for method, path, body in requests:
            if path == "/groups/shop/fence":
                fence(served, method, path, body)
            else:
                status, answer = served.ask(method, path, body.encode())
                assert status == 200, (path, body, answer)


def fence(served: Served, method: str, path: str, body: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": served.bootstrap,
            "group.id": "shop",
            "client.id": "anna",
            "group.instance.id": "anna",
            "log_level": 0,
        }
    )
    consumer.subscribe(["orders"])
    served.post("/await/stable", group="shop", members=1)
    assert served.ask(method, path, body.encode())[0] == 200
    consumer.close()
