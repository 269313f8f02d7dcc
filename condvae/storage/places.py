"""The place of an address, on this machine or in object storage."""

from pathlib import Path

from condvae.errors import InputError
from condvae.storage.local import LocalPlace
from condvae.storage.place import Place

SCHEMES = ("s3", "gs", "az")  # of object storage, before ://


def place(address: Place | Path | str) -> Place:
    """The place of an address: a path, or s3://BUCKET/..., gs://BUCKET/... or az://CONTAINER/... in object storage.

    Raises:
        InputError: it has another scheme, or no bucket.
        MissingExtraError: it is in object storage, and obstore is not installed.
    """
    if isinstance(address, Place):
        return address
    if not is_cloud(address):
        return LocalPlace(Path(address).expanduser())
    from condvae.storage.cloud import CloudPlace

    return CloudPlace.at(str(address))


def is_cloud(address: Path | str) -> bool:
    """Whether an address is one of object storage.

    Raises:
        InputError: it has a scheme that is not known.
    """
    scheme, colon, _ = str(address).partition("://")
    if isinstance(address, Path) or not colon:
        return False
    if scheme not in SCHEMES:
        raise InputError(
            f"{address} cannot be used. Write a path, or an address that begins with "
            f"{', '.join(f'{one}://' for one in SCHEMES)}."
        )
    return True
