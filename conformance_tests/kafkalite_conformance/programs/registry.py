"""Apicurio Registry, which keeps its schemas in a topic, as a process, and its interface of Confluent's registry."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import free_port
from kafkalite_conformance.drivers.events import Fields
from kafkalite_conformance.programs.java_program import JavaProgram
from kafkalite_conformance.reference_broker import maven_archive

_VERSION: Final = "3.0.9"
"""The newest one that is known to run on Java 17."""


class RefusedError(OSError):
    """The registry answered with an error."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class Registry(JavaProgram):
    """A schema registry on loopback; `name` begins the names of its topics."""

    def __init__(self, bootstrap: str, name: str, output: Path) -> None:
        program = maven_archive(f"apicurio-{_VERSION}", f"io.apicurio:apicurio-registry-app:{_VERSION}:tar.gz:all")
        port = free_port()
        self._address = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        settings = {
            "apicurio.storage.kind": "kafkasql",
            "apicurio.kafkasql.bootstrap.servers": bootstrap,
            "apicurio.kafkasql.topic": f"{name}-journal",
            "apicurio.kafkasql.snapshots.topic": f"{name}-snapshots",
            "apicurio.events.kafka.topic": f"{name}-events",
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(port),
        }
        super().__init__(
            "io.quarkus.runner.GeneratedMain",
            str(program / f"apicurio-registry-app-{_VERSION}-runner.jar"),
            (),
            output,
            flags=[f"-D{setting}={value}" for setting, value in settings.items()],
        )

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Register a version of a subject's schema and return the schema's id. RefusedError if it is incompatible."""
        body = json.dumps({"schema": json.dumps(schema)}).encode()
        return self._asked(f"subjects/{subject}/versions", body).number("id")

    def demand_backward_compatibility(self, subject: str) -> None:
        """Let the subject's readers always read what was written with the version before."""
        self._asked(f"config/{subject}", json.dumps({"compatibility": "BACKWARD"}).encode(), method="PUT")

    def demands_backward_compatibility(self, subject: str) -> bool:
        """Return whether the registry answers, and knows this rule. Raises AssertionError if it has ended."""
        self.assert_runs()
        try:
            return self._asked(f"config/{subject}").text("compatibilityLevel") == "BACKWARD"
        except OSError:
            return False

    def is_up(self) -> bool:
        """Return whether the registry answers. Raises AssertionError if it has ended."""
        self.assert_runs()
        try:
            self._asked("config")
        except OSError:
            return False
        return True

    def schema(self, number: int) -> object:
        """Return the schema with an id."""
        return json.loads(self._asked(f"schemas/ids/{number}").text("schema"))

    def _asked(self, path: str, body: bytes | None = None, *, method: str | None = None) -> Fields:
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(f"{self._address}/{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Fields(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code) from error
