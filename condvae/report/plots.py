"""Arrays to matplotlib figures. Grey images are drawn as they are in the data, usually white on black."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from condvae.errors import ConfigError
from condvae.storage.files import write_bytes

COLOURS = mpl.colormaps["tab10"]
TILE_INCHES = 0.85
FORMATS = (".png", ".svg")
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "condvae",
    "legend.frameon": False,
}


def tiles(
    images: NDArray[np.uint8], titles: Sequence[str], rows: Sequence[str] = (), tile_inches: float = TILE_INCHES
) -> Figure:
    """Rows of images, with a title over each column and a name left of each row.

    Args:
        images: uint8 (rows, columns, C, H, W).
        titles: a title for each column, or none.
        rows: a name for each row, or none.
        tile_inches: the width of one image.
    """
    height, width = images.shape[:2]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * tile_inches + 0.4 * bool(rows), height * tile_inches + 0.3 * bool(titles)))
        axes = figure.subplots(height, width, squeeze=False)
        for row in range(height):
            for column in range(width):
                _show(axes[row, column], images[row, column])
        for axis, title in zip(axes[0], titles, strict=False):
            axis.set_title(title, fontsize=8)
        for axis, name in zip(axes[:, 0], rows, strict=False):
            axis.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
    return figure


def grids(images: NDArray[np.uint8], names: Sequence[str], columns: int, titles: Sequence[str]) -> Figure:
    """Grids of images side by side, all with the same texts under their images.

    Args:
        images: uint8 (grids, N, C, H, W), row by row.
        names: N texts, one for each image of a grid.
        columns: images in a row of a grid.
        titles: a title for each grid.
    """
    rows = -(-images.shape[1] // columns)
    with mpl.rc_context(STYLE):
        size = (len(images) * (columns * TILE_INCHES + 0.3), rows * (TILE_INCHES + 0.2) + 0.3)
        figure = Figure(figsize=size)
        for part, title, pictures in zip(
            figure.subfigures(1, len(images), squeeze=False)[0], titles, images, strict=True
        ):
            part.suptitle(title, fontsize=9)
            axes = part.subplots(rows, columns, squeeze=False).flatten()
            for axis in axes[len(pictures) :]:
                axis.set_axis_off()
            for axis, picture, name in zip(axes, pictures, names, strict=False):
                _show(axis, picture)
                axis.set_xlabel(name, fontsize=7, labelpad=2)
    return figure


def plane(sheets: Sequence[NDArray[np.uint8]], limit: float, titles: Sequence[str]) -> Figure:
    """Images tiled over the plane of the first two latent dimensions, one panel for each title.

    Args:
        sheets: uint8 (C, H, W) for each panel: the plane from -limit to limit, with the second dimension upwards.
        limit: half the width of the plane.
        titles: a title for each panel.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(sheets), 4.4))
        axes = figure.subplots(1, len(sheets), squeeze=False)[0]
        for axis, sheet, title in zip(axes, sheets, titles, strict=True):
            axis.imshow(_pixels(sheet), cmap="gray", vmin=0, vmax=255, extent=(-limit, limit, -limit, limit))
            axis.set(title=title, xlabel="$z_0$", ylabel="$z_1$")
            axis.spines[:].set_visible(False)
    return figure


