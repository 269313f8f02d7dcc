"""export: a model in a form that other programs can use."""

from argparse import ArgumentParser, Namespace

from condvae.cli.options import Command, add_out, add_run
from condvae.errors import ConfigError, require_extra

ONNX, PAGE = "onnx", "page"
FORMS = (ONNX, "torch", PAGE)
PIXELS = PRECISION = "float32"


def _export_options(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "--to", required=True, choices=FORMS, help="onnx, torch for torch.export programs (.pt2), or page"
    )
    add_out(parser, "a new folder or, for onnx, a file ending in .onnx for all graphs in one", required=True)
    pixels = "type of images: float32 from 0 to 1, or uint8 from 0 to 255 (default: %(default)s)"
    parser.add_argument("--pixels", default=PIXELS, metavar="TYPE", help=pixels)
    precision = "float32, float16 or int8 (default: %(default)s); only for onnx"
    parser.add_argument("--precision", default=PRECISION, metavar="TYPE", help=precision)
    parser.add_argument("--license", metavar="NAME", help="licence of the weights, to be written into the files")


def export(arguments: Namespace) -> None:
    """Export a model to ONNX, to programs of torch.export, or as a web page that needs no server.

    The graphs are decode (latent vectors to images), encode (images to latent vectors) and, if the run was evaluated,
    draw (noise to images, with latent vectors from the mixture). If the model has conditions, there are also condition
    (conditions to condition vectors) and blend (latent vectors and condition vectors to images). Batch sizes are
    dynamic, and each condition is an input. The exported graphs are run and compared with the model, and are only kept
    if they agree. A reduced --precision is measured instead.

    With --to page, the command writes the explorer as a folder for any static web server. The browser runs the graphs.

    Example: condvae export runs/photos --to onnx --out photos.onnx
    """
    if arguments.to != ONNX and (arguments.precision != PRECISION or arguments.license):
        raise ConfigError("--precision and --license are only for --to onnx. Leave them out.")
    if arguments.to == PAGE:
        _export_page(arguments)
        return
    if arguments.to == ONNX:
        require_extra("onnx", "Exporting to ONNX")
        from condvae.export.onnx import export_onnx

        names = {"pixels": arguments.pixels, "precision": arguments.precision, "licence": arguments.license}
        exported = export_onnx(arguments.run_folder, arguments.out, **names)
    else:
        from condvae.export.programs import export_programs

        exported = export_programs(arguments.run_folder, arguments.out, pixels=arguments.pixels)
    for name, difference in exported.differences.items():
        print(f"{name}: differs from the model by {difference.largest:.2g} at most, {difference.mean:.2g} on average")
    if exported.obeyed:
        before, after = exported.obeyed
        print(f"Labels obeyed, z from the prior: {before:.1%} before, {after:.1%} after")
    for path in exported.files:
        print(f"Written: {path}")


def _export_page(arguments: Namespace) -> None:
    if arguments.pixels != PIXELS:
        raise ConfigError("--pixels is only for --to onnx and --to torch. Leave it out.")
    require_extra("onnx", "Exporting a page")
    from condvae.explorer.offline.folder import export_page

    out = export_page(arguments.run_folder, arguments.out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"Written: {out} ({size / 1e6:.1f} MB). To see it: python -m http.server --directory {out}")


COMMANDS = (Command("export", _export_options, export, extras=("report",)),)
