"""A model that is a graph of operators rather than of layers, as an ONNX file holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, InputError, SaveError
from ..executor import Executor, QuickCall
from ..ir import Constant, Graph, Parameter, TensorType, Value, Variable
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..progress import ProgressBar
from ..tree import pack_like
from .data import arrange, as_input, batch_size_for, split, unify_batch
from .model import Model
from .table import render


@dataclass(frozen=True)
class Signature:
    """A declared input or output. dtype is None for what is no tensor of the IR, shape where the rank is open."""

    name: str
    dtype: str | None
    shape: tuple[Any, ...] | None

    def __str__(self) -> str:
        dims = "?" if self.shape is None else ", ".join("None" if d is None else str(d) for d in self.shape)
        return f"{self.name}: {self.dtype or 'value of the host'}({dims})"


class Program(Protocol):
    """What runs a graph model."""

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """The outputs for inputs by name."""

    def graph(self) -> Graph | None:
        """The whole as one graph with open dimensions, if its shapes allow that."""

    def quick_calls(self) -> Mapping[Any, QuickCall]:
        """By the shapes of all inputs: what answers without the Python of a call, if the whole is one graph."""

    def whole(self) -> tuple[Executor, list[str], list[str]] | None:
        """What runs all of it, and the names of its inputs and outputs; None if there is more than one graph."""

    def beginning(self, batch: int) -> tuple[Executor, str]:
        """What runs first for inputs of so many rows, and in words what follows it ("" for nothing)."""


class GraphModel(Model):
    """A model whose content is a graph with named inputs, outputs and weights.

    Predicts, is trained, called, summarised, and has its weights read and set as any model; it has no layers.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Signature],
        outputs: Sequence[Signature],
        variables: Sequence[Variable],
        operators: Mapping[str, int],
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.program = program
        self.input_signatures = list(inputs)
        self.output_signatures = list(outputs)
        self.operators = dict(operators)
        self._own_weights.extend(variables)
        self.built = True

    @property
    def layers(self) -> list[Layer]:
        return []

    @property
    def inputs(self) -> list[Any]:
        return [_value(signature) for signature in self.input_signatures]

    @property
    def outputs(self) -> list[Any]:
        return [_value(signature) for signature in self.output_signatures]

    @property
    def input_names(self) -> list[str]:
        return [signature.name for signature in self.input_signatures]

    @property
    def output_names(self) -> list[str]:
        return [signature.name for signature in self.output_signatures]

    def graph(self) -> Graph:
        """The model as IR with open dimensions. Raises ArgumentError where shapes depend on the input's."""
        graph = self.program.graph()
        if graph is None:
            raise ArgumentError(
                f"model '{self.name}' has no single graph: its shapes depend on those of its inputs, or it has "
                "control flow or operators that the host runs"
            )
        return graph

    # --- training ---------------------------------------------------------------

    @property
    def own_weights(self) -> list[Variable]:
        """The weights in the order of the file, whether they are trained or not."""
        return list(self._own_weights)

    def freeze(self, *patterns: str) -> list[str]:
        """Leave weights as they are in training: those whose names match, where `*` stands for anything.

        Returns their names. Raises ArgumentError for a pattern that matches none. Compile the model afterwards.
        """
        return self._set_trainable(patterns, False)

    def unfreeze(self, *patterns: str) -> list[str]:
        """Let training change weights by name or pattern, as in `freeze`."""
        return self._set_trainable(patterns, True)

    def _set_trainable(self, patterns: Sequence[str], value: bool) -> list[str]:
        found: list[str] = []
        for pattern in patterns:
            matching = [weight for weight in self._own_weights if fnmatchcase(weight.name, pattern)]
            if not matching:
                names = ", ".join(weight.name for weight in self._own_weights[:8])
                raise ArgumentError(f"model '{self.name}' has no weight {pattern!r}; it has {names}, ...")
            for weight in matching:
                weight.trainable = value
            found += [weight.name for weight in matching]
        return found

    def training_inputs(self) -> list[Value]:
        return [self._typed(signature) for signature in self.input_signatures]

    def _typed(self, signature: Signature) -> Value:
        if signature.dtype is None or signature.shape is None:
            raise ArgumentError(f"model '{self.name}': input {signature} has no declared type, which training needs")
        return _value(signature)

    def training_arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        return self._arrays(data, any_batch)

    def emit_outputs(self, b: Emitter, inputs: list[Value]) -> list[Value]:
        """The graph's nodes on other inputs. Raises ArgumentError where there is no single graph."""
        graph = self.graph()
        values: dict[Value, Value] = dict(zip(graph.inputs, inputs, strict=True))

        def entered(value: Value | None) -> Value | None:
            if isinstance(value, Parameter):
                return b.parameter(value.variable)
            return value if value is None or isinstance(value, Constant) else values[value]

        for node in graph.nodes:
            with b.origin(node.origin):
                outputs = b.apply(node.op, *map(entered, node.inputs), **node.attrs)
            values.update(zip(node.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))
        return [output for output in map(entered, graph.outputs) if output is not None]

    # --- running ----------------------------------------------------------------

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs or len(args) != 1:
            raise ArgumentError(f"model '{self.name}' is called with its inputs alone")
        outputs = self.pack(self._run(self._arrays(args[0])))
        self._quick, self._is_lone = self.program.quick_calls(), len(self.output_signatures) == 1
        return outputs

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for x: batch by batch where all inputs and outputs have a batch axis, else in one run.

        x: an array, a list, or a dict by input name. Returns an array, or a list of several. Raises InputError.
        """
        if callbacks or steps is not None:
            raise ArgumentError("predict: callbacks and steps are not for models without layers")
        if not self._is_batched():
            return self.run((x,), {})
        values = [_value(signature) for signature in self.input_signatures]
        arrays = self._arrays(x, any_batch=True)
        count, size = unify_batch(arrays, self.input_names), batch_size_for(values, batch_size)
        if not count:
            raise InputError(f"model '{self.name}': there is no sample to predict")
        bar = ProgressBar(-(-count // size), verbose)
        results = []
        for batch in split(arrays, values, count, size):
            results.append(self._run(batch))
            bar.advance()
        bar.close()
        if any(len(part) != len(batch[0]) for part in results[-1]):
            raise InputError(
                f"model '{self.name}': outputs have another number of samples than inputs; call it instead"
            )
        return self.pack([np.concatenate(parts) for parts in zip(*results, strict=True)])

    def _is_batched(self) -> bool:
        """Whether the first axes of all inputs and outputs are the same open one, or "batch" by position."""
        signatures = [*self.input_signatures, *self.output_signatures]
        if any(signature.dtype is None or not signature.shape for signature in signatures):
            return False
        sizes = {signature.shape[0] for signature in signatures if signature.shape}
        return len(sizes) == 1 and isinstance(next(iter(sizes)), str) and bool(self.input_signatures)

    def _arrays(self, data: Any, any_batch: bool = False) -> list[Any]:
        if not self.input_signatures:
            return []
        structure = self.input_names if len(self.input_names) > 1 else self.input_names[0]
        entries = arrange(data, self.input_names, structure, f"model '{self.name}'")
        return [self._array(e, s, any_batch) for e, s in zip(entries, self.input_signatures, strict=True)]

    def _array(self, entry: Any, signature: Signature, any_batch: bool) -> Any:
        if signature.dtype is None:
            return entry
        if signature.shape is None:
            return np.asarray(entry, None if signature.dtype == "string" else signature.dtype)
        return as_input(entry, _value(signature), any_batch)

    def _run(self, arrays: list[Any]) -> list[Any]:
        outputs = self.program.run(dict(zip(self.input_names, arrays, strict=True)))
        self._keep(arrays)
        return outputs

    def whole(self) -> tuple[Executor, list[int], list[int]] | None:
        found = self.program.whole()
        if found is None or not set(self.output_names) <= set(found[2]):
            return None
        executor, reads, writes = found
        return executor, list(map(self.input_names.index, reads)), list(map(writes.index, self.output_names))

    @property
    def predicts(self) -> str:
        return "batches" if self._is_batched() else "whole"

    def pack(self, arrays: list[Any]) -> Any:
        return pack_like("" if len(arrays) == 1 else [""] * len(arrays), arrays)

    # --- files ------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        raise SaveError(f"model '{self.name}' is a graph of operators without layers: it has no Keras config")

    def save(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Write the model as `.onnx`. Raises SaveError for other formats, which hold layers."""
        if not str(filepath).lower().endswith(".onnx"):
            raise SaveError(f"{filepath}: model '{self.name}' is a graph of operators without layers; save it as .onnx")
        super().save(filepath, overwrite, **options)

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Not possible: raises SaveError."""
        raise SaveError(f"{filepath}: model '{self.name}' is a graph of operators without layers: save it as .onnx")

    def summary(self, print_fn: Any = None, line_length: int = 88, **options: Any) -> None:
        """Print inputs, outputs, and how many nodes there are of each operator."""
        rows = [
            [op, f"{count:,}"] for op, count in sorted(self.operators.items(), key=lambda item: (-item[1], item[0]))
        ]
        widths = [line_length * 2 // 3, line_length - line_length * 2 // 3]
        lines = [
            f'Model: "{self.name}"',
            *(f" Input {signature}" for signature in self.input_signatures),
            render(["Operator", "Nodes"], rows, widths, ["left", "right"], line_length),
            *(f" Output {signature}" for signature in self.output_signatures),
            f" Total params: {self.count_params():,} in {len(self.weights)} weights",
        ]
        (print_fn or print)("\n".join(lines))


def _value(signature: Signature) -> Value:
    return Value(TensorType(signature.dtype or "string", signature.shape or ()), signature.name)
