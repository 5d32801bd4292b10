"""`python -m kafkalite_conformance`: run the suite, with pytest's options and its own."""

import importlib.util
import sys
from pathlib import Path
from typing import Final

_ALONE: Final = frozenset({"-n", "-x", "--pdb", "--collect-only", "--help", "-h"})


def main() -> int:
    """Run pytest on this package and return its exit status; `--prepare` only fetches and builds."""
    if sys.argv[1:] == ["--prepare"]:
        return prepare()
    import pytest

    folder = Path(__file__).parent
    arguments = sys.argv[1:]
    if not any(_is_test(argument, folder) for argument in arguments):
        arguments.append(str(folder))
    if importlib.util.find_spec("xdist") is not None and not _ALONE.intersection(arguments):
        # Most of the time passes in waiting for sessions to end, so three share two processors well.
        arguments = ["-n", "3", *arguments]
    return int(pytest.main(["-c", str(folder / "pytest.ini"), *arguments]))


def _is_test(argument: str, folder: Path) -> bool:
    path = Path(argument.partition("::")[0])
    return not argument.startswith("-") and path.name.startswith("test_") and path.resolve().is_relative_to(folder)


def prepare() -> int:
    """Fetch and build what Kafka and the clients need; return 1 if something is missing."""
    from kafkalite_conformance.drivers.catalogue import CLIENTS
    from kafkalite_conformance.reference_broker import class_data_archive
    from kafkalite_conformance.scenario import is_available

    class_data_archive()
    missing = {name: reason for name in CLIENTS if (reason := is_available(name)) is not None}
    for name, reason in missing.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
