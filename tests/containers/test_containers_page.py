"""The page about containers: its commands run, its settings are those of the files, its recipes pass."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from kafkalite import __version__
from kafkalite.testing import connect
from kafkalite_conformance.downloading import download
from tests.support.container_engine import Engine, unavailable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "containers.md").read_text()
EXAMPLES = ROOT / "examples" / "containers"
FILES = {
    "yaml": ROOT / "docker" / "compose.yaml",
    "python": EXAMPLES / "python" / "test_orders.py",
    "java": EXAMPLES / "java" / "src" / "test" / "java" / "OrdersTest.java",
    "go": EXAMPLES / "go" / "kafkalite_test.go",
    "javascript": EXAMPLES / "node" / "kafkalite.test.js",
}
OURS = f"kafkalite-page-{secrets.token_hex(4)}-"
NAMES = tuple(f"{OURS}{name}" for name in ("kafka", "other", "random"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", FILES)
def test_what_the_page_shows_is_part_of_the_file(language: str) -> None:
    assert blocks(language)
    assert [block for block in blocks(language) if block not in FILES[language].read_text()] == []


def test_every_kind_of_block_is_looked_at() -> None:
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"console", *FILES}


def test_all_name_the_image_of_this_version() -> None:
    shown = PAGE + "".join(file.read_text() for file in FILES.values())
    assert set(re.findall(r"kafkalite:(\d[\d.]*\d)", shown)) == {__version__}


@pytest.fixture
def shell(engine: Engine, image: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which `docker` is the engine of this machine, and port 9092 is free."""
    for port in (9092, 19092):
        try:
            with closing(create_server(("127.0.0.1", port))):
                pass
        except OSError as error:
            unavailable(f"the page needs port {port}: {error}")
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nexec {shutil.which(engine.program)} "$@"\n')
    docker.chmod(0o755)
    yield {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    engine("rm", "--force", "--volumes", *NAMES, check=False)


def test_the_commands_do_what_they_show(shell: dict[str, str]) -> None:
    commands = "".join(blocks("console")).split("$ docker ")[1:]
    # The image is there: CI builds it by this very line, with a base image of its own.
    build, *others = commands
    assert build.startswith("build --file docker/Dockerfile")
    for part in others:
        command, _, shown = part.partition("\n")
        # The names on the page may be those of somebody's containers.
        command = re.sub(r"(--name|docker exec|docker port) ", rf"\1 {OURS}", f"docker {command}")
        done = subprocess.run(["bash", "-c", command], env=shell, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout == shown or not shown
    for name in NAMES:
        subprocess.run(["bash", "-c", f"docker exec {name} kafkalite ready"], env=shell, check=True, timeout=60)
    port = subprocess.run(
        ["docker", "port", NAMES[-1], "9092/tcp"], env=shell, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    for bootstrap in ("127.0.0.1:9092", "127.0.0.1:19092", port):
        with connect(bootstrap) as handle:
            assert handle.produce("orders", "one")[0].topic == "orders"


FETCHES = {
    "java": ["mvn", "--quiet", "--batch-mode", "test", "-DskipTests"],
    "go": ["go", "mod", "download"],
    "node": ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
}
TESTS = {
    "python": [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "."],
    "java": ["mvn", "--quiet", "--batch-mode", "test"],
    "go": ["go", "test", "./..."],
    "node": ["npm", "test"],
}


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("language", TESTS)
def test_a_recipe_passes(language: str, docker_host: dict[str, str], tmp_path: Path) -> None:
    program = TESTS[language][0]
    if shutil.which(program) is None:
        unavailable(f"{program} is not installed; .ci/toolchain.sh brings it")
    project = tmp_path / language
    shutil.copytree(EXAMPLES / language, project)
    if language in FETCHES:
        fetched = download(FETCHES[language], folder=project)
        assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    done = subprocess.run(
        TESTS[language], cwd=project, env={**os.environ, **docker_host}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
