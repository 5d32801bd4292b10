"""The page of all properties is current, and its example works."""

from pathlib import Path

from kafkalite.config import load
from kafkalite.config.reference import markdown
from kafkalite.config.table import PROPERTIES

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == markdown(), "run: python -m kafkalite.config.reference > docs/configuration.md"


def test_every_property_stands_on_the_page() -> None:
    page = markdown()
    assert [name for name in PROPERTIES if f"| `{name}` |" not in page] == []


def test_the_examples_of_files_are_valid_ones(tmp_path: Path) -> None:
    for number, example in enumerate(markdown().split("```toml\n")[1:]):
        (tmp_path / f"{number}.toml").write_text(example.partition("```")[0])
    config = load(file=tmp_path)
    (orders,) = config.topics
    assert (orders.name, orders.partitions, orders.configs) == ("orders", 3, {"cleanup.policy": "compact"})
    assert [record.value for record in orders.records] == [b"two apples", b'{"fruit":"pear","count":1}']
    assert config.num_partitions == 3
    assert config.group_min_session_timeout == 1.0
    assert config.log_defaults == {"log.segment.bytes": "1048576", "log.retention.hours": "24"}
