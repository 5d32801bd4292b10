"""The ledger loses nothing that was billed, and invents nothing."""

from pathlib import Path

import pytest

from kafkalite.tools.demo.ledger import Charge, LedgerWriter, read_ledger

CHARGES = [Charge(0, 7, 21, 1.5), Charge(2, 1 << 40, 22, 2.5)]


def test_what_was_billed_is_read_back_in_order(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger")
    writer.bill(CHARGES[:1])
    writer.bill(CHARGES[1:])
    assert list(read_ledger(tmp_path / "ledger")) == CHARGES


@pytest.mark.parametrize("cut", range(1, 26))
def test_an_entry_that_a_crash_cut_short_was_not_billed(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger"
    LedgerWriter(path).bill(CHARGES)
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_ledger(path)) == CHARGES[:1]


def test_a_consumer_that_billed_nothing_has_an_empty_ledger(tmp_path: Path) -> None:
    assert list(read_ledger(tmp_path / "none")) == []
