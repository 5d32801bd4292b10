"""The golden files are what Kafka's classes print; needs a JDK and Kafka's jars."""

from tests.wire.golden.regenerate import FOLDER, printed


def test_golden_files_are_what_kafkas_classes_print() -> None:
    for kind, text in printed().items():
        assert (FOLDER / f"{kind}.tsv").read_text(encoding="utf-8") == text, kind
