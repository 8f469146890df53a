"""Takes older meanings back from layers for which they mean nothing.

Layers of Keras 1 and 2 treated masks, states and sizes in ways that Keras 3 cannot express (see `keras2`).
Where no mask arrives and no state is used, both are the same, and the model can be written for Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kcompat.ir import TensorType, Value
from kcompat.layers import Layer
from kcompat.layers.base import walk
from kcompat.layers.emitter import Emitter
from kcompat.models import Model
from kcompat.tree import flatten, map_structure

if TYPE_CHECKING:
    from kcompat.layers.rnn import StackedRNNCells

Masks = list[Value | None]
Arguments = dict[str, Any]
Calls = list[tuple[Masks, Arguments]]


def settle(model: Model) -> None:
    """Reset what no call of a layer depends on, in a model with known inputs; others are left as they are."""
    layers = [layer for layer in walk(model) if _matters(layer) or _stacked(layer)]
    if not layers or not model.built:
        return
    witness = _Witness()
    inputs = map_structure(
        lambda tensor: witness.input(TensorType(tensor.dtype, tensor.type.shape), f"input_{len(witness.inputs)}"),
        model.input_structure,
    )
    witness.call(model, inputs)
    for layer in layers:
        calls = witness.calls.get(layer, [])
        cell = _stacked(layer)
        if cell and not _uses_states(layer, calls):
            cell.reverse_state_order = False
        for name, matters in _matters(layer).items():
            if not any(matters(layer, *call) for call in calls):
                setattr(layer, name, layer.fields[name].default)


def _matters(layer: Layer) -> dict[str, Callable[[Any, Masks, Arguments], bool]]:
    """What may matter to a layer; operations, which have the names of layers, have nothing of the kind."""
    return _MATTERS.get(type(layer).__name__, {}) if layer.keras_module == "keras.layers" else {}


class _Witness(Emitter):
    """Notes with what masks and keyword arguments layers are called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[Layer, Calls] = {}

    def call(self, layer: Layer, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("mask")
        tensors = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, Value)]
        masks = flatten(given) if given is not None else [self.masks.get(tensor) for tensor in tensors]
        self.calls.setdefault(layer, []).append((masks, kwargs))
        return super().call(layer, *args, **kwargs)


def _stacked(layer: Any) -> StackedRNNCells | None:
    cell = getattr(layer, "cell", None)
    if cell is None:
        return None
    from kcompat.layers.rnn import StackedRNNCells

    return cell if isinstance(cell, StackedRNNCells) else None


def _uses_states(layer: Any, calls: Calls) -> bool:
    return layer.return_state or any(kwargs.get("initial_state") is not None for _, kwargs in calls)


# --- whether a call with these masks depends on the older meaning ---------------------


def _any(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    return any(mask is not None for mask in masks)


def _several(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    return _any(layer, masks, kwargs) and len(set(masks)) > 1


def _of_sequences(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    return _any(layer, masks, kwargs) and bool(layer.return_sequences)


def _inside(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    """Masks of more axes than (batch, time), or made by the layer inside."""
    makers = any(getattr(inner, "mask_zero", type(inner).__name__ == "Masking") for inner in walk(layer.layer))
    return makers or any(mask is not None and mask.rank > 2 for mask in masks)


def _heads(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    """Masks of the inputs, or one between queries and keys where Keras 3 gives zeros to queries without any."""
    between = kwargs.get("attention_mask") is not None
    zeros = layer.dropout > 0 or kwargs.get("return_attention_scores") or len(layer.build_shape[0]) != 3
    return _any(layer, masks, kwargs) or bool(between and zeros)


def _refitted(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    """Images of another size than the layer's."""
    return tuple(layer.build_shape[-3:-1]) != (layer.height, layer.width)


def _of_matrices(layer: Any, masks: Masks, kwargs: Arguments) -> bool:
    """Tensors of so many axes that Keras 2 left all but the last two alone."""
    return max(len(shape) for shape in layer.build_shape) > 3


_MATTERS: dict[str, dict[str, Callable[[Any, Masks, Arguments], bool]]] = {
    "Add": {"intersects_masks": _several},
    "Average": {"intersects_masks": _several},
    "Bidirectional": {"repeats_masked": _of_sequences},
    "Concatenate": {"intersects_masks": _several},
    "Dot": {"as_matrices": _of_matrices},
    "Maximum": {"intersects_masks": _any},
    "Minimum": {"intersects_masks": _any},
    "MultiHeadAttention": {"ignores_masks": _any, "keras2_masks": _heads},
    "Multiply": {"intersects_masks": _any},
    "Normalization": {"drops_mask": _any},
    "RandomCrop": {"fitting": _refitted},
    "Rescaling": {"drops_mask": _any},
    "Softmax": {"ignores_mask": _any, "keras2_mask": _any, "robust_masking": _any},
    "Subtract": {"intersects_masks": _several},
    "TimeDistributed": {"inner_masks": _inside},
}
