"""Several optimizers for one model. Source: keras.src.optimizers.multi_optimizer 3.15."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from ...config import Configurable, Field, Kind, registered
from ...config import serialize as serialize_object
from ...errors import ArgumentError
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from .base import Optimizer, Rate
from .common import MODULE
from .lookup import get
from .loss_scale import LossScaleOptimizer


def _parse_single(value: Any, owner: Any = None) -> Optimizer:
    optimizer = get(value)
    if optimizer is None or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise TypeError
    return optimizer


def _parse_map(value: Any, owner: Any) -> dict[str, Optimizer]:
    return {str(pattern): _parse_single(optimizer) for pattern, optimizer in (value or {}).items()}


_Single = Kind(
    "an optimizer that is neither a LossScaleOptimizer nor a MultiOptimizer", _parse_single, serialize_object
)
_Patterns = Kind(
    "a dict of such optimizers by patterns of paths",
    _parse_map,
    lambda value: {pattern: serialize_object(optimizer) for pattern, optimizer in value.items()},
)


@registered(MODULE)
class OptimizerMap(Configurable, MutableMapping[str, Optimizer]):
    """Optimizers by patterns that a variable's whole path must match, and one for all others."""

    default_optimizer = Field(_Single)
    optimizer_map = Field(_Patterns, None)

    def __getitem__(self, key: str) -> Optimizer:
        """The optimizer of a path. Raises ArgumentError if two patterns match it."""
        known: dict[str, Optimizer] = self.optimizer_map
        if key in known:
            return known[key]
        matching = [pattern for pattern in known if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ArgumentError(f"{self}: several patterns match '{key}': {', '.join(matching)}")
        chosen: Optimizer = known[matching[0]] if matching else self.default_optimizer
        return chosen

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self.optimizer_map:
            raise ArgumentError(f"{self}: has an optimizer for '{key}'")
        self.optimizer_map = {**self.optimizer_map, key: optimizer}

    def __delitem__(self, key: str) -> None:
        del self.optimizer_map[key]

    def __len__(self) -> int:
        return len(self.optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self.optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]


def _parse_chooser(value: Any, owner: Any) -> Callable[[Variable], Optimizer]:
    if isinstance(value, Mapping) and value.get("class_name") == "OptimizerMap" and not isinstance(value, OptimizerMap):
        made: OptimizerMap = OptimizerMap.from_config(value["config"])
        return made
    if not callable(value):
        raise TypeError
    return value


Shares = list[tuple[Optimizer, list[Any]]]


class _NoRate(Rate):
    """No learning rate: each optimizer has its own. What Keras keeps for it stays as a variable."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        raise AttributeError("a MultiOptimizer has no learning rate: take that of one of its `optimizers`")

    def __set__(self, instance: Any, value: Any) -> None:
        if "learning_rate" in instance._values:
            raise ArgumentError(f"{instance}: set the learning rate of one of its `optimizers`")
        super().__set__(instance, value)


@registered(MODULE)
class MultiOptimizer(Optimizer):
    """Each variable is left to the optimizer that `optimizer_map`, a function of variables, gives for it."""

    positional = ("optimizer_map", "loss_scale_factor", "name")

    learning_rate = _NoRate(Optimizer.learning_rate.kind, 0.0)
    optimizer_map = Field(Kind("an OptimizerMap or a function of variables", _parse_chooser, serialize_object))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for optimizer in self._known:
            optimizer.loss_scale_factor = self.loss_scale_factor

    @property
    def _known(self) -> list[Optimizer]:
        """The optimizers of a map, which are known before any variable is."""
        chooser = self.optimizer_map
        return [*chooser.values(), chooser.default_optimizer] if isinstance(chooser, OptimizerMap) else []

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        self.trained = list(variables)
        chosen = [Field(_Single).parse(self.optimizer_map(variable), self) for variable in self.trained]
        self.optimizers: list[Optimizer] = list(
            {id(optimizer): optimizer for optimizer in (*self._known, *chosen)}.values()
        )
        self._chosen = {id(variable): optimizer for variable, optimizer in zip(self.trained, chosen, strict=True)}
        for optimizer, own in self._shares(self.trained, lambda variable: variable):
            optimizer.loss_scale_factor = self.loss_scale_factor
            optimizer.build(own)
        self.built = True

    def _shares(
        self, items: Sequence[Any], variable_of: Callable[[Any], Variable]
    ) -> list[tuple[Optimizer, list[Any]]]:
        """What each optimizer is to take of items, without those that have nothing to take."""
        shares: dict[int, list[Any]] = {}
        for item in items:
            shares.setdefault(id(self._chosen[id(variable_of(item))]), []).append(item)
        return [(optimizer, shares[id(optimizer)]) for optimizer in self.optimizers if id(optimizer) in shares]

    @property
    def variables(self) -> list[Variable]:
        """This optimizer's own variables, then those of each of its optimizers."""
        inner = self.optimizers if self.built else []
        return [*self._own, *(variable for optimizer in inner for variable in optimizer.variables)]

    def emit_updates(self, b: Emitter, gradients_and_variables: Iterable[tuple[Value | None, Variable]]) -> None:
        """A step of each optimizer for its own variables."""
        pairs = list(gradients_and_variables)
        self.build(variable for _, variable in pairs)
        for optimizer, own in self._shares(pairs, lambda pair: pair[1]):
            optimizer.emit_updates(b, own)
        b.update(self.iteration, b.add(b.parameter(self.iteration), 1))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        for optimizer, own in self._shares(list(var_list), lambda variable: variable):
            optimizer.finalize_variable_values(own)

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer_map": serialize_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }
