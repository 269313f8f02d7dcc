"""The connection to object storage, and what its errors mean."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from typing import Any

from condvae.errors import InputError, StorageError

OPTIONS: dict[str, Any] = {"client_options": {"allow_http": True}}
NO_BUCKET = "NoSuchBucket|NoSuchContainer|ContainerNotFound|The specified bucket does not exist"
NO_ACCESS = "status code: 40[13]|AccessDenied|PermissionDenied|Unauthenticated|TimeTooSkewed"
NO_CREDENTIALS = r"169\.254\.169\.254|metadata\.google"  # where a rented machine would learn its credentials


@cache
def store(bucket: str) -> Any:
    """The connection to a bucket, one for each process."""
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL"):
        if not os.environ.get(name, "http://").startswith(("http://", "https://")):
            raise InputError(f"{name} must begin with http:// or https://, got {os.environ[name]}.")
    try:
        return from_url(bucket, **OPTIONS)
    except BaseError as error:
        raise StorageError(
            f"The environment has no settings with which {bucket} can be reached: {_reason(str(error))}. Correct the "
            "variables of its provider."
        ) from error


@contextmanager
def asked(place: object, bucket: str, *kept: type[Exception], writing: bool = False) -> Iterator[None]:
    """Inside, what goes wrong with a request becomes a StorageError.

    Args:
        place: what is asked for.
        bucket: where it is.
        kept: errors of obstore that stay as they are, unless credentials or the bucket are the cause.
        writing: whether an object that is not there is wrong, too.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        text = str(error)
        problem = _problem(place, bucket, text)
        if not problem and (isinstance(error, kept) or (isinstance(error, FileNotFoundError) and not writing)):
            raise
        raise StorageError(
            problem or f"{place} cannot be reached: {_reason(text)}. Run the command again later."
        ) from error


def _problem(place: object, bucket: str, text: str) -> str:
    """What a user can mend, by the text of an error. Empty if it is something else."""
    code = "".join(re.findall(r"<Code>(\w+)</Code>", text)[:1])
    if re.search(NO_BUCKET, text):
        return f"There is no {bucket}. Check the address, or make the bucket first."
    if re.search(NO_CREDENTIALS, text):
        return (
            f"There are no credentials for {bucket}. Set those of its provider in the environment of each "
            "machine that reaches it, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if re.search(NO_ACCESS, text):
        return (
            f"The server refuses access to {place}{f' ({code})' if code else ''}. Check the credentials in the "
            "environment, what they allow, and the clock of this machine."
        )
    return ""


def _reason(text: str) -> str:
    """What an error says, without its parts for developers of obstore and without XML."""
    head = text.partition("\n\n")[0]
    said = ": ".join(re.findall(r"<(?:Code|Message)>([^<]*)</", head))
    return unescape(said or head.partition("<?xml")[0].strip(" :."))