def points(
    positions: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str], names: tuple[str, str]
) -> Figure:
    """Points coloured by class.

    Args:
        positions: (N, 2).
        labels: (N,), indices into `classes`.
        classes: class names. The legend has those that occur.
        names: the names of the two axes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 4.2))
        axis = figure.subplots()
        colours = COLOURS(labels % COLOURS.N)
        order = np.random.default_rng(0).permutation(len(labels))  # otherwise the last class covers the others
        axis.scatter(
            positions[order, 0], positions[order, 1], s=3, c=colours[order], linewidths=0, alpha=0.7, rasterized=True
        )
        for label in np.unique(labels):
            axis.scatter([], [], s=27, color=COLOURS(label % COLOURS.N), linewidths=0, label=classes[label])
        axis.set(xlabel=names[0], ylabel=names[1], aspect="equal")
        axis.legend(title="label", loc="center left", bbox_to_anchor=(1, 0.5), handletextpad=0.2)
    return figure


def latent_map(
    positions: NDArray[np.float32],
    labels: NDArray[np.int64],
    names: tuple[str, str],
    extent: float,
    way: NDArray[np.float32],
    images: NDArray[np.uint8],
    heat: tuple[str, NDArray[np.float32]] | None = None,
) -> Figure:
    """A map of the latent space, and beside it images of points on it.

    Args:
        positions: codes (N, 2), drawn as dots coloured by label. Rings show one and two standard deviations of the
            prior.
        labels: the classes of the codes, (N,).
        names: the names of the two axes.
        extent: the map goes from -extent to extent.
        way: the points (M, 2), joined by a line.
        images: the images of the points, uint8 (M, C, H, W).
        heat: the name of a measure, and its values on a grid over the map, (S, S), with the first row at the top.
    """
    columns = min(len(images), 3)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0 + 1.2 * columns, 4.4))
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(5.0, 1.2 * columns))[0]
        axis = left.subplots()
        if heat:
            shown = axis.imshow(heat[1], cmap="cividis", extent=(-extent, extent, -extent, extent), aspect="auto")
            left.colorbar(shown, label=heat[0], shrink=0.8)
        axis.scatter(
            positions[:, 0], positions[:, 1], s=2, c=COLOURS(labels % COLOURS.N), linewidths=0, rasterized=True
        )
        turn = np.linspace(0, 2 * np.pi, 200)
        for radius in (1, 2):
            axis.plot(radius * np.cos(turn), radius * np.sin(turn), color="grey", linewidth=0.8)
        axis.plot(way[:, 0], way[:, 1], color="black", marker="+", markersize=7, linewidth=1.2)
        axis.set(xlim=(-extent, extent), ylim=(-extent, extent), xlabel=names[0], ylabel=names[1])
        axis.set_box_aspect(1)
        panels = right.subplots(-(-len(images) // columns), columns, squeeze=False).flatten()
        for panel in panels[len(images) :]:
            panel.set_axis_off()
        for panel, image in zip(panels, images, strict=False):
            _show(panel, image)
    return figure


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], horizontal: str, percent: bool = False
) -> Figure:
    """Curves with the same horizontal axis, each in its own panel.

    Args:
        series: horizontal and vertical values of each curve, by the name of its vertical axis.
        horizontal: the name of the horizontal axis.
        percent: whether the vertical axes run from 0 to 100.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.5 + 3.0 * len(series), 3.0))
        axes = figure.subplots(1, len(series), squeeze=False)[0]
        for axis, (name, values) in zip(axes, series.items(), strict=True):
            axis.plot(*values, color=COLOURS(0), marker="o", markersize=3.5)
            axis.set(xlabel=horizontal, ylabel=name)
            if percent:
                axis.set_ylim(0, 100)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the ending of the file. The same figure gives the same bytes.

    Raises:
        ConfigError: the file has another ending.
        StorageError: it cannot be written.
    """
    require_format(path)
    write_bytes(path, figure_bytes(figure, path.suffix.lower()[1:]))


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """A figure as the bytes of a file, "png" or "svg"."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=ending, metadata={"Date": None} if ending == "svg" else {})
    return buffer.getvalue()


def require_format(path: Path) -> None:
    """Make sure that a figure can be written in the format that a file's ending names.

    Raises:
        ConfigError: it is not one of FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"The name of the file must end in {' or '.join(FORMATS)}, got '{path}'.")


def _show(axis: Axes, image: NDArray[np.uint8]) -> None:
    axis.imshow(_pixels(image), cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)
