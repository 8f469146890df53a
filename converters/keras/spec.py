"""An architecture as read from a file, the same for every Keras generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Writer(NamedTuple):
    """Who wrote a file.

    generation: 1, 2 or 3, the Keras major version whose rules it follows. version: as the file says
    it, "2.2.4-tf", or empty. backend: "tensorflow", "theano" or another, where known.
    """

    generation: int
    version: str = ""
    backend: str | None = None


class TensorRef(NamedTuple):
    """Output `tensor` of call `call` of the layer of that name, counted as the file counts."""

    layer: str
    call: int
    tensor: int


@dataclass
class CallSpec:
    """One call of a layer: nests of constants and TensorRefs."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass
class LayerSpec:
    """One layer: its class and config, and where it is called.

    module: Keras's module of the class, if the file says so. model: set when the layer is a model.
    """

    class_name: str
    name: str
    config: dict[str, Any]
    module: str | None = None
    registered_name: str | None = None
    build_config: Any = None
    calls: list[CallSpec] = field(default_factory=list)
    model: ModelSpec | None = None


@dataclass
class ModelSpec:
    """A Sequential or functional model.

    sequential: layers are a chain; inputs and outputs are then empty.
    inputs, outputs: nests of TensorRefs.
    """

    class_name: str
    name: str | None
    layers: list[LayerSpec]
    writer: Writer
    sequential: bool
    inputs: Any = None
    outputs: Any = None
    trainable: bool = True
    build_input_shape: Any = None


def refs(structure: Any) -> Iterator[TensorRef]:
    """The TensorRefs in a nest, in order."""
    if isinstance(structure, TensorRef):
        yield structure
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from refs(item)
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from refs(item)


def map_refs(function: Callable[[TensorRef], TensorRef], structure: Any) -> Any:
    """The same nest with `function` applied to every TensorRef."""
    if isinstance(structure, TensorRef):
        return function(structure)
    if isinstance(structure, dict):
        return {key: map_refs(function, item) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_refs(function, item) for item in structure])
    return structure
