"""What users give, checked and as arrays: labels and attributes, latent vectors, images.

Everything that does not fit the model is an `InputError` that says what does. Nothing here needs PyTorch.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condvae.config import ModelConfig
from condvae.errors import MOST_NAMES, InputError, listed, unknown
from condvae.schema import Attribute, Schema, Variables, class_index


class Tensor(Protocol):
    """A tensor of PyTorch."""

    def detach(self) -> Any: ...


Label: TypeAlias = str | int | Sequence[str | int] | NDArray[Any] | Tensor | None
Attributes: TypeAlias = Mapping[str, float | str | Sequence[float | str] | NDArray[Any] | Tensor]
Rows = NDArray[np.float32]
NOT_GIVEN = -1  # the number of a class that is not given, in exported graphs


class Described(Protocol):
    """What must be known of a model."""

    @property
    def config(self) -> ModelConfig: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def named(self) -> Variables:
        """Its conditions."""


def as_conditions(model: Described, label: Label, attributes: Attributes | None = None) -> Rows:
    """Labels and attributes as rows of conditions, float32 (B, D). What the model can do without may be left out (NaN).

    Raises:
        InputError: a label or an attribute is not possible, unknown or missing, or their numbers differ.
    """
    conditions, values = model.named, without_label(attributes)
    if label is not None:
        values["label"] = label
    _require_known(model, values)
    known = [variable.name for variable in conditions.variables]
    columns = [_column(variable, values.get(variable.name), conditions.optional) for variable in conditions.variables]
    size = common_size(dict(zip(known, map(len, columns), strict=True)))
    return np.stack([for_each(column, size) for column in columns], 1) if columns else np.empty((1, 0), np.float32)


def with_changes(model: Described, rows: Rows, label: Label, attributes: Attributes | None) -> Rows:
    """Rows of conditions (B, D) with some conditions replaced. Labels stay as they are if `label` is None.

    Raises:
        InputError: as `as_conditions`.
    """
    wanted, changes = rows.copy(), without_label(attributes)
    if label is not None:
        changes["label"] = label
    _require_known(model, changes)
    for index, variable in enumerate(model.named.variables):
        if variable.name in changes:
            wanted[:, index] = for_each(_column(variable, changes[variable.name], False), len(rows))
    return wanted


def as_vectors(model: Described, z: ArrayLike) -> Rows:
    """Latent vectors as float32 (B, Z), from (Z,) or (B, Z) numbers.

    Raises:
        InputError: they are not numbers, have the wrong length, or are not finite.
    """
    latent = model.config.latent
    allowed = f"this model has {latent} latent dimensions and takes ({latent},) or (B, {latent})"
    try:
        vectors = np.asarray(detached(z), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"z = {z!r} cannot be read as numbers ({error}); {allowed}.") from error
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != latent or not len(vectors):
        raise InputError(f"z has the shape {vectors.shape}; {allowed}.")
    if not np.isfinite(vectors).all():
        raise InputError(f"z = {vectors.tolist()} is not finite; every entry must be a finite number.")
    return np.atleast_2d(vectors)


def as_images(model: Described, images: ArrayLike) -> NDArray[Any]:
    """Images as an array (B, C, H, W): uint8, or floats in [0, 1]. (B, H, W) is accepted if C is 1.

    Raises:
        InputError: their shape or their values do not fit.
    """
    given = np.asarray(detached(images))
    shape = model.schema.shape
    if given.ndim == 3 and shape[0] == 1:
        given = given[:, np.newaxis]
    if given.ndim != 4 or given.shape[1:] != shape or not len(given):
        raise InputError(
            f"Images have the shape {np.shape(images)}; this model takes (B, {', '.join(map(str, shape))}) with B >= 1."
        )
    if given.dtype == np.uint8:
        return np.require(given, requirements=["C", "W"])
    values: Rows = given.astype(np.float32)
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(
            f"Images of type {given.dtype} run from {given.min()} to {given.max()}; give uint8 from 0 to 255, "
            "or floats from 0 to 1."
        )
    return values


def require_seed(seed: int | None) -> None:
    """Make sure that a seed is possible.

    Raises:
        InputError: it is not.
    """
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, got {seed}.")


def for_each(rows: Rows, count: int) -> Rows:
    """One row for all images, or one for each of `count` images, as `count` rows.

    Raises:
        InputError: there is another number of rows.
    """
    if len(rows) not in (1, count):
        raise InputError(
            f"There are {len(rows)} values of a condition for {count} images. Give one for all or one for each."
        )
    return np.broadcast_to(rows, (count, *rows.shape[1:]))


def common_size(sizes: Mapping[str, int]) -> int:
    """The common number of several things given by name. Each may be 1, which stands for all.

    Raises:
        InputError: they differ.
    """
    several = {name: size for name, size in sizes.items() if size != 1}
    if len(set(several.values())) > 1:
        listed = " and ".join(f"{size} {name}" for name, size in several.items())
        raise InputError(f"The numbers do not match: {listed}. Give one for all, or the same number of each.")
    return max(several.values(), default=1)


def stops_of_path(labels: int, vectors: int, steps: int) -> int:
    """The number of stops of a path, from the numbers of labels and latent vectors that are given for it.

    Raises:
        InputError: they differ, there are fewer than two stops, or there is no step.
    """
    stops = common_size({"labels": labels, "latent vectors z": vectors})
    if stops < 2 or steps < 1:
        raise InputError(f"A path needs at least 2 stops and 1 step between them, got {stops} and {steps}.")
    return stops


def without_label(attributes: Attributes | None) -> dict[str, Any]:
    """A copy of attributes.

    Raises:
        InputError: the label is among them.
    """
    values = dict(attributes or {})
    if "label" in values:
        raise InputError(f"attributes sets the label to {values['label']!r}. Give it as label instead.")
    return values


def _require_known(model: Described, values: Mapping[str, Any]) -> None:
    known = [variable.name for variable in model.named.variables]
    for name, value in values.items():
        if name == "label" and name not in known:
            raise InputError(f"Label {value!r} was given to a model without labels. Leave the label out.")
        if name not in known:
            raise InputError(unknown("attribute", name, [name for name in known if name != "label"]))


def _column(variable: Attribute, given: Any, optional: bool) -> Rows:
    """The values of one condition as float32 (B,): numbers, or classes by name or number."""
    if given is None:
        if optional:
            return np.full(1, np.nan, np.float32)
        allowed = listed(variable.classes, MOST_NAMES) or f"a number, usually {variable.low:.3g} to {variable.high:.3g}"
        if variable.name == "label":
            raise InputError(f"This model needs a label. Choose from: {allowed}.")
        raise InputError(
            f"This model needs a value of '{variable.name}', as attributes={{'{variable.name}': ...}} or --attributes "
            f"{variable.name}=VALUE. Choose from: {allowed}."
        )
    values = np.atleast_1d(np.asarray(detached(given), dtype=object)).tolist()
    if not values:
        raise InputError(f"The list of values of '{variable.name}' is empty; at least one is needed.")
    if variable.classes:
        return np.array([class_index(variable.name, value, variable.classes) for value in values], np.float32)
    try:
        column = np.array([float(value) for value in values], np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"The value of '{variable.name}' cannot be read as a number: {error}.") from error
    if not np.isfinite(column).all():
        raise InputError(f"{variable.name} = {values} is not finite; every value must be a finite number.")
    return column


def detached(values: Any) -> Any:
    """A tensor as an array on the CPU, without gradients. Anything else stays as it is."""
    if not hasattr(values, "detach"):
        return values
    plain = values.detach().cpu()
    return (plain.float() if plain.is_floating_point() else plain).numpy()  # NumPy has no bfloat16
