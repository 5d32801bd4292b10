"""Kafka Connect: workers as processes, and their REST interface."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import free_port
from kafkalite_conformance.drivers.events import Fields
from kafkalite_conformance.programs.java_program import JavaProgram, write_properties
from kafkalite_conformance.reference_broker import KAFKA_CONNECT_VERSION, LOG4J, class_path, maven_jars

FLUSH_INTERVAL_MS: Final = 500
_NOT_YET: Final = frozenset({404, 409, 500, 503})
"""Statuses of a resource that does not exist yet, of a rebalance, and of a worker that is about to start."""
_STRING: Final = "org.apache.kafka.connect.storage.StringConverter"


def connect_jars() -> Path:
    """Return the folder of Kafka Connect's jars, with the connectors for files and those of MirrorMaker."""
    artifacts = ("connect-runtime", "connect-file", "connect-mirror")
    return maven_jars(
        f"kafka-connect-{KAFKA_CONNECT_VERSION}",
        *(("org.apache.kafka", artifact, KAFKA_CONNECT_VERSION) for artifact in artifacts),
        *LOG4J,
    )


class Worker(JavaProgram):
    """A worker of Kafka Connect with a REST interface on loopback.

    It runs alone with the connectors of the files that it is given, or without any as a member of a cluster.
    """

    def __init__(
        self, bootstrap: str, settings: Mapping[str, str], folder: Path, *connectors: Mapping[str, str]
    ) -> None:
        folder.mkdir()
        port = free_port()
        self._address = f"http://127.0.0.1:{port}"
        common = {
            "bootstrap.servers": bootstrap,
            "listeners": self._address,
            "key.converter": _STRING,
            "value.converter": _STRING,
            "offset.flush.interval.ms": str(FLUSH_INTERVAL_MS),
            # Reads the plugins' manifests instead of every class.
            "plugin.discovery": "service_load",
        }
        arguments = [
            write_properties(folder / "worker.properties", {**common, **settings}),
            *(write_properties(folder / f"{each['name']}.properties", each) for each in connectors),
        ]
        kind = "ConnectStandalone" if connectors else "ConnectDistributed"
        super().__init__(
            f"org.apache.kafka.connect.cli.{kind}", class_path(connect_jars()), arguments, folder / "output.txt"
        )

    def get(self, path: str) -> Fields | None:
        """Return a resource, or None while the worker has none such, or does not answer."""
        return self._request("GET", path)

    def put(self, path: str, settings: Mapping[str, str]) -> Fields | None:
        """Write a resource and return it, or None while the worker cannot."""
        return self._request("PUT", path, settings)

    def has_running(self, connector: str) -> bool:
        """Return whether a connector runs with at least one task. AssertionError if a task has failed."""
        status = self.get(f"/connectors/{connector}/status")
        if status is None:
            return False
        tasks = [task.text("state") for task in status.rows("tasks")]
        assert "FAILED" not in tasks, (status, self.output)
        return bool(tasks) and {*tasks} == {"RUNNING"}

    def _request(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Fields | None:
        self.assert_runs()
        request = urllib.request.Request(
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return Fields(json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in _NOT_YET:
                    raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
            return None
        except OSError:
            return None
