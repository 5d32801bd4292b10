"""A file system in memory that knows what is on disk and what is only in the page cache, and fails on demand.

Every change of a file or a directory is one numbered operation. Before each, `on_operation` is called, so that a test
can look at what a crash at that moment would leave: `after_kill()` (the process is gone, the page cache is not) and
`after_power_cut(chance)` (what was not synced may be there, missing, torn or zeros, in any order that is possible).

What a power cut may do, at the worst that POSIX allows:

- A file keeps what its last `sync` found. Later changes of its size happen in their order, up to any point; an append
  may stop at any byte. The bytes behind what was synced may be the new ones, the old ones, or zeros.
- A name that was made, moved or removed without a sync of its directory may be either way, each independent of the
  others as long as they do not concern the same name. A rename happens as a whole. A sync of a file does not keep its
  name.
- After a failed `sync`, the kernel takes the pages for written though they are not: a later sync that succeeds does
  not write them, only new writes do.
"""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

Buffer = bytes | bytearray | memoryview


class Inode:
    """The content of a file: what processes see, and what the disk has."""

    def __init__(self, content: bytes = b"", disk: bytes = b"") -> None:
        self.content = bytearray(content)
        self.disk = disk
        #: Below, content and disk are the same, but for what was lost.
        self.safe = 0
        #: Sizes since the last sync, in their order.
        self.sizes: list[int] = []
        #: Ranges that the kernel takes for written and that are not on disk.
        self.lost: list[tuple[int, int]] = []

    def append(self, data: bytes) -> None:
        if data:
            self.content += data
            self.sizes.append(len(self.content))

    def truncate(self, size: int) -> None:
        if size < len(self.content):
            del self.content[size:]
        else:
            self.content += bytes(size - len(self.content))
        self.safe = min(self.safe, size)
        self.lost = [(start, min(stop, size)) for start, stop in self.lost if start < size]
        self.sizes.append(size)

    def rewrite(self, position: int, data: bytes) -> None:
        stop = position + len(data)
        self.content[position:stop] = data
        self.safe = min(self.safe, position)
        self.lost = [
            piece
            for start, end in self.lost
            for piece in ((start, min(end, position)), (max(start, stop), end))
            if piece[0] < piece[1]
        ]
        self.sizes.append(len(self.content))

    def sync(self) -> None:
        on_disk = bytearray(self.content)
        for start, stop in self.lost:
            on_disk[start:stop] = self.disk[start:stop].ljust(stop - start, b"\0")
        self.disk = bytes(on_disk)
        self.safe = len(self.content)
        self.sizes = []

    def fail_to_sync(self) -> None:
        if self.safe < len(self.content):
            self.lost.append((self.safe, len(self.content)))
        self.safe = len(self.content)

    def after_power_cut(self, chance: Random) -> bytes:
        sizes = [len(self.disk), *self.sizes]
        last = chance.choice((0, len(sizes) - 1, chance.randrange(len(sizes))))
        size = sizes[last]
        if last and size > sizes[last - 1] and chance.random() < 0.5:
            size = chance.randint(sizes[last - 1], size)
        old = self.disk[:size].ljust(size, b"\0")
        new = bytes(self.content[:size]).ljust(size, b"\0")
        safe = min(self.safe, size)
        result = bytearray(new)
        kind = chance.randrange(5)
        cut = chance.randint(safe, size)
        if kind == 1:
            result[cut:] = old[cut:]
        elif kind == 2:
            result[cut:] = bytes(size - cut)
        elif kind == 3:
            stop = chance.randint(cut, size)
            result[cut:stop] = bytes(stop - cut)
        elif kind == 4:
            result[safe:cut] = old[safe:cut]
        for start, stop in self.lost:
            result[start:stop] = old[start:stop]
        return bytes(result[:size])


class Directory:
    """Names of a directory: what processes see, what the disk has, and the changes between the two."""

    def __init__(self) -> None:
        self.entries: dict[str, Node] = {}
        self.disk: dict[str, Node] = {}
        self.pending: list[dict[str, Node | None]] = []

    def change(self, changes: "dict[str, Node | None]") -> None:
        _apply(self.entries, changes)
        self.pending.append(changes)

    def sync(self) -> None:
        self.disk = dict(self.entries)
        self.pending = []

    def after_power_cut(self, chance: Random) -> "dict[str, Node]":
        """Return the names on disk: each change happened or did not, but none before another of the same name."""
        entries = dict(self.disk)
        likely = chance.choice((0.0, 0.5, 0.9, 1.0))
        missed: set[str] = set()
        for changes in self.pending:
            if missed.isdisjoint(changes) and chance.random() < likely:
                _apply(entries, changes)
            else:
                missed.update(changes)
        return entries


