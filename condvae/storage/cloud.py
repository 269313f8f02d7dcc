"""Object storage, with obstore: Amazon S3 and what has its interface, Google Cloud Storage, and Azure.

Credentials, regions and the address of a server come from the environment, as with the tools of the providers, such as
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT. obstore repeats a request that fails, for at most
three minutes.
"""

import io
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar

from condvae.errors import InputError, StorageError, require_extra
from condvae.storage.connection import asked, store
from condvae.storage.files import replacing
from condvae.storage.place import Entries, Place

READ_AHEAD = 1 << 20  # bytes
HAVE_PARTS: set[str] = set()  # buckets whose server gives parts of objects, as far as this process knows


@dataclass(frozen=True)
class CloudPlace(Place):
    """An object, or a folder of objects, which is the beginning of their names.

    Attributes:
        bucket: its address, such as s3://photos.
        key: the name of the object in it, without a slash at the beginning and at the end.
    """

    bucket: str
    key: str
    at_once: ClassVar[int] = 32  # requests wait for an answer most of the time

    @classmethod
    def at(cls, address: str) -> "CloudPlace":
        """The place of an address, such as s3://photos/cats.

        Raises:
            InputError: it has no bucket.
            MissingExtraError: obstore is not installed.
        """
        require_extra("cloud", "Object storage")
        scheme, _, rest = address.partition("://")
        bucket, _, key = rest.partition("/")
        if not bucket:
            raise InputError(f"{address} names no bucket. Write {scheme}://BUCKET/NAME.")
        if not re.fullmatch(r"[\w.-]+", bucket) or {"", ".", ".."} & set(key.strip("/").split("/")[:-1]):
            raise InputError(
                f"{address} cannot be the address of an object: a bucket has letters, numbers, points and hyphens, and "
                "no part of a name is empty, . or .. Correct it."
            )
        return cls(f"{scheme}://{bucket}", key.strip("/"))

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> "CloudPlace":
        return CloudPlace(self.bucket, self.key.rpartition("/")[0])

    def __truediv__(self, name: str) -> "CloudPlace":
        return CloudPlace(self.bucket, f"{self.key}/{name}".strip("/"))

    def is_file(self) -> bool:
        return bool(self.key) and self._found() is not None

    def size(self) -> int:
        """The bytes of an object.

        Raises:
            FileNotFoundError: it is not there.
        """
        found = self._found()
        if found is None:
            raise FileNotFoundError(f"there is no {self}")
        return int(found["size"])

    def is_folder(self) -> bool:
        return any(self.entries())

    def entries(self) -> Entries:
        import obstore

        with asked(self, self.bucket):
            found = obstore.list_with_delimiter(store(self.bucket), self.key or None)
        folders = {one.rpartition("/")[2] for one in found["common_prefixes"]}
        objects = [one["path"].rpartition("/")[2] for one in found["objects"] if one["path"] != self.key]
        return Entries(sorted(folders), sorted(name for name in objects if name not in folders))

    def stamp(self) -> str:
        """A text that differs if the object was changed."""
        return _stamp(self._found())

    def stamps(self) -> dict[str, str]:
        """The stamps of all objects of a folder, at any depth, by their names below it."""
        import obstore

        start = len(self.key) + 1 if self.key else 0
        found: dict[str, str] = {}
        with asked(self, self.bucket):
            for some in obstore.list(store(self.bucket), self.key or None):
                found |= {one["path"][start:]: _stamp(one) for one in some}
        # The consoles of providers mark a folder with an empty object, whose name obstore gives without its slash.
        folders = {str(parent) for name in found for parent in PurePosixPath(name).parents}
        return {name: stamp for name, stamp in found.items() if name and name not in folders}

    def require_empty(self) -> None:
        if self.is_file() or self.is_folder():
            raise StorageError(
                f"{self} exists and is not empty. condvae does not overwrite files that it may not have written. "
                "Choose another --out."
            )

    def open(self) -> BinaryIO:
        import obstore

        if self.size() <= READ_AHEAD or not self._has_parts():
            return io.BytesIO(self.read())
        with asked(self, self.bucket):
            reader = obstore.open_reader(store(self.bucket), self.key, buffer_size=READ_AHEAD)
        return io.BufferedReader(_Raw(self, reader), READ_AHEAD)

    def read(self) -> bytes:
        import obstore

        with asked(self, self.bucket):
            return bytes(obstore.get(store(self.bucket), self.key).bytes())

    def fetch(self, path: Path) -> None:
        """Write the object to a file of this machine, a piece at a time.

        Raises:
            StorageError: the object cannot be read, or the file cannot be written.
        """
        import obstore

        with asked(self, self.bucket, writing=True):
            pieces = iter(obstore.get(store(self.bucket), self.key))
        with replacing(path) as aside, aside.open("wb") as file:
            while True:
                with asked(self, self.bucket, writing=True):
                    piece = next(pieces, None)
                if piece is None:
                    break
                file.write(piece)

    def write(self, content: bytes) -> None:
        import obstore

        with asked(self, self.bucket, writing=True):
            obstore.put(store(self.bucket), self.key, content)

    def create(self, content: bytes) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError

        try:
            with asked(self, self.bucket, GenericError, writing=True):
                obstore.put(store(self.bucket), self.key, content, mode="create")
        except AlreadyExistsError:
            return
        except GenericError:
            # The server did not answer, and may have written it or not. obstore repeats only what replaces an object.
            # Whoever else writes this one writes the same.
            if not self.is_file():
                self.write(content)

    def create_all(self, files: Mapping[str, bytes]) -> None:
        *others, last = files
        with ThreadPoolExecutor(self.at_once) as threads:
            for _ in threads.map(lambda name: (self / name).create(files[name]), others):
                pass
        (self / last).create(files[last])

    def remove(self) -> None:
        import obstore

        with asked(self, self.bucket, writing=True):
            obstore.delete(store(self.bucket), self.key)

    def _has_parts(self) -> bool:
        """Whether the server gives a part of an object. Some give all of it."""
        import obstore
        from obstore.exceptions import GenericError

        if self.bucket not in HAVE_PARTS:
            try:
                with asked(self, self.bucket, GenericError):
                    obstore.get_range(store(self.bucket), self.key, start=0, length=1)
            except GenericError:
                return False
            HAVE_PARTS.add(self.bucket)
        return True

    def _found(self) -> Any:
        """What the server knows of an object. None if it is not there."""
        import obstore

        try:
            with asked(self, self.bucket):
                return obstore.head(store(self.bucket), self.key)
        except FileNotFoundError:
            return None


def _stamp(found: Any) -> str:
    return f"{found['size']} {found['e_tag'] or found['last_modified']}"


class _Raw(io.RawIOBase):
    """An object whose parts are read when they are needed."""

    def __init__(self, place: CloudPlace, reader: Any) -> None:
        self.place, self.reader = place, reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self.reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self.reader.tell())

    def readinto(self, buffer: Any) -> int:
        with asked(self.place, self.place.bucket):
            content = memoryview(self.reader.read(len(buffer)))
        buffer[: len(content)] = content
        return len(content)
