"""Figures side by side: which sections are rows of one table, and in which order."""

from dataclasses import replace

from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.parts.memorisation import Compared as Near
from condvae.evaluation.parts.memorisation import Copying, Memorisation
from condvae.evaluation.parts.realism import Compared, Realism
from condvae.report.tables import tables


def figure(value: float, protocol: str = "Of all images.") -> Measurement:
    return Measurement(value, 0.1, 100, protocol)


def compared(kind: str, value: float) -> Compared:
    return Compared(kind, *[figure(value, "Neighbours.")] * 7)


def drawn(prior: str, accuracy: Measurement | None, value: float) -> Realism:
    kinds = compared("judge", value), compared("random", -value)
    return Realism(prior, "mean", "given", accuracy, (), kinds)


EVALUATION = Evaluation(
    "digest",
    parts={
        "realism": (drawn("training images", figure(0.9), 1.0), drawn("prior", figure(0.8), 2.0)),
        "memorisation": Memorisation(
            tuple(
                Copying(
                    name,
                    (Near("z from the prior", figure(0.5), figure(0.1)),),
                    (Near("control: copied", figure(1.0), figure(1.0)),),
                )
                for name in ("pixels", "features")
            ),
        ),
    },
)


def test_sections_with_the_same_figures_are_rows_of_one_table() -> None:
    copies, accuracy, distances = tables(EVALUATION)
    assert copies.heading == "Memorisation of training images"
    assert [row.name for row in copies.rows] == [
        "pixels, z from the prior",
        "features, z from the prior",
        "pixels, control: copied",
        "features, control: copied",
    ]
    assert accuracy.titles == ("conditional accuracy",)
    assert [row.figures[0].value for row in accuracy.rows if row.figures[0]] == [0.9, 0.8]
    values = [row.figures[0].value for row in distances.rows if row.figures[0]]
    assert values == [1.0, 2.0, -1.0, -2.0], "kinds of features are one after the other"


def test_a_figure_that_is_not_measured_leaves_its_cell_empty() -> None:
    first, second = EVALUATION.parts["realism"]
    one = replace(EVALUATION, parts={"realism": (first, replace(second, accuracy=None, compared=()))})
    accuracy, distances = tables(one)
    assert [row.name for row in accuracy.rows] == ["training images, as beside means"]
    assert len(distances.rows) == 2
    some = replace(first.compared[0], recall=None)
    (table,) = tables(replace(one, parts={"realism": replace(first, accuracy=None, compared=(some,))}))
    assert dict(zip(table.titles, table.rows[0].figures, strict=True))["recall"] is None


def test_each_way_of_measuring_is_said_once_for_a_row() -> None:
    table = tables(EVALUATION)[-1]
    names = [name for name, _ in table.protocols()]
    assert len(names) == len(table.rows)
    assert names[0].endswith("judge: " + ", ".join(table.titles))
