"""A run becomes a repository on the Hugging Face Hub."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import yaml

from condvae.errors import ConfigError, RunError, require_extra
from condvae.evaluation.evaluate import load_evaluation
from condvae.evaluation.study import Study
from condvae.export.card import Card, pictured, written
from condvae.hub import FILES, parse, reason
from condvae.inference.mixture import mixture_if_any
from condvae.progress import announce
from condvae.run import Run
from condvae.storage.files import remove_if_there

CARD, PICTURE = "README.md", "samples.png"
SETTINGS = ("config.yaml", "model.json", "data.json")  # files in which paths of the machine may stand
SPACE = "The explorer of a conditional variational autoencoder, which your browser runs. Made with condvae."
NAMES = ("schema", "class_names")  # settings that hold names, and no paths
PLACE = re.compile(r"([\w-]+:)?((?:/|~|\\\\|[A-Za-z]:[/\\])\S.*)", re.DOTALL)


class Pushed(NamedTuple):
    """What a push did, or would do.

    Attributes:
        files: the size of each file in bytes, by name.
        card: the text of the model card.
        address: where the model is on the web. None if nothing was sent.
    """

    files: dict[str, int]
    card: str
    address: str | None


def push(
    run: Run | Path | str,
    name: str,
    *,
    private: bool = False,
    licence: str | None = None,
    checkpoint: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Push a finished run to a model repository on the Hugging Face Hub, with a model card made from it.

    All files come in one commit, so an interrupted push changes no file. Paths of this machine are shortened to their
    last part.

    Args:
        run: a finished run, or its folder.
        name: USER/NAME of the repository. It is made if there is none.
        private: whether a new repository is private.
        licence: the identifier of the licence of the weights on the Hub, such as mit or cc-by-4.0.
        checkpoint: whether to push Lightning's checkpoint, from which training can be resumed, too.
        dry_run: whether to make the files and the card, and send nothing.

    Raises:
        ConfigError: the name has another form.
        MissingExtraError: huggingface_hub is not installed.
        RunError: the run is unfinished or damaged, there is no token, or the Hub refuses the push or is not reachable.
    """
    require_extra("hub", "Pushing to the Hub")
    name = repository_of(name)
    with staged(Run.find(run), name, licence, checkpoint) as folder:
        replaced = [*FILES, PICTURE, Run(folder).checkpoint.name]
        return _pushed(folder, name, "model", replaced, private, dry_run)


def push_space(
    page: Path, name: str, title: str, *, private: bool = False, licence: str | None = None, dry_run: bool = False
) -> Pushed:
    """Push a page without a server, which `condvae export --to page` wrote, to a Space on the Hugging Face Hub.

    Args:
        page: the folder of the page. Its README.md, which the Hub asks for, is written into it.
        name: USER/NAME of the Space. It is made if there is none.
        title: what the Space is called.
        private: whether a new Space is private.
        licence: the identifier of the licence of the weights on the Hub.
        dry_run: whether to send nothing.

    Raises:
        ConfigError, MissingExtraError, RunError: as `push`.
    """
    require_extra("hub", "Pushing to the Hub")
    about = {"title": title, "sdk": "static", "tags": ["condvae"]} | ({"license": licence} if licence else {})
    head = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    (page / CARD).write_text(f"---\n{head}---\n\n{SPACE}\n", "utf-8")
    return _pushed(page, repository_of(name), "space", ["*"], private, dry_run)


def repository_of(name: str) -> str:
    """USER/NAME, from USER/NAME or hf://USER/NAME.

    Raises:
        ConfigError: the name has another form, or names a revision.
    """
    name = name.removeprefix("hf://")
    try:
        address = parse(f"hf://{name}")
    except ConfigError as error:
        raise ConfigError(f"'{name}' cannot be the name of a repository on the Hub. Push to USER/NAME.") from error
    if address.revision:
        raise ConfigError(f"'{name}' names a revision. Push to USER/NAME.")
    return name


@contextmanager
def staged(run: Run, name: str, licence: str | None, checkpoint: bool) -> Iterator[Path]:
    """A folder with what is pushed of a run.

    Raises:
        RunError: the run is unfinished or damaged.
    """
    run.describe()  # it is finished
    chosen = [run.path / file for file in FILES] + ([run.checkpoint] if checkpoint else [])
    if checkpoint and not run.checkpoint.is_file():
        raise RunError(f"{run.path} has no checkpoint {run.checkpoint.name}. Push without --checkpoint.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in chosen:
            if path.name in SETTINGS and path.is_file():
                (folder / path.name).write_text(_shared(path), "utf-8")
            elif path.is_file():
                shutil.copyfile(path, folder / path.name)
        study = Study(Run(folder))
        remove_of_others(study)
        (folder / PICTURE).write_bytes(pictured(study.model))
        (folder / CARD).write_text(written(Card(name, licence, PICTURE), study), "utf-8")
        yield folder


def remove_of_others(study: Study) -> None:
    """Delete the evaluation and the mixture of a run if they are of other weights, or of another version."""
    run = study.run
    if not load_evaluation(study).parts:
        remove_if_there(run.evaluation)
    try:
        mixture_if_any(run)
    except RunError:
        remove_if_there(run.mixture)


def without_places(value: Any) -> Any:
    """Settings in which each absolute path is shortened to its last part: folder:/home/me/photos to folder:photos."""
    if isinstance(value, dict):
        return {key: one if key in NAMES else without_places(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_places(one) for one in value]
    found = PLACE.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1] or ''}{PurePath(found[2].replace(chr(92), '/')).name}" if found else value


def _shared(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return json.dumps(without_places(json.loads(text)), indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(without_places(yaml.safe_load(text)), sort_keys=False)


def _pushed(folder: Path, name: str, kind: str, replaced: list[str], private: bool, dry_run: bool) -> Pushed:
    """Push a folder to a repository.

    Args:
        folder: what is pushed.
        name: USER/NAME.
        kind: "model", or "space" for a static page.
        replaced: patterns of the files of an earlier push, which are deleted if they are not in the folder.
        private: whether a new repository is private.
        dry_run: whether to send nothing.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    card = (folder / CARD).read_text("utf-8")
    return Pushed(files, card, None if dry_run else _sent(folder, name, kind, replaced, private))


def _sent(folder: Path, name: str, kind: str, replaced: list[str], private: bool) -> str:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    announce(f"Pushing to {name}")
    try:
        hub = HfApi()
        sdk = "static" if kind == "space" else None
        address = hub.create_repo(name, private=private, exist_ok=True, repo_type=kind, space_sdk=sdk)
        hub.upload_folder(
            repo_id=name,
            folder_path=folder,
            repo_type=kind,
            commit_message=f"Push a {kind} with condvae",
            delete_patterns=replaced,
        )
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            raise RunError(
                f"The Hub refuses to write to {name}. Log in with 'hf auth login', or set HF_TOKEN to a token that may "
                "write there."
            ) from error
        raise RunError(
            f"The Hub did not take {name}: {reason(error)}. No file was changed. Run the command again."
        ) from error
    except ValueError as error:  # the Hub refuses the metadata of the card
        raise RunError(
            f"The Hub did not take the card: {' '.join(str(error).split())}. No file was changed. Check --license."
        ) from error
    except (httpx2.TransportError, OfflineModeIsEnabled, RuntimeError) as error:  # the last of a broken upload
        raise RunError(
            f"The Hub is not reachable ({error}). No file was changed. Check the connection and run the command again."
        ) from error
    return str(address)
