"""data check: what may be wrong with a data set."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from condvae.cli.options import Command, add_out, add_source, source_of

if TYPE_CHECKING:
    from condvae.data.check import Check

LISTED = 10  # cases of a finding that are printed


def _options(parser: ArgumentParser) -> None:
    add_source(parser, is_split=False)
    add_out(parser, "HTML file with pictures, such as check.html (default: text only)")


def check(arguments: Namespace) -> None:
    """Look for damaged pictures, duplicates, contradicting labels and classes with few images.

    The exit status is 1 if something is wrong.

    Example: condvae data check folder:photos --out check.html
    """
    from condvae.data.check import check
    from condvae.data.sources import open_source
    from condvae.errors import DataError

    options = source_of(arguments)
    found = check(open_source(options.source), options)
    _print(found)
    if arguments.out:
        from condvae.report.check import write_check

        write_check(found, arguments.out)
        print(f"With pictures: {arguments.out}")
    if found.wrong:
        findings = "1 finding is" if found.wrong == 1 else f"{found.wrong} findings are"
        raise DataError(f"{findings} wrong with {found.source}. What to do is said with each of them.")
    print("Nothing is wrong.")


def _print(found: "Check") -> None:
    classes = "1 class" if len(found.classes) == 1 else f"{len(found.classes):,} classes"
    print(f"{found.source}: {len(found.labels):,} images in {classes}")
    if found.unlabelled:
        print(f"without a label: {found.unlabelled:,}")
    for title, counted in (("height x width", found.sizes), ("pixels", found.modes)):
        shown = ", ".join(f"{name} ({count:,})" for name, count in counted.most_common(LISTED))
        more = len(counted) - LISTED
        print(f"{title}: {shown}" + (f" and {more:,} more" if more > 0 else ""))
    width = max([len("class"), *map(len, found.classes)])
    print(f"{'class':<{width}}" + "".join(f" {part:>10}" for part in found.counts))
    for label, name in enumerate(found.classes):
        print(f"{name:<{width}}" + "".join(f" {counts[label]:>10,}" for counts in found.counts.values()))
    for finding in found.findings:
        print(f"\n{'WRONG' if finding.is_wrong else 'notice'}: {finding.title}: {len(finding.lines):,}. {finding.text}")
        for line in finding.lines[:LISTED]:
            print(f"  {line}")
        if len(finding.lines) > LISTED:
            print(f"  and {len(finding.lines) - LISTED:,} more")


COMMANDS = (Command("data check", _options, check, extras=("report",)),)
