"""Write once more what a failed sync may have left behind.

After a failed sync the kernel takes the pages concerned for written, though they are not: the next sync succeeds
without them. Nothing that was waiting for that sync may be called durable before it has been written again. What the
page cache still has is checked first, because the kernel may also have dropped those pages and read old ones.
"""

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_wire.records import CorruptBatch, check_batch


def rewrite_log(fs: FileSystem, path: str, start: int, end: int) -> None:
    """Write over the batches from offset start to before end with themselves; raises OSError if one is damaged.

    Safe beside appends and reads in another thread.
    """
    file = fs.open(path)
    for position, header, batch in iter_batches(file, 0, file.size()):
        if header.next_offset <= start:
            continue
        if header.next_offset > end:
            return
        try:
            check_batch(batch)
        except CorruptBatch as error:
            raise OSError(f"{path} at byte {position} was lost in a failed sync: {error}") from error
        fs.rewrite(path, position, batch)


def rewrite_cache(fs: FileSystem, path: str) -> None:
    """Write over an index with itself, if there is one."""
    if fs.exists(path):
        content = fs.read(path)
        if content:
            fs.rewrite(path, 0, content)
