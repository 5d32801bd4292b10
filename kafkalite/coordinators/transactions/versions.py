"""What handlers need to know of transactions without importing the coordinator: versions, and errors of writes."""

from __future__ import annotations

from typing import Final

from kafkalite_wire.error_codes import ErrorCode

VERSION_1: Final = 0
VERSION_2: Final = 2
"""Transaction versions of clients, as they are recorded: from 2 on each end of a transaction raises the epoch."""


def fenced(error: ErrorCode, version: int, since: int) -> ErrorCode:
    """Return an error as versions before PRODUCER_FENCED know it."""
    if error is ErrorCode.PRODUCER_FENCED and version < since:
        return ErrorCode.INVALID_PRODUCER_EPOCH
    return error


def verification_error(error: ErrorCode, *, may_be_abortable: bool) -> ErrorCode:
    """Return an error of the transaction coordinator as a write to a partition answers it (KIP-890).

    Clients that do not know TRANSACTION_ABORTABLE get INVALID_TXN_STATE.
    """
    match error:
        case ErrorCode.PRODUCER_FENCED:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        case ErrorCode.TRANSACTION_ABORTABLE if not may_be_abortable:
            return ErrorCode.INVALID_TXN_STATE
        case _:
            return error
