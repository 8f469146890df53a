"""Architectures of Keras 1 -> architectures of Keras 2.

A layer may become several (`layers.upgrade_layer`): in a Sequential they stand in its place, in a
graph they are called one after the other wherever it was. A Sequential that begins with a Merge of
branches becomes a functional model that holds the branches' layers themselves, as Keras 1 does in
the files of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcompat.errors import ConfigError

from .context import Context, parse_version, recorded_ordering
from .layers import upgrade_layer

Entry = dict[str, Any]
_WRAPPERS = frozenset({"TimeDistributed", "Bidirectional"})
_GRAPHS = frozenset({"Model", "Container"})


def upgrade(
    document: Mapping[str, Any],
    *,
    image_dim_ordering: str | None = None,
    keras_version: str | None = None,
) -> Entry:
    """`{"class_name": ..., "config": ...}` of Keras 2 for a document of Keras 1 or 0.3.

    image_dim_ordering: "tf" or "th" for layers that record none; without it, what all others record.
    keras_version: what the file says beside the document. Raises ConfigError, RefusedLayerError.
    """
    oldest = "class_name" not in document
    version = (0,) if oldest else parse_version(keras_version or document.get("keras_version"))
    context = Context(image_dim_ordering or recorded_ordering(document), version)
    return _Upgrade(context).model(_entry(document))


def _entry(item: Any) -> Entry:
    """An entry with class_name and config; Keras 0.3 wrote both in one object, the class as its name."""
    if not isinstance(item, Mapping):
        raise ConfigError(f"a layer must be an object, received {item!r:.100}")
    class_name = item.get("class_name", item.get("name"))
    if not isinstance(class_name, str):
        raise ConfigError(f"a layer's class_name must be a string, received {class_name!r:.100}")
    if "class_name" in item:
        return dict(item)
    if class_name == "Sequential":
        return {"class_name": "Sequential", "config": _distinct(item.get("layers"))}
    if class_name == "Graph":
        raise ConfigError("Graph models of Keras 0.x are not supported")
    config = {key: value for key, value in item.items() if key not in ("name", "custom_name", "cache_enabled")}
    if isinstance(config.get("input_shape"), list):
        config["batch_input_shape"] = [None, *config.pop("input_shape")]
    return {"class_name": class_name, "config": {**config, "name": item.get("custom_name")}}


def _distinct(items: Any) -> list[Entry]:
    """The layers of Keras 0.3, which names all layers of a class alike."""
    if not isinstance(items, list):
        raise ConfigError(f"Sequential: 'layers' must be a list, received {items!r:.100}")
    entries = [_entry(item) for item in items]
    for position, entry in enumerate(entries, 1):
        if isinstance(entry["config"], dict):
            entry["config"]["name"] = f"{entry['config'].get('name') or entry['class_name']}_{position}"
    return entries


class _Upgrade:
    """Upgrades models and layers within one context."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def model(self, entry: Entry) -> Entry:
        """A model from its entry, which keeps its other keys."""
        class_name, config = entry.get("class_name"), entry.get("config")
        if class_name == "Sequential":
            items = config.get("layers") if isinstance(config, Mapping) else config
            if not isinstance(items, list):
                raise ConfigError(f"Sequential: config must be a list of layers, received {config!r:.100}")
            return {**entry, **self.sequential(entry.get("name"), [_entry(item) for item in items])}
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
            raise ConfigError(f"model class '{class_name}' has no list of layers in its config")
        return {**entry, "class_name": "Model", "config": self.functional(config)}

    def pieces(self, entry: Entry) -> list[Entry]:
        """The entries that take the place of one layer or nested model."""
        class_name, config = entry["class_name"], entry.get("config")
        if is_model(entry):
            return [self.model(entry)]
        if not isinstance(config, Mapping):
            raise ConfigError(f"layer ({class_name}): config must be an object, received {config!r:.100}")
        if class_name in _WRAPPERS:
            return self._wrapped(class_name, config)
        return upgrade_layer(class_name, config, self.context)

    def _wrapped(self, class_name: str, config: Mapping[str, Any]) -> list[Entry]:
        """A wrapper around each of the layers that take the inner one's place; the input is the first one's."""
        inner = _entry(config.get("layer"))
        own = dict(config)
        name = str(config.get("name"))
        wrapped = []
        pieces = self.pieces(inner)
        for piece in pieces:
            same = len(pieces) == 1 or _name(piece) == _name(inner)
            own = {**own, "name": name if same else f"{name}_{_name(piece)}", "layer": piece}
            wrapped.append({"class_name": class_name, "config": own})
            own = {key: value for key, value in own.items() if key not in ("batch_input_shape", "input_dtype")}
        return wrapped

    # --- sequential -------------------------------------------------------------

    def sequential(self, name: str | None, items: list[Entry]) -> Entry:
        if items and _is_joint(items[0]):
            return {"class_name": "Model", "config": _Joined(self).model(name, items)}
        items = [_with_input(items[0]), *items[1:]] if items else []
        return {"class_name": "Sequential", "config": [piece for item in items for piece in self.pieces(item)]}

    # --- functional -------------------------------------------------------------

    def functional(self, config: Mapping[str, Any]) -> Entry:
        entries = [_entry(item) for item in config["layers"]]
        pieces = [self.pieces(entry) for entry in entries]
        results = {_name(entry): _name(places[-1]) for entry, places in zip(entries, pieces, strict=True)}
        layers = []
        for entry, places in zip(entries, pieces, strict=True):
            layers += linked(places, _name(entry), _redirected(_nodes(entry), results))
        ends = {key: _redirected(config.get(key) or [], results) for key in ("input_layers", "output_layers")}
        ends["input_layers"] = _entered(ends["input_layers"], {_name(entry): entry for entry in entries})
        return {**config, "layers": layers, **ends}


