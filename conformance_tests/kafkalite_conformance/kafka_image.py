"""Apache Kafka's container image, for machines with a container engine and no JDK."""

import os
import subprocess
from collections.abc import Mapping

from kafkalite_conformance.broker import free_port, wait_until_ready
from kafkalite_conformance.reference_broker import BASE_PROPERTIES, KAFKA_VERSION


class KafkaImage:
    """A running container of `apache/kafka`; `$KAFKA_IMAGE` names another image, such as `apache/kafka-native`."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        from testcontainers.core.container import DockerContainer  # a slow import, for this class only

        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        settings = {
            **BASE_PROPERTIES,
            "controller.quorum.voters": "1@localhost:9093",
            "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            **properties,
        }
        container = DockerContainer(os.environ.get("KAFKA_IMAGE", f"apache/kafka:{KAFKA_VERSION}"))
        container.with_bind_ports(9092, port)
        for name, value in settings.items():
            container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
        self._container = container.start()
        wait_until_ready(self.bootstrap, timeout=120, alive=self)

    @property
    def pid(self) -> int:
        """The process id of the broker on the engine's host, 0 once it has ended."""
        return int(self._inspect("{{.State.Pid}}"))

    @property
    def exit_status(self) -> int | None:
        """How the container ended, or None while it runs."""
        return None if self._inspect("{{.State.Running}}") == "true" else int(self._inspect("{{.State.ExitCode}}"))

    def stop(self) -> int:
        """Stop the container with SIGTERM; killed after 20 s."""
        self._container.get_wrapped_container().stop(timeout=20)
        return int(self._inspect("{{.State.ExitCode}}"))

    def kill(self) -> None:
        """Kill the broker inside the container, and keep the container with its data."""
        if self.exit_status is None:
            self._container.get_wrapped_container().kill("SIGKILL")

    def close(self) -> None:
        """End it for good."""
        self.kill()

    def start_again(self) -> None:
        """Start the same container with the data that it has, and wait until it is ready."""
        self._container.get_wrapped_container().start()
        wait_until_ready(self.bootstrap, timeout=120, alive=self)

    def _inspect(self, template: str) -> str:
        identity: str = self._container.get_wrapped_container().id or ""
        shown = subprocess.run(
            ["docker", "inspect", "--format", template, identity], check=True, capture_output=True, text=True
        )
        return shown.stdout.strip()
