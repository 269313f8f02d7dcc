"""A stand-in for a GPU: tensors that claim to be on another device, and refuse to be mixed with tensors of the CPU."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map, tree_map_only

Model = TypeVar("Model", bound=nn.Module)
DEVICE = torch.device("meta")
COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
INDEXED = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default}  # a GPU takes positions from the CPU


class Elsewhere(Tensor):
    """A tensor with the data of `held` that claims to be on DEVICE."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        options = {"strides": held.stride(), "dtype": held.dtype, "device": DEVICE, "requires_grad": held.requires_grad}
        made = torch.Tensor._make_wrapper_subclass(cls, held.size(), **options)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Elsewhere({self.held!r})"


class PretendDevice(TorchDispatchMode):
    """Inside, DEVICE exists."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation on the CPU, whose result is on the device where a GPU would leave it.

    Raises:
        AssertionError: it mixes devices.
    """
    tensors: list[Tensor] = []
    tree_map_only(Tensor, tensors.append, (args, kwargs))
    there = [one for one in tensors if isinstance(one, Elsewhere)]
    here = [one for one in tensors if not isinstance(one, Elsewhere) and one.dim()]  # a GPU takes single numbers
    if there and here and func not in COPIES | INDEXED:
        raise AssertionError(f"{func} mixes tensors of the CPU, of the shape {here[0].shape}, with those of {DEVICE}")
    target = kwargs.get("device")
    goes_there = bool(there) if target is None else torch.device(target).type == DEVICE.type
    if target is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain = tree_map_only(Elsewhere, lambda one: one.held, (args, kwargs))
    found = func(*plain[0], **plain[1])
    if func is torch.ops.aten._to_copy.default and not goes_there and found is plain[0][0]:
        found = found.clone()
    if func._schema.name.endswith("_"):
        return args[0]
    return tree_map(lambda one: Elsewhere(one) if goes_there and isinstance(one, Tensor) else one, found)


def moved(model: Model) -> Model:
    """The model on the other device, as new parameters: overwriting the data of the old ones would keep their type."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        return model.to(DEVICE)
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
