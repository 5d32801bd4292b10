"""The golden files are what Kafka's classes print; needs a JDK and Kafka's jars."""

import pytest

from tests.wire.golden.regenerate import FOLDER, KINDS, printed


@pytest.mark.parametrize("kind", KINDS)
def test_golden_file_is_what_kafkas_classes_print(kind: str) -> None:
    assert (FOLDER / f"{kind}.tsv").read_text(encoding="utf-8") == printed(kind)
