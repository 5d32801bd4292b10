"""Where a partition begins: `log-start-offset-checkpoint` says it, and the first entry of the leader epochs."""

from logging import getLogger

from kafkalite_storage.files.checkpoints import LOG_START_OFFSETS
from kafkalite_storage.state.leader_epochs import LeaderEpochs

log = getLogger("kafkalite.storage")


def agreed_log_start(epochs: LeaderEpochs, said: int, first_offset: int, *, clean: bool) -> int:
    """Return the log start offset of a log whose first segment begins at first_offset.

    A deletion of records writes the epochs before the checkpoint, so after a crash the epochs may be ahead. In any
    other case the two must agree, and where they do not, the lower one is taken: a record that comes back is deleted
    once more, one that is hidden by a flipped bit is lost.
    """
    log_start_offset = max(said, first_offset)
    if epochs.is_lost or not epochs.entries:
        return log_start_offset
    beginning = max(epochs.entries[0][1], first_offset)
    if beginning == log_start_offset or (beginning > log_start_offset and not clean):
        return log_start_offset
    lower = min(beginning, log_start_offset)
    log.warning(
        "%s says that a log begins at offset %d, %s says %d: records from %d on are served",
        LOG_START_OFFSETS,
        log_start_offset,
        epochs.path,
        beginning,
        lower,
    )
    return lower