def is_model(entry: Mapping[str, Any]) -> bool:
    config = entry.get("config")
    graph = isinstance(config, Mapping) and "layers" in config and "output_layers" in config
    return entry.get("class_name") == "Sequential" or graph


def linked(places: Sequence[Entry], name: str, nodes: list[Any], calls_before: int = 0) -> list[Entry]:
    """Entries of a graph for the pieces of one layer: the first is called on `nodes`, each other on the one before."""
    entries = []
    for place in places:
        own_name = name if len(places) == 1 else _name(place)
        entries.append({**place, "name": own_name, "inbound_nodes": nodes})
        nodes = [[[own_name, calls_before + call, 0]] for call in range(len(nodes))]
    return entries


def _entered(references: Any, entries: Mapping[str, Entry]) -> Any:
    """References to a graph's inputs, each to an input layer.

    A layer that gave Keras 1 back the tensor it was called on took the tensor over: the file names
    the last such layer in place of the input.
    """
    if not isinstance(references, list):
        return references
    entered = []
    for reference in references:
        passed: set[str] = set()
        while (name := _layer_of(reference)) in entries and name not in passed and _gives_back(entries[name]):
            passed.add(name)
            reference = _nodes(entries[name])[0][0]
        entered.append(reference)
    return entered


def _layer_of(reference: Any) -> str:
    return reference[0] if isinstance(reference, list) and reference and isinstance(reference[0], str) else ""


def _gives_back(entry: Entry) -> bool:
    """Whether a layer is called on one tensor and Keras 1 returned that tensor itself."""
    class_name, config, nodes = entry["class_name"], entry.get("config"), _nodes(entry)
    if not isinstance(config, Mapping) or not (nodes and isinstance(nodes[0], list) and len(nodes[0]) == 1):
        return False
    if class_name.endswith("Dropout") or class_name.startswith("SpatialDropout"):
        return config.get("p") == 0
    linear = class_name == "Activation" and config.get("activation") == "linear"
    return linear or class_name == "ActivityRegularization"


def _nodes(entry: Entry) -> list[Any]:
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise ConfigError(f"layer '{_name(entry)}': inbound_nodes must be a list, received {nodes!r:.100}")
    return nodes


def _redirected(structure: Any, results: Mapping[str, str]) -> Any:
    """Lists of [layer, call, tensor, ...] with each layer replaced by the one that has its result."""
    if not isinstance(structure, list):
        return structure
    if structure and isinstance(structure[0], str):
        return [results.get(structure[0], structure[0]), *structure[1:]]
    return [_redirected(item, results) for item in structure]


