"""Keep what clients make of Apache Kafka's errors, so that they can be asked the same about injected ones.

`python -m tests.testing.reactions_golden` asks a Kafka that denies nearly everything, and writes
`golden/kafka-4.4.0-reactions.json` again: by client and case, the error that the client tells its user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from kafkalite_conformance.differential.denying import READABLE, SECRET, VISIBLE
from kafkalite_conformance.differential.recording import denying_kafka
from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import Complaint, Failed, Record, Refused, Sendable
from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.scenario import DriverPool

GOLDEN: Final = Path(__file__).parent / "golden" / "kafka-4.4.0-reactions.json"
JUDGES: Final = ("java", "librdkafka", "kafka-python")

BEYOND_THE_END: Final = 99
_NO_RESET: Final[Mapping[str, str]] = {"librdkafka": "error"}


def reactions(name: str, bootstrap: str, *, offset: int) -> dict[str, str]:
    """Ask one client; ``offset`` is where it reads from the topic that it may read."""
    with ExitStack() as stack:
        pool = DriverPool(bootstrap, spares=False)
        stack.callback(pool.close)

        def driver() -> DriverProcess:
            taken = pool.take(CLIENTS[name])
            stack.callback(taken.close)
            return taken

        admin = driver()
        consumers = {case: driver() for case in ("fetch", "fetch out of range", "join", "commit")}
        for case, topic, start, reset in (
            ("fetch", VISIBLE, 0, "earliest"),
            ("fetch out of range", READABLE, offset, _NO_RESET.get(name, "none")),
        ):
            consumers[case].call("assign", partitions=[_at(topic, start)], reset=reset)
        consumers["join"].send("subscribe", topics=[READABLE], **_member())
        found = {
            "produce": produced(admin, VISIBLE),
            "produce unseen": produced(admin, SECRET),
            **{case: failed(admin, operation, **fields) for case, (operation, fields) in _ADMINISTRATION.items()},
        }
        consumers["commit"].call("assign", partitions=[_at(READABLE, 0)], **_member())
        offsets: list[Sendable] = [{"topic": READABLE, "partition": 0, "offset": 0}]
        found["commit"] = failed(consumers["commit"], "commit", offsets=offsets)
        found |= {case: complaint(consumers[case]) for case in ("fetch", "fetch out of range", "join")}
        return found


def _at(topic: str, offset: int) -> dict[str, Sendable]:
    return {"topic": topic, "partition": 0, "start": "offset", "at": offset}


def _member() -> dict[str, Any]:
    return {"group": SECRET, "assignor": "range", "session_timeout_ms": 6000}


_ADMINISTRATION: Final[Mapping[str, tuple[str, Mapping[str, Sendable]]]] = {
    "create a topic": ("create_topic", {"name": SECRET, "partitions": 1}),
    "delete a topic": ("delete_topic", {"name": VISIBLE}),
    "add partitions": ("create_partitions", {"name": VISIBLE, "total": 9}),
    "describe settings": ("describe_configs", {"name": VISIBLE}),
    "change settings": ("alter_configs", {"name": VISIBLE, "configs": {"retention.ms": "1000"}}),
    "delete records": ("delete_records", {"topic": VISIBLE, "partition": 0, "offset": 0}),
    "describe a group": ("describe_group", {"name": SECRET}),
    "delete a group": ("delete_group", {"name": SECRET}),
}


def produced(driver: DriverProcess, topic: str) -> str:
    """Return the outcome of producing a record."""
    command = driver.send("produce", topic=topic, records=[Record(value=b"x").as_json()], timeout_ms=30_000, acks="all")
    outcome = driver.outcome(command)
    refused = [each.error for each in driver.deliveries(command) if isinstance(each, Refused)]
    return told(outcome) if isinstance(outcome, Failed) else ", ".join(refused) or "no error"


def failed(driver: DriverProcess, operation: str, **fields: Any) -> str:
    """Return the error of a command."""
    outcome = driver.attempt(operation, **fields)
    return told(outcome) if isinstance(outcome, Failed) else "no error"


def told(failure: Failed) -> str:
    """Return the error by name; librdkafka's driver names some in the message only."""
    within = re.search(r"_?[A-Z]+(_[A-Z]+)+", failure.message)
    return within.group() if within and failure.error == "LIBRDKAFKA" else failure.error


def complaint(driver: DriverProcess) -> str:
    """Return the first error of a consumer that polls."""
    first: Callable[[], list[Complaint]] = lambda: driver.complaints  # noqa: E731
    return driver.wait_until(first, "an error")[0].error


def main() -> None:
    """Ask Kafka."""
    with denying_kafka() as bootstrap:
        found = {name: reactions(name, bootstrap, offset=BEYOND_THE_END) for name in JUDGES}
    GOLDEN.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
