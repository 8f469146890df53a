"""Canonical configs (Keras 3's form) -> configs of Keras 2, as tf_keras 2.21 loads them from HDF5."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from kcompat.config import CLASSES
from kcompat.errors import SaveError

from .parse import is_model

ANY: Any = object()

_NEW_KEYS: dict[str, Any] = {
    "quantization_config": None,
    "lora_rank": None,
    "lora_alpha": None,
    "synchronized": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": ANY,
    "rms_scaling": False,
    "use_gate": False,
    "sliding_window": None,
    "antialias": False,
    "pad_to_aspect_ratio": False,
    "fill_value": 0.0,
    "oov_method": "floormod",
    "optional": False,
    "input_axes": None,
    "output_axes": None,
    "build_input_shape": ANY,
    "inner_masks": ANY,
    "joins_steps": ANY,
    "fitting": ANY,
    "keeps_integers": ANY,
    "unbiased_variance": ANY,
}
"""Keys that Keras 2 does not know, and the value at which leaving them out changes nothing."""

_RECURRENT = {"SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
_CELLS = {"SimpleRNNCell", "LSTMCell", "GRUCell"}
_ATTENTION = {"Attention", "AdditiveAttention", "MultiHeadAttention"}
_IMAGES = {
    "CenterCrop",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
}
_NEW_KEYS_OF: tuple[tuple[set[str], str, Any], ...] = (
    (_RECURRENT | _CELLS | _ATTENTION, "seed", ANY),
    (_IMAGES | {"ZeroPadding1D"}, "data_format", "channels_last"),
    ({"RandomContrast"}, "value_range", ANY),
    ({"IntegerLookup", "StringLookup"}, "salt", None),
    ({"IntegerLookup", "StringLookup", "TextVectorization"}, "dtype", ANY),
    ({"Resizing"}, "fill_mode", "constant"),
    ({"Conv3DTranspose"}, "dilation_rate", [1, 1, 1]),
)
"""The same for keys that other classes have in Keras 2 too."""

_RENAMED = {
    ("BatchNormalization", "axes"): "axis",
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}

_REGISTERED = {"CustomScaleLayer": "Custom>CustomScaleLayer"}
"""Classes that Keras 2 registers under another name."""

_ADDED: dict[str, dict[str, Any]] = {
    "MultiHeadAttention": {"query_shape": None, "key_shape": None, "value_shape": None},
}
"""Keys that Keras 2 requires."""

_ACTIVATIONS = {
    "elu": "elu",
    "exponential": "exponential",
    "gelu": "gelu",
    "hard_sigmoid_keras2": "hard_sigmoid",
    "linear": "linear",
    "mish": "mish",
    "relu": "relu",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "softmax": "softmax",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
}
"""Activations that Keras 2 has, under its names."""


def model_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """`{"class_name": ..., "config": ...}` of Keras 2 for a canonical one.

    Raises SaveError naming the layer and the key that Keras 2 cannot express.
    """
    config = document["config"]
    if document["class_name"] == "Sequential":
        layers = [_layer(item) for item in config["layers"]]
        return {"class_name": "Sequential", "config": {"name": config["name"], "layers": layers}}
    return {"class_name": "Functional", "config": _functional_config(config)}


def _layer(item: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a model's layers, without calls."""
    if is_model(item):
        return model_document(item)
    where = f"layer '{item['config'].get('name')}' ({item['class_name']})"
    if ".ops" in (item.get("module") or ""):
        raise SaveError(f"{where}: Keras 2 has no operations as layers")
    class_name = item["class_name"]
    return {"class_name": _REGISTERED.get(class_name, class_name), "config": _config(class_name, item["config"], where)}


# --- configs -----------------------------------------------------------------------