def _name(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    name = entry.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    return str(name) if name else ""


def _is_joint(entry: Entry) -> bool:
    return entry["class_name"] == "Merge" and isinstance(entry.get("config"), Mapping) and "layers" in entry["config"]


def _with_input(entry: Entry) -> Entry:
    """A Sequential's first layer, with its input's shape also where only input_dim and input_length state it."""
    config = entry.get("config")
    if is_model(entry) or not isinstance(config, Mapping) or config.get("batch_input_shape"):
        return entry
    has_length = "input_length" in config
    sizes = [config["input_length"]] if has_length else []
    if entry["class_name"] != "Embedding" and config.get("input_dim") is not None:
        sizes.append(config["input_dim"])
    elif entry["class_name"] != "Embedding" or not has_length:
        return entry
    return {**entry, "config": {**config, "batch_input_shape": [None, *sizes]}}


class _Joined:
    """The functional model for a Sequential whose first item merges branches.

    A layer that occurs in several branches with the same name and config is shared.
    """

    def __init__(self, owner: _Upgrade) -> None:
        self.owner = owner
        self.layers: dict[str, Entry] = {}
        self.inputs: list[Any] = []

    def model(self, name: str | None, items: list[Entry]) -> Entry:
        output = self.chain(items)
        config = {"layers": list(self.layers.values()), "input_layers": self.inputs, "output_layers": [output]}
        return {"name": name, **config}

    def chain(self, items: Sequence[Entry]) -> list[Any]:
        """Add a Sequential's layers; gives the reference to its output."""
        first, *others = items
        if _is_joint(first):
            reference = self.joint(first["config"])
        else:
            first = _with_input(first)
            reference = self.call(first, [self.input(first)])
        for item in others:
            reference = self.call(item, [reference])
        return reference

    def joint(self, config: Mapping[str, Any]) -> list[Any]:
        branches = config["layers"]
        if not isinstance(branches, list) or not branches:
            raise ConfigError(f"layer '{config.get('name')}' (Merge): 'layers' must be a list of branches")
        references = [self.branch(_entry(branch)) for branch in branches]
        own = {key: value for key, value in config.items() if key != "layers"}
        return self.call({"class_name": "Merge", "config": own}, references)

    def branch(self, entry: Entry) -> list[Any]:
        config = entry.get("config")
        if entry["class_name"] == "Sequential" and isinstance(config, list) and config:
            return self.chain([_entry(item) for item in config])
        if is_model(entry) and isinstance(config, Mapping):
            return self.graph(self.owner.model(entry)["config"])
        return self.chain([entry])

    def graph(self, config: Mapping[str, Any]) -> list[Any]:
        """Add the layers of a functional model with one output."""
        for layer in config["layers"]:
            self._check_new(_name(layer))
            self.layers[_name(layer)] = layer
        inputs, outputs = config.get("input_layers"), config.get("output_layers")
        if not isinstance(inputs, list) or not isinstance(outputs, list) or len(outputs) != 1:
            raise ConfigError(
                f"model '{config.get('name')}', a merged branch, must list its inputs and one output, "
                f"received {inputs!r:.100} and {outputs!r:.100}"
            )
        self.inputs += inputs
        return outputs[0]

    def input(self, first: Entry) -> list[Any]:
        """Add the input that the first layer of a branch describes."""
        config = _input_config(first)
        name = f"{_name(first) or first['class_name'].lower()}_input"
        if name in self.layers:
            name = f"{name}_{len(self.inputs) + 1}"
        entry = {"class_name": "InputLayer", "name": name, "config": {**config, "name": name}, "inbound_nodes": []}
        self.layers[name] = entry
        self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def call(self, entry: Entry, references: list[Any]) -> list[Any]:
        """Add a call of a layer, and the layer unless it is there already."""
        name = _name(entry) or f"{entry['class_name'].lower()}_{len(self.layers)}"
        pieces = self.owner.pieces(entry)
        shared = self.layers.get(name if len(pieces) == 1 else _name(pieces[0]))
        calls_before = len(shared["inbound_nodes"]) if shared else 0
        for place in linked(pieces, name, [references], calls_before):
            known = self.layers.setdefault(place["name"], {**place, "inbound_nodes": []})
            if known["config"] != place["config"]:
                self._check_new(place["name"])
            known["inbound_nodes"] = known["inbound_nodes"] + place["inbound_nodes"]
        return [known["name"], calls_before + (1 if is_model(known) else 0), 0]

    def _check_new(self, name: str) -> None:
        if name in self.layers:
            raise ConfigError(f"two different layers of merged branches are named '{name}'")


def _input_config(entry: Entry) -> Entry:
    """Shape and dtype of the input that a first layer or nested model expects. Raises ConfigError."""
    config = entry.get("config")
    if entry["class_name"] == "Sequential" and isinstance(config, list) and config:
        return _input_config(_with_input(_entry(config[0])))
    if is_model(entry) and isinstance(config, Mapping):
        inputs = [item for item in config["layers"] if item.get("class_name") == "InputLayer"]
        if len(inputs) == 1:
            return _input_config(inputs[0])
    elif isinstance(config, Mapping) and config.get("batch_input_shape"):
        return {"batch_input_shape": config["batch_input_shape"], "dtype": config.get("input_dtype", "float32")}
    raise ConfigError(f"'{_name(entry)}', first in a merged branch, does not state the shape of its input")
