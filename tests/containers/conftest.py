"""The image of this version, run by the engine of this machine; `.ci/container-engine.sh` brings one."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator

import pytest

from kafkalite.client.readiness import wait_until_ready
from tests.support.container_engine import IMAGE, WITHIN, Engine, Run, Running, find_engine, unavailable


@pytest.fixture(scope="session")
def engine() -> Engine:
    found = find_engine()
    return unavailable(found) if isinstance(found, str) else found


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    if engine.status("image", "inspect", IMAGE):
        unavailable(f"there is no image {IMAGE}: {engine.program} build -f docker/Dockerfile -t {IMAGE} .")
    if engine.status("run", "--rm", IMAGE, "--version"):
        unavailable(f"{engine.program} is here and cannot run a container: see .ci/container-engine.sh")
    return IMAGE


@pytest.fixture
def run(engine: Engine, image: str) -> Iterator[Run]:
    """Start containers that go with the test."""
    started: list[str] = []

    def run(*options: str, command: tuple[str, ...] = (), ready: bool = True) -> Running:
        name = f"kafkalite-test-{secrets.token_hex(4)}"
        started.append(name)
        engine("run", "--detach", "--name", name, "--publish", "127.0.0.1::9092", *options, image, *command)
        running = Running(engine, name)
        if ready:
            until = time.monotonic() + WITHIN
            while not wait_until_ready(running.address, timeout=1):
                assert running.is_running, engine("logs", name)
                assert time.monotonic() < until, engine("logs", name)
        return running

    yield run
    for name in reversed(started):
        engine("rm", "--force", "--volumes", name, check=False)


@pytest.fixture
def network(engine: Engine) -> Iterator[str]:
    name = f"kafkalite-test-{secrets.token_hex(4)}"
    engine("network", "create", name)
    yield name
    engine("network", "rm", name)


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    name = f"kafkalite-test-{secrets.token_hex(4)}"
    engine("volume", "create", name)
    yield name
    engine("volume", "rm", name, check=False)


@pytest.fixture(scope="session")
def docker_host(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What testcontainers of all languages need in their environment to find this engine."""
    settings = {"TESTCONTAINERS_RYUK_DISABLED": "true"}
    if engine.program == "docker":
        yield settings
        return
    socket = tmp_path_factory.mktemp("podman") / "podman.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"])
    try:
        until = time.monotonic() + WITHIN
        while not socket.exists():
            assert service.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield settings | {
            "DOCKER_HOST": f"unix://{socket}",
            "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
            "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
        }
    finally:
        service.terminate()
        service.wait()
