"""explore: the app and its HTTP interface."""

import os
from argparse import ArgumentParser, Namespace

from condvae.cli.options import Command, add_device


def _options(parser: ArgumentParser) -> None:
    from condvae.explorer.options import Options
    from condvae.run import PRETRAINED

    usual = Options()
    parser.add_argument(
        "run_folder",
        nargs="?",
        default=PRETRAINED,
        metavar="RUN",
        help="folder of a finished run, hf://USER/NAME, or an exported ONNX file (default: %(default)s, the model that "
        "ships with condvae)",
    )
    parser.add_argument("--host", default=usual.host, help="address to listen on (default: %(default)s, this machine)")
    parser.add_argument("--port", type=int, default=usual.port, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        help="user and password that every request must give (default: $CONDVAE_AUTH, or none)",
    )
    parser.add_argument(
        "--origin",
        nargs="+",
        default=usual.origin,
        metavar="URL",
        help="other sites whose pages may use the HTTP interface (default: none)",
    )
    parser.add_argument(
        "--max-images",
        type=int,
        default=usual.max_images,
        help="largest number of images in one answer (default: %(default)s)",
    )
    parser.add_argument(
        "--max-megabytes",
        type=float,
        default=usual.max_megabytes,
        help="largest size of one request (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=usual.workers,
        help="number of processes that serve, each with the model in its own memory (default: %(default)s)",
    )
    add_device(parser)


def explore(arguments: Namespace) -> None:
    """Explore a model on a page in the browser, and by HTTP.

    The page generates, maps, compares, restyles and animates images, and shows the evidence.

    Example: condvae explore runs/paper
    """
    from condvae.explorer.options import Options

    auth = os.environ.get("CONDVAE_AUTH", "") if arguments.auth is None else arguments.auth
    limits = arguments.max_images, arguments.max_megabytes, arguments.workers
    options = Options(arguments.host, arguments.port, auth, tuple(arguments.origin), *limits)

    if options.workers > 1:
        from condvae.explorer.opening import require_model
        from condvae.explorer.workers import Opening, serve_with_workers

        require_model(arguments.run_folder, arguments.device)
        with options.listen() as listener:
            serve_with_workers(Opening(arguments.run_folder, arguments.device, options), listener)
        return
    from condvae.explorer.opening import opened

    session = opened(arguments.run_folder, arguments.device, options.max_images)
    with options.listen() as listener:
        from condvae.explorer.server import serve

        serve(session, options, listener)


COMMANDS = (Command("explore", _options, explore, extras=("explorer",)),)
