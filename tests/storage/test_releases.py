"""What earlier releases of kafkalite left is read by this one, and so is what Kafka left (see golden/README.md)."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.storage import release_golden
from tests.support.storage.description import described

FROZEN = sorted(release_golden.GOLDEN.glob("*.json"))
THIS = "this one"


@pytest.fixture(scope="module")
def made_now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this very version writes, which is frozen when it is released."""
    path = tmp_path_factory.mktemp("made") / "data"
    release_golden.write(path)
    return path


Left = tuple[Path, Any]


@pytest.fixture(params=[THIS, *(path.stem for path in FROZEN)])
def left(request: pytest.FixtureRequest, made_now: Path, tmp_path: Path) -> Left:
    """Return a copy of a directory, and what is in it."""
    if request.param == THIS:
        copy = shutil.copytree(made_now, tmp_path / "first")
        with closing(release_golden.open_storage(copy)) as storage:
            return shutil.copytree(made_now, tmp_path / "data"), described(storage)
    expected = json.loads((release_golden.GOLDEN / f"{request.param}.json").read_text())
    return shutil.copytree(release_golden.GOLDEN / request.param, tmp_path / "data"), expected


def as_json(storage: Storage) -> Any:
    return json.loads(json.dumps(described(storage)))


def test_everything_is_found_after_a_clean_stop(left: Left) -> None:
    path, expected = left
    with closing(release_golden.open_storage(path)) as storage:
        assert storage.was_clean
        assert as_json(storage) == expected
    with closing(release_golden.open_storage(path)) as storage:
        assert storage.was_clean
        assert as_json(storage) == expected


@pytest.mark.parametrize("lost", [(), ("*/*index", "*/*.snapshot")], ids=["nothing lost", "caches lost"])
def test_everything_is_found_after_a_crash(left: Left, lost: tuple[str, ...]) -> None:
    path, expected = left
    for pattern in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", *lost):
        for found in path.glob(pattern):
            found.unlink()
    with closing(release_golden.open_storage(path)) as storage:
        assert not storage.was_clean
        assert as_json(storage) == expected


def test_work_goes_on_in_every_log(left: Left) -> None:
    path, expected = left
    now = release_golden.NOW
    with closing(release_golden.open_storage(path)) as storage:
        for name, topic in storage.topics.items():
            for number in range(topic.partitions):
                end = expected["topics"][name]["partitions"][number]["end"]
                batch = build_batch([Record(b"k", b"goes on", now)])
                assert storage.log(name, number).append(batch, now_ms=now).base_offset == end
        assert storage.allocate_producer_ids(now_ms=now).start == expected["next producer id"]


def test_the_same_is_written_every_time(made_now: Path, tmp_path: Path) -> None:
    release_golden.write(tmp_path / "data")
    first, second = contents(made_now), contents(tmp_path / "data")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def contents(path: Path) -> Any:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}
