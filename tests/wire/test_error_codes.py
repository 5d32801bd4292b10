"""Our error codes compared with those of Kafka's own classes, printed by golden/Golden.java."""

from pathlib import Path

from kafkalite_wire.error_codes import ErrorCode

GOLDEN = Path(__file__).parent / "golden" / "errors.tsv"


def test_error_codes_are_those_of_kafka() -> None:
    rows = [line.split("\t") for line in GOLDEN.read_text().splitlines()]
    assert [(str(code.value), code.name) for code in ErrorCode] == [tuple(row[:2]) for row in rows]