Node = Inode | Directory


def _apply(entries: dict[str, Node], changes: dict[str, Node | None]) -> None:
    for name, node in changes.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


@dataclass
class Operation:
    """One step that the file system takes: what, where, and for an append how much of it is done when it is seen."""

    kind: str
    path: str
    number: int
    part: Callable[[], None] | None = field(default=None, repr=False)


class CrashingFile:
    """An open file."""

    def __init__(self, fs: "CrashingFileSystem", inode: Inode, path: str) -> None:
        self._fs = fs
        self._inode = inode
        self._path = path

    def size(self) -> int:
        return len(self._inode.content)

    def append(self, parts: Sequence[Buffer], size: int) -> None:
        data = b"".join(parts)
        assert len(data) == size
        self._fs.step("append", self._path, short=lambda share: self._inode.append(data[: int(len(data) * share)]))
        self._inode.append(data)

    def read_at(self, position: int, size: int) -> bytes:
        self._fs.look("read", self._path)
        return bytes(self._inode.content[position : position + size])

    def truncate(self, size: int) -> None:
        self._fs.step("truncate", self._path)
        self._inode.truncate(size)

    def sync(self) -> None:
        self._fs.step("sync", self._path, failed=self._inode.fail_to_sync)
        self._inode.sync()

    def fileno(self) -> int:
        raise OSError(errno.ENOTSUP, "a file in memory has no descriptor")


