"""Take images of a data directory whose logs are open, and make ready to go back to one."""

from typing import Final

from kafkalite_storage import exchange
from kafkalite_storage.checkpoints import (
    CLEAN_SHUTDOWN,
    LOG_START_OFFSETS,
    RECOVERY_POINTS,
    encode_clean_shutdown,
    encode_offsets,
)
from kafkalite_storage.data_directory import DataDirectory
from kafkalite_storage.directory_image import KEPT_FILES, DirectoryImage
from kafkalite_storage.errors import storage_failures
from kafkalite_storage.filesystem import FileSystem
from kafkalite_storage.images import SNAPSHOTS, Mark, PartitionImage
from kafkalite_storage.log_image import write_new
from kafkalite_storage.metadata_log import MetadataLog
from kafkalite_storage.partition_directories import partition_name
from kafkalite_storage.partition_logs import PartitionLogs
from kafkalite_storage.topics import METADATA_TOPIC

METADATA_PARTITION: Final = partition_name(METADATA_TOPIC, 0)


def fork_directory(image: DirectoryImage, path: str) -> DataDirectory:
    """Make and own a data directory that begins with what an image holds, on the same file system.

    Partitions get their directories when they are first used, also when the image itself has been removed meanwhile; so
    nobody else can open it. Raises StorageError.
    """
    with storage_failures(path):
        image.clone_files(path)
        image.clone_partition(METADATA_PARTITION, path)
        directory = DataDirectory(image.filesystem, path)
        directory.images.put_in_place(image.partitions)
        return directory


class DirectoryImaging:
    """The images of one data directory for as long as its logs are open. Raises StorageError."""

    def __init__(
        self, fs: FileSystem, directory: DataDirectory, partitions: PartitionLogs, metadata: MetadataLog
    ) -> None:
        self._fs = fs
        self._path = directory.path
        self._images = directory.images
        self._partitions = partitions
        self._metadata = metadata

    def take(self, name: str) -> DirectoryImage:
        """Make an image of all that is kept now; see `Storage.take_image`."""
        fs, path = self._fs, f"{self._path}/{SNAPSHOTS}/{name}"
        taken = self._partitions.take_images()
        with storage_failures(path):
            taken.images[METADATA_PARTITION] = self._image_of_metadata()
            image = DirectoryImage(fs, path, taken.images, self._images)
        try:
            with storage_failures(path):
                fs.make_directory(path)
                for file in KEPT_FILES:
                    if fs.exists(f"{self._path}/{file}"):
                        fs.link(f"{self._path}/{file}", f"{path}/{file}")
                write_new(fs, f"{path}/{RECOVERY_POINTS}", encode_offsets(taken.ends))
                write_new(fs, f"{path}/{LOG_START_OFFSETS}", encode_offsets(taken.starts))
                write_new(fs, f"{path}/{CLEAN_SHUTDOWN}", encode_clean_shutdown(-1))
        except BaseException:
            image.remove()
            raise
        return image

    def _image_of_metadata(self) -> PartitionImage:
        log, images = self._metadata.log, self._images

        def write(path: str) -> Mark:
            log.write_image(path)
            return log.mark()

        return images.current(METADATA_PARTITION, log.mark()) or images.make(METADATA_PARTITION, write)

    def prepare_exchange(self, image: DirectoryImage) -> None:
        """Make ready to put an image into the place of what is kept; partitions that are as in it stay."""
        logs = {partition_name(*key): log for key, log in self._partitions.opened.items()}
        logs[METADATA_PARTITION] = self._metadata.log
        staying: list[str] = []
        for name, partition in image.partitions.items():
            log = logs.get(name)
            if self._images.current(name, None if log is None else log.mark()) is partition:
                staying.append(name)
                if log is not None:
                    log.save_state()
        exchange.prepare(image, self._path, staying)

    def complete_exchange(self, image: DirectoryImage) -> None:
        """Make the exchange that was prepared, now that nothing is open any more; raises OSError."""
        exchange.exchange(self._fs, self._path)
        self._images.put_in_place(image.partitions)
