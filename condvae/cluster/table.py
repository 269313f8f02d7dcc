"""The table of a sweep in the terminal."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from condvae.cluster.record import Sweep
from condvae.cluster.results import Outcome, outcomes, rows, states
from condvae.errors import CondvaeError
from condvae.report.trials import Row, columns_of, shown

EVERY = 2.0  # seconds between two looks at the files
MOST_ROWS = 20  # while the sweep runs
WIDE = 200  # columns, where the output is no terminal


def show(path: Path) -> None:
    """Print the results of a sweep.

    Raises:
        RunError: the folder holds no sweep.
    """
    sweep = Sweep(path)
    found = outcomes(sweep)
    console = _console()
    console.print(_table(rows(sweep, found)))
    console.print(_sentence(sweep, found))
    for one in found:
        if one.error:
            console.print(f"{one.trial.name}: {one.error}", highlight=False)


@contextmanager
def live(path: Path) -> Iterator[None]:
    """Inside, the results so far are shown: a table that changes on a terminal, otherwise a line for each change."""
    ended = threading.Event()
    watch = threading.Thread(target=_table_until if sys.stdout.isatty() else _lines_until, args=(path, ended))
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _table_until(path: Path, ended: threading.Event) -> None:
    with Live(console=_console(), transient=True, auto_refresh=False) as display:
        for sweep, found in _looks(path, ended):
            table = _table(rows(sweep, found)[:MOST_ROWS])
            table.caption = _sentence(sweep, found)
            display.update(table, refresh=True)


def _lines_until(path: Path, ended: threading.Event) -> None:
    before = ""
    for sweep, found in _looks(path, ended):
        now = _sentence(sweep, found)
        if now != before:
            print(now, flush=True)
        before = now


def _looks(path: Path, ended: threading.Event) -> Iterator[tuple[Sweep, list[Outcome]]]:
    """The trials, again and again until the event. Nothing as long as the sweep has not begun to write."""
    while not ended.wait(EVERY):
        try:
            sweep = Sweep(path)
            found = sweep, outcomes(sweep)
            sweep.plan  # noqa: B018  (it is kept, and may not be written yet)
        except CondvaeError:
            continue
        yield found


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE)


def _sentence(sweep: Sweep, found: list[Outcome]) -> str:
    total, known = sweep.plan.total, len(found)
    parts = [f"{count} {state}" for state, count in states(found).items()]
    return f"{total} trials: " + ", ".join(parts + ([f"{total - known} not begun"] if total > known else []))


def _table(found: list[Row]) -> Table:
    table, (names, titles) = Table(), columns_of(found)
    for name in names:
        table.add_column(name)
    for title in [*titles, "seeds", "epochs", "minutes"]:
        table.add_column(title, justify="right")
    for row in found:
        settings = [shown(row.settings.get(name, "")) for name in names]
        figures = [row.figures.get(title, "") for title in titles]
        table.add_row(*settings, *figures, row.seeds, row.epochs, f"{row.minutes:.1f}")
    return table