def _config(class_name: str, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    new_keys = {**_NEW_KEYS, **{key: neutral for names, key, neutral in _NEW_KEYS_OF if class_name in names}}
    result: dict[str, Any] = {}
    for key, value in config.items():
        if key in new_keys:
            if new_keys[key] is not ANY and _plain(value) != new_keys[key]:
                raise SaveError(f"{where}: '{key}' = {value!r} cannot be said in Keras 2; save in the form of Keras 3")
            continue
        result[_RENAMED.get((class_name, key), key)] = _value(key, value, where)
    if class_name == "Discretization" and result["bin_boundaries"] is not None:
        result["num_bins"] = None  # Keras 2 takes one of the two
    return {**result, **_ADDED.get(class_name, {})}


def _value(key: str, value: Any, where: str) -> Any:
    if key == "dtype" and isinstance(value, Mapping):
        return _dtype(value, where)
    if key.endswith("activation") and value is not None:
        return _activation(value, where)
    if isinstance(value, Mapping) and "class_name" in value and "config" in value:
        return _object(value, where)
    if isinstance(value, list):
        return [_value("", item, where) for item in value]
    return value


def _dtype(policy: Mapping[str, Any], where: str) -> str:
    if "name" not in policy["config"]:
        raise SaveError(f"{where}: Keras 2 has no quantized dtype policies; save in the form of Keras 3")
    return str(policy["config"]["name"])


def _object(value: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A nested object: a layer, a model, or an initializer and the like."""
    if is_model(value):
        return model_document(value)
    class_name, config = value["class_name"], value["config"]
    if not isinstance(config, Mapping):
        return {"class_name": class_name, "config": config}
    inner = f"{where}: {class_name}"
    return {"class_name": class_name, "config": _config(class_name, config, inner)}


def _activation(value: Any, where: str) -> Any:
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        hint = "; Keras 2's function of that name is another one" if value == "hard_sigmoid" else ""
        raise SaveError(f"{where}: Keras 2 has no activation {value!r}{hint}; save in the form of Keras 3")
    return _ACTIVATIONS[value]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# --- calls -------------------------------------------------------------------------


def _functional_config(config: Mapping[str, Any]) -> dict[str, Any]:
    calls = _Calls(config)
    return {
        "name": config["name"],
        "trainable": config["trainable"],
        "layers": [
            {
                **_layer(item),
                "name": item["name"],
                "inbound_nodes": [calls.node(node, item) for node in item["inbound_nodes"]],
            }
            for item in config["layers"]
        ],
        "input_layers": calls.ends(config["input_layers"]),
        "output_layers": calls.ends(config["output_layers"]),
    }


class _Calls:
    """Writes the calls of one functional model.

    Keras 2 counts a call 0 for every nested model that has an input layer; canonical documents do so
    for functional models among a model's outputs alone.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.first = {item["name"]: 1 for item in config["layers"] if is_model(item) and _has_input(item)}
        self.counted = {item["name"] for item in config["layers"] if is_model(item) and not _is_sequential(item)}

    def node(self, node: Mapping[str, Any], item: Mapping[str, Any]) -> list[Any]:
        """One call: the tensors of the first argument, each with all other arguments."""
        where = f"layer '{item['name']}' ({item['class_name']})"
        kwargs = self._arguments(node, item, where)
        inputs = kwargs.pop(next(iter(kwargs), ""), None)
        tensors = inputs if isinstance(inputs, list) else [inputs]
        if not tensors or not all(_is_tensor(tensor) for tensor in tensors):
            raise SaveError(f"{where}: is called on {inputs!r:.80}; Keras 2 can only write tensors and lists of them")
        if kwargs.get("training"):  # Keras 3 notes it for layers that default to it, and predicts without
            del kwargs["training"]
        others = {key: self._argument(value) for key, value in kwargs.items()}
        return [[*self._argument(tensor), others] for tensor in tensors]

    def _arguments(self, node: Mapping[str, Any], item: Mapping[str, Any], where: str) -> dict[str, Any]:
        """All arguments of a call by name, the first one first."""
        args, kwargs = node["args"], node["kwargs"]
        if len(args) == 1:
            return {"": args[0], **kwargs}
        names = _argument_names(item)
        if names is None or len(args) > len(names):
            raise SaveError(f"{where}: is called with {len(args)} arguments, whose names Keras 2 needs")
        named = {**dict(zip(names, args, strict=False)), **kwargs}
        return {name: named[name] for name in [*names, *named] if name in named}

    def _argument(self, value: Any) -> Any:
        if _is_tensor(value):
            return self._reference(value["config"]["keras_history"])
        if isinstance(value, list):
            return [self._argument(item) for item in value]
        return value

    def _reference(self, history: list[Any]) -> list[Any]:
        layer, call, tensor = history
        return [layer, call + self.first.get(layer, 0), tensor]

    def ends(self, structure: Any) -> Any:
        """The model's inputs or outputs: a list of references, or a dict of them."""
        if isinstance(structure, Mapping):
            return {key: self._end(value) for key, value in structure.items()}
        if isinstance(structure[0], str):
            return [self._end(structure)]
        if not all(isinstance(entry, list) and isinstance(entry[0], str) for entry in structure):
            raise SaveError(f"Keras 2 cannot write nested inputs or outputs: {structure!r:.100}")
        return [self._end(entry) for entry in structure]

    def _end(self, history: list[Any]) -> list[Any]:
        return history if history[0] in self.counted else self._reference(history)


def _is_sequential(item: Mapping[str, Any]) -> bool:
    return item["class_name"] == "Sequential"


def _has_input(item: Mapping[str, Any]) -> bool:
    layers = item["config"]["layers"]
    return not _is_sequential(item) or (bool(layers) and layers[0]["class_name"] == "InputLayer")


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _argument_names(item: Mapping[str, Any]) -> list[str] | None:
    """The names of a layer's call arguments, which its `emit` has after the builder."""
    cls = CLASSES["keras.layers"].get(item["class_name"])
    emit = getattr(cls, "emit", None)
    return list(inspect.signature(emit).parameters)[2:] if emit else None