class CrashingFileSystem:
    """See the module."""

    def __init__(self) -> None:
        self.root = Directory()
        self.operations = 0
        self.locked: set[str] = set()
        #: Called before each change, with what is about to be done.
        self.on_operation: Callable[[Operation], None] | None = None
        #: Tells which operation (kind, path, number; reads too) fails, and how.
        self.fault: Callable[[str, str, int], OSError | None] | None = None
        self.attempts = 0
        #: How much of a failing append is written nevertheless.
        self.short_write = 0.5

    # What crashes leave

    def after_kill(self) -> "CrashingFileSystem":
        """Return the file system as the next process finds it; this one is not changed."""
        other = CrashingFileSystem()
        other.root = _copy_directory(self.root, {})
        return other

    def after_power_cut(self, chance: Random) -> "CrashingFileSystem":
        """Return one of the states in which the disk may be after the power was cut."""
        other = CrashingFileSystem()
        other.root = _cut_directory(self.root, chance, {})
        return other

    # Faults and crash points

    def step(
        self,
        kind: str,
        path: str,
        *,
        short: Callable[[float], None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self.operations += 1
        if self.on_operation is not None:
            self.on_operation(Operation(kind, path, self.operations))
        self._fail(kind, path, short, failed)

    def look(self, kind: str, path: str) -> None:
        self._fail(kind, path)

    def _fail(
        self,
        kind: str,
        path: str,
        short: Callable[[float], None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self.attempts += 1
        error = None if self.fault is None else self.fault(kind, path, self.attempts)
        if error is not None:
            if short is not None:
                short(self.short_write)
            if failed is not None:
                failed()
            raise error

    # Names

    def _find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in path.split("/"):
            if name:
                if not isinstance(node, Directory):
                    return None
                node = node.entries.get(name)
        return node

    def _parent(self, path: str) -> tuple[Directory, str]:
        above, _, name = path.rpartition("/")
        parent = self._find(above)
        if not isinstance(parent, Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", above)
        return parent, name

    def _file(self, path: str) -> Inode:
        node = self._find(path)
        if not isinstance(node, Inode):
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return node

    # FileSystem

    def open(self, path: str, *, create: bool = False) -> CrashingFile:
        parent, name = self._parent(path)
        if create and name not in parent.entries:
            self.step("create", path)
            parent.change({name: Inode()})
        else:
            self.look("open", path)
        return CrashingFile(self, self._file(path), path)

    def read(self, path: str) -> bytes:
        self.look("read", path)
        return bytes(self._file(path).content)

    def rewrite(self, path: str, position: int, content: Buffer) -> None:
        self.step("rewrite", path)
        self._file(path).rewrite(position, bytes(content))

    def replace(self, path: str, content: bytes, *, sync: bool = True) -> None:
        parent, name = self._parent(path)
        beside = f"{path}.tmp"
        self.step("create", beside)
        inode = Inode()
        parent.change({f"{name}.tmp": inode})
        file = CrashingFile(self, inode, beside)
        if content:
            file.append((content,), len(content))
        if sync:
            file.sync()
        self.rename(beside, path)
        if sync:
            self.sync_directory(path.rpartition("/")[0])

    def exists(self, path: str) -> bool:
        return self._find(path) is not None

    def list(self, path: str) -> list[str]:
        self.look("list", path)
        node = self._find(path)
        if not isinstance(node, Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        return list(node.entries)

    def make_directory(self, path: str) -> None:
        made = ""
        for name in path.split("/"):
            if not name:
                continue
            parent, _ = self._parent(f"{made}/{name}")
            made = f"{made}/{name}"
            if name not in parent.entries:
                self.step("mkdir", made)
                parent.change({name: Directory()})

    def rename(self, old: str, new: str) -> None:
        parent, name = self._parent(old)
        other, new_name = self._parent(new)
        self.step("rename", old)
        if name not in parent.entries:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        node = parent.entries[name]
        if other is parent:
            parent.change({name: None, new_name: node})
        else:  # two directories, of which a power cut may keep either change
            parent.change({name: None})
            other.change({new_name: node})

    def link(self, old: str, new: str) -> None:
        parent, name = self._parent(new)
        assert name not in parent.entries
        self.step("link", new)
        parent.change({name: self._file(old)})

    def clone(self, old: str, new: str) -> bool:
        self.copy(old, new)
        return True

    def copy(self, old: str, new: str) -> None:
        content = self.read(old)
        file = self.open(new, create=True)
        if content:
            file.append((content,), len(content))

    def remove(self, path: str) -> None:
        parent, name = self._parent(path)
        if name in parent.entries:
            self.step("remove", path)
            parent.change({name: None})

    def remove_directory(self, path: str) -> None:
        node = self._find(path)
        if not isinstance(node, Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        for name, child in list(node.entries.items()):
            if isinstance(child, Directory):
                self.remove_directory(f"{path}/{name}")
            else:
                self.remove(f"{path}/{name}")
        parent, name = self._parent(path)
        self.step("rmdir", path)
        parent.change({name: None})

    def sync_directory(self, path: str) -> None:
        node = self._find(path or "/")
        if not isinstance(node, Directory):
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        self.step("sync directory", path)
        node.sync()

    def sync_all(self, path: str) -> None:
        raise OSError(errno.ENOTSUP, "files are synced one by one", path)

    def lock(self, path: str) -> "CrashingLock | None":
        if path in self.locked:
            return None
        self.locked.add(path)
        return CrashingLock(self, path)


class CrashingLock:
    """A lock on a name, which a crash gives up."""

    def __init__(self, fs: CrashingFileSystem, path: str) -> None:
        self._fs = fs
        self._path = path

    def release(self) -> None:
        self._fs.locked.discard(self._path)


def _copy_inode(inode: Inode) -> Inode:
    copy = Inode(bytes(inode.content), inode.disk)
    copy.safe, copy.sizes, copy.lost = inode.safe, list(inode.sizes), list(inode.lost)
    return copy


def _copy(node: Node, copies: dict[int, Node]) -> Node:
    copy = copies.get(id(node))
    if copy is None:
        copy = _copy_inode(node) if isinstance(node, Inode) else _copy_directory(node, copies)
        copies[id(node)] = copy
    return copy


def _copy_directory(directory: Directory, copies: dict[int, Node]) -> Directory:
    copy = Directory()
    copy.entries = {name: _copy(node, copies) for name, node in directory.entries.items()}
    copy.disk = {name: _copy(node, copies) for name, node in directory.disk.items()}
    copy.pending = [
        {name: None if node is None else _copy(node, copies) for name, node in changes.items()}
        for changes in directory.pending
    ]
    return copy


def _cut_directory(directory: Directory, chance: Random, cut: dict[int, Node]) -> Directory:
    result = Directory()
    for name, node in directory.after_power_cut(chance).items():
        after = cut.get(id(node))
        if after is None:
            if isinstance(node, Directory):
                after = _cut_directory(node, chance, cut)
            else:
                content = node.after_power_cut(chance)
                after = Inode(content, content)
                after.safe = len(content)
            cut[id(node)] = after
        result.entries[name] = result.disk[name] = after
    return result
