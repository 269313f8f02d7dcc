"""The course of a training in a notebook: its curves in the cell, drawn anew after each epoch."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import lightning.pytorch as pl

from condvae.training.callbacks import FORMATS, shown_keys
from condvae.training.logged import SHOWN

LOSS = "train_loss_epoch"
WIDTH, HEIGHT, EDGE = 280, 120, 8  # pixels of a chart, and of the margin around its curve
TITLES = {LOSS: "loss", **SHOWN}
HEAD = 34  # pixels above a curve, for its title and its largest value
FOOT = 20  # pixels below it, for its smallest value


class Curves(pl.Callback):
    """Shows the loss and the figures of held-out images as curves over the epochs. A resumed run has all its epochs.

    Args:
        rows: the rows of metrics.csv of the epochs before.
    """

    def __init__(self, rows: Sequence[Mapping[str, float]]) -> None:
        self.rows = [dict(row) for row in rows if "epoch" in row]
        self.handle: Any = None

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        loss = module.mean_loss()  # all processes take part in the mean
        if not trainer.is_global_zero:
            return
        from IPython.display import SVG, display

        keys, measured = shown_keys(module, trainer.callback_metrics), trainer.callback_metrics
        found = {key: measured[key].item() for key in keys}
        self.rows.append({"epoch": trainer.current_epoch, LOSS: loss, **found})
        known = {key: {int(row["epoch"]): row[key] for row in self.rows if key in row} for key in (LOSS, *keys)}
        picture = SVG(charts(known))  # type: ignore[no-untyped-call]
        if self.handle is None:
            self.handle = display(picture, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(picture)


def charts(found: Mapping[str, Mapping[int, float]]) -> str:
    """An SVG picture with a chart for each figure that is known, beside each other.

    Args:
        found: the values of figures by their keys in TITLES and by epochs from 0.
    """
    known = [(key, dict(sorted(values.items()))) for key, values in found.items() if values]
    parts = [f'<g transform="translate({number * WIDTH} 0)">{chart(*one)}</g>' for number, one in enumerate(known)]
    size = f'width="{max(1, len(known)) * WIDTH}" height="{HEAD + HEIGHT + FOOT}"'
    font = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} fill="#777">{"".join(parts)}</svg>'


def chart(key: str, values: Mapping[int, float]) -> str:
    """One curve with its title, the newest value, and the range of the values."""
    low, high, first, last = min(values.values()), max(values.values()), min(values), max(values)
    x = {epoch: EDGE + (WIDTH - 4 * EDGE) * (epoch - first) / max(1, last - first) for epoch in values}
    y = {epoch: HEAD + HEIGHT * (high - value) / max(high - low, 1e-12) for epoch, value in values.items()}
    line = " ".join(f"{x[epoch]:.1f},{y[epoch]:.1f}" for epoch in values)
    form = FORMATS.get(key, ".4f")
    title = f"{escape(TITLES[key])} {values[last]:{form}}, epoch {last + 1}"
    return (
        f'<text x="{EDGE}" y="14" font-weight="bold">{title}</text>'
        f'<text x="{EDGE}" y="{HEAD - 5}">{high:{form}}</text>'
        f'<text x="{EDGE}" y="{HEAD + HEIGHT + 15}">{low:{form}}</text>'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="2"/>'
        f'<circle cx="{x[last]:.1f}" cy="{y[last]:.1f}" r="3.5" fill="#0072b2"/>'
    )
