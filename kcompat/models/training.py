"""How models are trained: compile, fit, evaluate, and steps with single batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ArgumentError, KcompatError
from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..random import next_seed
from ..registration import in_effect
from ..settings import limits
from .training_state import TrainingState, describe

if TYPE_CHECKING:
    from ..callbacks.history import History
    from ..training.batches import Batch
    from .trainer import Trainer


class TrainableModel(Layer):
    """The part of a model that is about training; the methods are those of Keras's models."""

    _trainer: Trainer | None = None
    _kept_state: TrainingState | None = None
    history: History
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    structure_version: int = 0
    """Grows when layers are added or removed."""

    # --- what models say of themselves ------------------------------------------

    @property
    def outputs(self) -> list[Any]:
        """The outputs, with their shapes."""
        raise NotImplementedError

    @property
    def input_structure(self) -> Any:
        """The nest in which the inputs were declared."""
        raise NotImplementedError

    @property
    def output_structure(self) -> Any:
        """The nest in which the outputs were declared, and in which predictions come."""
        raise NotImplementedError

    @property
    def output_names(self) -> list[str]:
        raise NotImplementedError

    has_named_outputs: ClassVar[bool] = True
    """Whether logs name outputs that come in a list."""

    @property
    def has_known_outputs(self) -> bool:
        """Whether `outputs` can be told before there are data."""
        return self.built

    def training_inputs(self) -> list[Value]:
        """The inputs by type and name."""
        raise NotImplementedError

    def inputs_like(self, arrays: Sequence[np.ndarray]) -> list[Value]:
        """The inputs for arrays that `training_arrays` gave."""
        return self.training_inputs()

    def input_key(self, arrays: Sequence[np.ndarray]) -> Any:
        """What of such arrays a graph depends on."""
        return None

    def training_arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        """Data as arrays in the order of the inputs. Raises InputError."""
        raise NotImplementedError

    def emit_outputs(self, b: Emitter, inputs: list[Value]) -> list[Value]:
        """The outputs, flat, for Values in the order of the inputs."""
        raise NotImplementedError

    # --- settings ---------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is to be trained.

        optimizer: a name, config or Optimizer. loss: a name, Loss or function of (y_true, y_pred), or a list or
        dict of them for several outputs, None for an output without one. loss_weights: likewise, factors.
        metrics: names, Metrics or functions, in a list or a dict; weighted_metrics: those that sample weights
        apply to. As in Keras, a model that is compiled again without a loss, or without any metrics, keeps those it
        has. auto_scale_loss: wrap the optimizer of a model in mixed_float16 in a LossScaleOptimizer. The other
        arguments say how Keras is to compute and change nothing.
        Raises ArgumentError for unknown names, settings that do not fit the model's outputs, or a class of models
        that has steps of its own.
        """
        from ..training import optimizers
        from .trainer import Trainer

        _refuse_own_steps(self)
        before = self._settings_before() if loss is None or metrics is weighted_metrics is None else None
        if loss is None and before is not None:
            loss, loss_weights = before[:2]
        if metrics is weighted_metrics is None and before is not None:
            metrics, weighted_metrics = before[2:]
        self._kept_state = None
        optimizer = optimizers.get(optimizer)
        is_scaled = optimizer is None or isinstance(optimizer, optimizers.LossScaleOptimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and not is_scaled:
            optimizer = optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        self._trainer = Trainer(self, optimizer, loss, loss_weights, metrics, weighted_metrics)
        self.stop_training = False

    def _settings_before(self) -> tuple[Any, ...] | None:
        """Loss, loss weights, metrics and weighted metrics that the model was compiled with, if they are known."""
        try:
            return self.trainer.given if self.compiled else None
        except KcompatError:
            return None

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called, or the file that the model was read from has its settings."""
        return self._trainer is not None or self._kept_state is not None

    @property
    def trainer(self) -> Trainer:
        """What `compile` made, or is made of a file's settings. Raises ArgumentError for a model without any."""
        if self._trainer is None:
            if self._kept_state is None:
                raise ArgumentError(f"model '{self.name}' is not compiled: call compile() before")
            from .io import restore_training

            state, self._kept_state = self._kept_state, None
            try:
                restore_training(self, state)
            except Exception:
                self._trainer, self._kept_state = None, state
                raise
        assert self._trainer is not None
        return self._trainer

    @property
    def optimizer(self) -> Any:
        """The optimizer that the model was compiled with, or None."""
        return self.trainer.optimizer if self.compiled else None

    @property
    def loss(self) -> Any:
        """The loss that the model was compiled with, as it was given, or None."""
        return self.trainer.given[0] if self.compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The metric of the loss, those that are attributes, one for all asked for, then those of outputs' losses."""
        compiled = self.trainer.metrics if self.compiled else []
        return [*compiled[:1], *self.__dict__.get("_held_metrics", ()), *compiled[1:]]

    def _hold(self, part: Any) -> None:
        if hasattr(part, "update_state") and hasattr(part, "reset_state"):
            self.__dict__.setdefault("_held_metrics", []).append(part)
        super()._hold(part)

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Let all metrics forget their batches."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """What all metrics have found, by name."""
        from ..callbacks.callback_list import plain_logs

        return plain_logs(self.trainer.metric_results())

    @property
    def training_state(self) -> TrainingState | None:
        """Settings and optimizer variables, as files hold them; None for a model that is not compiled."""
        return self._kept_state if self._trainer is None else describe(self._trainer)

    @training_state.setter
    def training_state(self, state: TrainingState | None) -> None:
        self._trainer, self._kept_state = None, state

    def get_compile_config(self) -> dict[str, Any]:
        """What the model was compiled with, as Keras 3 writes it; empty for a model that is not compiled."""
        state = self.training_state
        return {} if state is None else state.config

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile the model as `get_compile_config` said. Raises ArgumentError."""
        self.training_state = TrainingState(dict(config), custom_objects=in_effect())
        self.trainer  # noqa: B018 - so that unknown names are told at once

    # --- what a subclass may say anew -------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss that the model was compiled with, and what layers and regularizers add.

        A subclass may give another scalar, made of `kcompat.ops`; it is called with symbols, once for each graph.
        Source: keras.Model.compute_loss.
        """
        from ..training.compiled_loss import traced_loss

        return traced_loss(self.trainer.compiled.loss, y, y_pred, sample_weight, self.losses)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The results of all metrics, by name.

        A subclass may give others. It is called with arrays after each step, which the metrics that the model was
        compiled with have seen. Source: keras.Model.compute_metrics.
        """
        return self.get_metrics_result()

    # --- training ---------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        cache_frozen: bool = False,
    ) -> History:
        """Train for `epochs` passes over the data, and return their logs.

        x, y: arrays, or lists or dicts of them; or x alone, an iterable of batches (x, y) or (x, y, weights),
        a PyDataset or a generator. batch_size: 32 by default. verbose: "auto", 0, 1 or 2. validation_split: the
        share of the samples, from the end, that validates. validation_data: (x, y) or (x, y, weights), or a
        stream. shuffle: take arrays in another order in each epoch, or with "batch" their batches.
        class_weight: weights of the samples of classes. sample_weight: weights of samples, or of places in them.
        steps_per_epoch: batches of an epoch, by default all. validation_freq: validate after every so many
        epochs, or after those in a list. cache_frozen: compute what a frozen beginning of the model makes of
        arrays once, not in every epoch, and keep it in memory; without effect where the beginning is random.
        Raises InputError, ShapeError or ArgumentError, before any weight changes, for data that do not fit;
        an interrupt ends training after the step. Source: keras.Model.fit.
        """
        from ..training.batches import Batch, Epochs
        from . import fitting

        trainer = self.trainer
        trainer.warn_if_flags_changed()
        data, validation = fitting.arranged(self, x, y, sample_weight, class_weight, validation_split, validation_data)
        numbers = not fitting.expect_nan(callbacks)
        if numbers and isinstance(data, Batch):
            trainer.check_numbers(data)
        trainer.seed, trainer.resumed = next_seed(), None
        prefix = fitting.frozen_prefix(self, data, validation) if cache_frozen else None
        if prefix is not None:
            data = data.with_inputs(prefix.compute(data.inputs))
            validation = None if validation is None else validation.with_inputs(prefix.compute(validation.inputs))
        source = fitting.source_of(self, data, batch_size, steps_per_epoch, shuffle, class_weight, numbers)
        passes = Epochs(source, steps_per_epoch)
        validate = None
        if validation is not None:
            size = validation_batch_size or (batch_size if isinstance(validation, Batch) else None)
            batches = fitting.source_of(self, validation, size, validation_steps)
            validate = fitting.Validation(batches, validation_steps, validation_freq)
        hooks = fitting.hooks_of(self, callbacks, verbose, epochs, passes.steps, history=True)
        last = epochs if limits["epochs"] is None else min(epochs, limits["epochs"])
        fitting.train(self, passes, range(initial_epoch, last), hooks, validate, prefix)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics of data, which are given as in `fit`.

        Returns the loss alone where there are no metrics, else a list, or a dict by name with `return_dict`.
        Source: keras.Model.evaluate.
        """
        from ..training.batches import Epochs
        from . import fitting

        with self.trainer.on_features(None):
            data = fitting.data_of(self, x, y, sample_weight)
            passes = Epochs(fitting.source_of(self, data, batch_size, steps), steps)
            logs = fitting.test(self, passes, fitting.hooks_of(self, callbacks, verbose, 1, passes.steps))
        return logs if return_dict else self.trainer.in_order(logs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training with a batch; returns the loss and the metrics of this batch alone."""
        return self._on_batch(self.trainer.batch(x, y, sample_weight, class_weight), True, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of a batch alone."""
        return self._on_batch(self.trainer.batch(x, y, sample_weight), False, return_dict)

    def _on_batch(self, batch: Batch, training: bool, return_dict: bool) -> Any:
        from ..callbacks.callback_list import plain_logs

        self.trainer.refresh()
        with self.trainer.on_features(None):
            self.trainer.check(batch)
            if training:
                self.trainer.check_numbers(batch)
            self.reset_metrics()
            self.trainer.run(batch, training)
        logs = plain_logs(self.trainer.results())
        return logs if return_dict else self.trainer.in_order(logs)


def _refuse_own_steps(model: TrainableModel) -> None:
    own = [name for name in ("train_step", "test_step", "predict_step") if hasattr(model, name)]
    if own:
        raise ArgumentError(
            f"model '{model.name}' ({type(model).__name__}): {own[0]}() of its own is written for one of Keras's "
            "backends and is not supported; say what it does in compute_loss() or compute_metrics(), with a Loss, a "
            "Metric, or add_loss() in a layer"
        )
