"""`python -m kafkalite_conformance`: run the suite, with pytest's options and its own."""

import sys
from pathlib import Path


def main() -> int:
    """Run pytest on this package and return its exit status."""
    import pytest

    folder = Path(__file__).parent
    return int(pytest.main(["-c", str(folder / "pytest.ini"), str(folder), *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
