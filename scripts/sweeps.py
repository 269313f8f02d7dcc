"""The trainings of other scripts as one sweep, on this machine or on a cluster."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

import yaml

from condvae.cli.options import add_address
from condvae.cluster.plan import RECIPE, SEED, Plan
from condvae.cluster.record import FINISHED, PLAN, error_of
from condvae.cluster.sweep import resume_sweep, sweep
from condvae.cluster.table import live
from condvae.config import Config
from condvae.recipe import with_settings
from condvae.run import Run
from condvae.storage.files import write_text


def arguments(description: str | None, argv: Sequence[str]) -> Namespace:
    """The options of a script: names of what is measured, and --address of a cluster."""
    parser = ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what is measured (default: all)")
    add_address(parser)
    return parser.parse_args(argv)


def trained(
    configs: Mapping[str, Config], seeds: int, folder: Path, after: Sequence[str] = (), address: str | None = None
) -> dict[tuple[str, int], Run]:
    """Train each of some settings with each seed. What an earlier call finished, or had begun, is not begun again.

    Args:
        configs: settings by a name for each. Their seed does not count.
        seeds: the number of seeds, from 0.
        folder: where the folders of sweeps lie, one for each list of settings.
        after: commands for each finished run, as in the file of a sweep.
        address: of a Ray cluster. None for this machine.

    Returns:
        The finished run of each name and seed.

    Raises:
        SystemExit: a training failed. The message says why.
    """
    found = finished(configs, seeds, folder)
    left = {name: one for name, one in configs.items() if any((name, seed) not in found for seed in range(seeds))}
    return {**_swept(left, seeds, folder, after, address), **found} if left else found


def finished(configs: Mapping[str, Config], seeds: int, folder: Path) -> dict[tuple[str, int], Run]:
    """The finished runs of some settings in all sweeps of a folder."""
    runs = [Run(path.parent) for path in sorted(folder.glob("*/*/config.yaml"))]
    known = [(run.config(), run) for run in runs if run.is_finished]
    wanted = {
        (name, seed): with_settings(config, {SEED: seed}) for name, config in configs.items() for seed in range(seeds)
    }
    return {key: run for key, config in wanted.items() for one, run in known if one == config}


def _swept(
    configs: Mapping[str, Config], seeds: int, folder: Path, after: Sequence[str], address: str | None
) -> dict[tuple[str, int], Run]:
    """Train settings of which no run is finished."""
    texts = {name: yaml.safe_dump(config.to_dict()) for name, config in configs.items()}
    digest = sha256(json.dumps([texts, seeds, list(after)], sort_keys=True).encode()).hexdigest()[:12]
    out, recipes = (folder / digest).absolute(), (folder / f"{digest}-recipes").absolute()
    for name, text in texts.items():
        write_text(recipes / f"{name}.yaml", text)
    plan = Plan(grid={RECIPE: [str(recipes / f"{name}.yaml") for name in texts]}, seeds=seeds, after=tuple(after))
    with live(out):
        found = resume_sweep(out, address) if (out / PLAN).is_file() else sweep(plan, out, address)
    failed = [f"{one.name}: {error_of(out / one.name)}" for one in found.trials() if one.state != FINISHED]
    if failed:
        aside = out.rename(out.with_name(f"{out.name}-failed-{token_hex(3)}"))  # a sweep does not try them again
        raise SystemExit("\n".join([*failed, f"See {aside}. Fix this and run the command again."]))
    return {(Path(one.settings[RECIPE]).stem, int(one.settings[SEED])): found.run(one) for one in found.trials()}
