"""push: a run on the Hugging Face Hub."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from condvae.cli.options import Command, add_run
from condvae.errors import ConfigError, require_extra

if TYPE_CHECKING:
    from condvae.export.hub import Pushed


def _push_options(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("name", metavar="USER/NAME", help="the repository, which is made if there is none")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument(
        "--license", metavar="NAME", help="licence of the weights, such as mit (default: none is named)"
    )
    parser.add_argument("--checkpoint", action="store_true", help="push Lightning's checkpoint, too")
    parser.add_argument("--space", action="store_true", help="push the explorer as a Space, instead of the model")
    parser.add_argument("--dry-run", action="store_true", help="show the files and the card, and send nothing")


def push(arguments: Namespace) -> None:
    """Push a finished run to the Hugging Face Hub, with a model card made from it.

    Only what belongs to the finished model is pushed. Paths of this machine are shortened to their last part. All files
    come in one commit, so an interrupted push changes no file. hf://USER/NAME then stands for the model wherever a run
    folder is taken. With --space, the page of the explorer is pushed, as condvae export --to page writes it. You must
    be logged in with 'hf auth login', or have a token in HF_TOKEN.

    Example: condvae push runs/photos me/photos --license cc-by-4.0 --dry-run
    """
    from condvae.export.hub import push as push_run

    chosen = {"private": arguments.private, "licence": arguments.license, "dry_run": arguments.dry_run}
    if arguments.space:
        pushed = _push_space(arguments, chosen)
    else:
        pushed = push_run(arguments.run_folder, arguments.name, checkpoint=arguments.checkpoint, **chosen)
    if pushed.address is None:
        print(pushed.card)
    for name, size in pushed.files.items():
        print(f"{size:>12,} bytes  {name}")
    print("Nothing was sent." if pushed.address is None else f"Pushed: {pushed.address}")


def _push_space(arguments: Namespace, chosen: dict[str, Any]) -> "Pushed":
    """Export the page into a folder of its own, and push it."""
    if arguments.checkpoint:
        raise ConfigError("--checkpoint is not for --space, which has a page and no run. Leave it out.")
    require_extra("onnx", "Pushing a Space")
    require_extra("explorer", "Pushing a Space")
    from condvae.explorer.offline.folder import export_page
    from condvae.export.hub import push_space, repository_of

    name = repository_of(arguments.name)
    with TemporaryDirectory() as folder:
        page = export_page(arguments.run_folder, Path(folder) / "page")
        return push_space(page, name, name.partition("/")[2], **chosen)


COMMANDS = (Command("push", _push_options, push, extras=("hub", "report")),)
