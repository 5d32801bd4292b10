"""Compare producer snapshots with the state that a replay of the log has at the same offset."""

from kafkalite_storage.inspection.report import Report
from kafkalite_storage.state.producer_state import Producer, ProducerStates

_State = tuple[int, tuple[int, int, int], int, int, int]


def check_snapshot(
    report: Report, file: str, snapshot: ProducerStates, replayed: ProducerStates, *, replay_start: int
) -> None:
    """Report producers whose state in the snapshot differs from the log.

    A producer that only the log knows may have been forgotten on time (`producer.id.expiration.ms`); one that only
    the snapshot knows may have written before the log began.
    """
    for producer in snapshot:
        known = replayed.producers.get(producer.producer_id)
        if known is None:
            if producer.batches and producer.batches[-1].last_offset >= replay_start:
                report.cache(file, f"producer {producer.producer_id} has written nothing that is left in the log")
            continue
        said, found = _state(producer, snapshot), _state(known, replayed)
        if said != found and not (_began_before(snapshot, producer, replay_start) and said[:4] == found[:4]):
            report.cache(file, f"producer {producer.producer_id} is {_told(said)}, but the log says {_told(found)}")


def _state(producer: Producer, states: ProducerStates) -> _State:
    last = producer.batches[-1] if producer.batches else None
    return (
        producer.epoch,
        (-1, -1, 0) if last is None else (last.last_sequence, last.last_offset, last.offset_delta),
        producer.timestamp,
        producer.coordinator_epoch,
        states.open_transactions.get(producer.producer_id, -1),
    )


def _began_before(snapshot: ProducerStates, producer: Producer, replay_start: int) -> bool:
    return -1 < snapshot.open_transactions.get(producer.producer_id, -1) < replay_start


def _told(state: _State) -> str:
    epoch, (sequence, offset, _), timestamp, coordinator_epoch, start = state
    transaction = f", in a transaction since offset {start}" if start >= 0 else ""
    return (
        f"at epoch {epoch}, sequence {sequence}, offset {offset}, time {timestamp}, "
        f"coordinator epoch {coordinator_epoch}{transaction}"
    )
