"""Rewrite the golden files: `python -m tests.wire.golden.regenerate` from the root of the checkout.

Needs a JDK of 17 or newer and Kafka's jars (see tests/support/reference_kafka.py).
"""

import subprocess
from pathlib import Path

from kafkalite_wire.schema import declaration_of
from tests.support.messages import declared_messages
from tests.support.reference_kafka import java, kafka_libs

FOLDER = Path(__file__).parent
KINDS = ("errors", "messages", "damaged")
"""In the order in which Golden.java prints them, with form feeds between."""


def printed() -> dict[str, str]:
    """Print all golden files with Kafka's classes, for the declared messages and versions."""
    declarations = {name: declaration_of(declared).versions for name, declared in declared_messages().items()}
    asked = "".join(f"{name} {versions.low} {versions.high}\n" for name, versions in declarations.items())
    command = [java(), "-cp", f"{kafka_libs()}/*", str(FOLDER / "Golden.java")]
    run = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, encoding="utf-8")
    return dict(zip(KINDS, run.stdout.split("\f"), strict=True))


def main() -> None:
    """Write all golden files."""
    for kind, text in printed().items():
        (FOLDER / f"{kind}.tsv").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
