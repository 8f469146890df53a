"""fit, evaluate and single batches: data of every kind, names of logs, errors before anything changes."""

from __future__ import annotations

import os
import signal
import warnings
from typing import Any

import numpy as np
import pytest

from kcompat import callbacks, layers, losses, metrics, models, ops, optimizers, utils
from kcompat.errors import ArgumentError, InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
LABELS = RNG.integers(0, 2, 20)


def small(loss: Any = "mse", optimizer: Any = "sgd", activation: str | None = None, **settings: Any) -> models.Model:
    utils.set_random_seed(1)
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(2, activation)])
    model.compile(optimizer, loss, **settings)
    return model


def weights_after(*args: Any, **options: Any) -> list[np.ndarray]:
    model = small(**options.pop("model", {}))
    model.fit(*args, verbose=0, **options)
    return model.get_weights()


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


class Batches(utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return X[index * 5 : index * 5 + 5], Y[index * 5 : index * 5 + 5]


def generator() -> Any:
    while True:
        yield from (Batches()[index] for index in range(4))


# --- data ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((X.tolist(), Y.tolist()), {"batch_size": 5}),
        ((X.astype(np.float64), Y.astype(np.float64)), {"batch_size": 5}),
        ((X, Y), {"steps_per_epoch": 4}),
        (([X], [Y]), {"batch_size": 5}),
        ((Batches(),), {}),
        ((generator(),), {"steps_per_epoch": 4}),
        (([[*batch] for batch in map(Batches().__getitem__, range(4))].__iter__(),), {"epochs": 1}),
        ((X, Y), {"batch_size": 5, "sample_weight": np.ones(20)}),
    ],
)
def test_data_of_every_kind_train_alike(data: Any, options: dict[str, Any]) -> None:
    epochs = options.get("epochs", 3)
    expected = weights_after(X, Y, batch_size=5, shuffle=False, epochs=epochs)
    assert_same(weights_after(*data, shuffle=False, **{"epochs": 3, **options}), expected)


def test_inputs_and_targets_by_name() -> None:
    a, b = layers.Input((4,), name="a"), layers.Input((2,), name="b")
    h = layers.Concatenate()([a, b])
    model = models.Model([a, b], [layers.Dense(2, name="u")(h), layers.Dense(1, "sigmoid", name="v")(h)])
    model.compile("adam", {"u": "mse", "v": "bce"}, metrics={"v": "accuracy"})
    history = model.fit({"b": Y, "a": X}, {"v": LABELS[:, None], "u": Y}, verbose=0, validation_split=0.25)
    names = ["loss", "u_loss", "v_accuracy", "v_loss"]
    assert list(history.history) == [*names, *(f"val_{name}" for name in names)]
    assert len(model.evaluate([X, Y], [Y, LABELS[:, None]], verbose=0)) == 4


def test_an_output_without_a_loss_needs_no_targets() -> None:
    x = layers.Input((4,))
    model = models.Model(x, [layers.Dense(2, name="u")(x), layers.Dense(3, name="v")(x)])
    model.compile("sgd", ["mse", None])
    before = model.layers[2].get_weights()
    with pytest.warns(UserWarning, match="gradients do not exist for variables .*v/kernel"):
        history = model.fit(X, [Y], verbose=0)
    assert list(history.history) == ["loss"]
    assert_same(model.layers[2].get_weights(), before)


def test_validation_takes_the_last_samples() -> None:
    model = small()
    history = model.fit(X, Y, validation_split=0.25, verbose=0, shuffle=False)
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[15:], Y[15:], verbose=0), rel=1e-5)


def test_validation_is_due_as_asked() -> None:
    for frequency, count in ((2, 2), ([1, 4], 2), (5, 0)):
        history = small().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=frequency, verbose=0)
        assert len(history.history.get("val_loss", [])) == count


def test_class_weights_are_sample_weights() -> None:
    options = {"model": {"loss": "sparse_categorical_crossentropy", "activation": "softmax"}, "shuffle": False}
    weights = np.where(LABELS == 1, 3.0, 1.0)
    assert_same(
        weights_after(X, LABELS, class_weight={1: 3.0}, **options),
        weights_after(X, LABELS, sample_weight=weights, **options),
    )


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffling_is_seeded(shuffle: Any) -> None:
    first, second = (weights_after(X, Y, batch_size=6, epochs=2, shuffle=shuffle) for _ in range(2))
    assert_same(first, second)
    plain = weights_after(X, Y, batch_size=6, epochs=2, shuffle=False)
    assert not np.allclose(first[0], plain[0])


def test_data_sets_are_evaluated_and_predicted() -> None:
    model = small()
    assert model.evaluate(Batches(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    np.testing.assert_allclose(model.predict(Batches(), verbose=0), model.predict(X, verbose=0), rtol=1e-5)


def test_a_generator_goes_on_from_epoch_to_epoch() -> None:
    seen: list[int] = []

    def numbered() -> Any:
        for number in range(100):
            seen.append(number)
            yield X, Y

    small().fit(numbered(), steps_per_epoch=3, epochs=4, verbose=0)
    assert seen == list(range(12))


def test_a_generator_begins_each_pass_with_its_first_two_batches() -> None:
    """As Keras does, which keeps the batches that it has looked at."""
    seen: list[int] = []

    def numbered() -> Any:
        yield from ((np.full((1, 4), number), np.zeros((1, 2))) for number in range(100))

    model = small()
    take = model.trainer.take
    model.trainer.take = lambda data, **options: seen.append(int(data[0][0, 0])) or take(data, **options)
    model.fit(X, Y, epochs=3, validation_data=numbered(), validation_steps=3, verbose=0)
    assert seen == [0, 1, 2, 0, 1, 3, 0, 1, 4]


def test_a_generator_that_is_used_up_warns() -> None:
    with pytest.warns(UserWarning, match="ended after 2 of 4 steps"):
        small().fit(iter([(X, Y)] * 4), epochs=2, verbose=0)


def test_data_sets_hear_of_the_ends_of_epochs() -> None:
    """The order is that of Keras 3.15.1, where an end comes before the first beginning of training or evaluation."""
    heard: list[str] = []

    class Listening(Batches):
        def on_epoch_begin(self) -> None:
            heard.append("begin")

        def on_epoch_end(self) -> None:
            heard.append("end")

    model = small()
    model.fit(Listening(), epochs=2, verbose=0)
    assert heard == ["end", "begin", "end", "begin", "end"]
    heard.clear()
    model.evaluate(Listening(), verbose=0)
    assert heard == ["end", "begin", "end"]
    heard.clear()
    model.predict(Listening(), verbose=0)
    assert heard == ["begin", "end"]


def test_data_that_end_too_early_warn() -> None:
    with pytest.warns(UserWarning, match="ended after 2 of 5 steps"):
        small().fit(iter([(X, Y)] * 2), steps_per_epoch=5, verbose=0)


def test_initial_epoch() -> None:
    history = small().fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]


def test_an_unbuilt_model_is_built_by_its_data() -> None:
    model = models.Sequential([layers.Dense(3), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    assert len(model.fit(X, Y, epochs=2, verbose=0).history["mae"]) == 2


# --- what is compiled ---------------------------------------------------------------


def test_a_model_that_is_compiled_again_keeps_its_loss_and_metrics() -> None:
    model = small("mae", metrics=["mse"])
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)
    model.compile("adam")
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == expected
    model.compile("adam", "mse", weighted_metrics=["mae"])
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "mae"}
    model.compile("adam", "mse", metrics=[])
    assert model.evaluate(X, Y, verbose=0, return_dict=True).keys() == {"loss"}


def test_train_on_batch_and_test_on_batch() -> None:
    model = small(metrics=["mae"])
    before = model.test_on_batch(X, Y, return_dict=True)
    assert set(before) == {"loss", "mae"}
    loss, _ = model.train_on_batch(X, Y)
    assert loss == pytest.approx(before["loss"], rel=1e-6)
    assert model.test_on_batch(X, Y)[0] < loss


def test_metrics_of_a_batch_forget_those_before() -> None:
    model = small(metrics=["mae"], optimizer=optimizers.SGD(0.0))
    alone = model.test_on_batch(X[:5], Y[:5])
    model.train_on_batch(X[5:], Y[5:])
    np.testing.assert_allclose(model.train_on_batch(X[:5], Y[:5]), alone, rtol=1e-6)


def test_people_s_own_losses_metrics_and_regularizers() -> None:
    def distance(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    class Shrink:
        def __call__(self, w: Any) -> Any:
            return 0.1 * ops.sum(ops.square(w))

    class Worst(metrics.Metric):
        def build(self) -> None:
            self.worst = self.add_variable(name="worst")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.worst.assign(max(float(self.worst.value), float(np.abs(y_true - y_pred).max())))

        def result(self) -> Any:
            return self.worst.value

    model = small(distance, metrics=[distance, Worst(name="worst")])
    model.layers[0].kernel.regularizer = Shrink()
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    error = np.abs(Y - model.predict(X, verbose=0))
    penalty = 0.1 * np.square(model.layers[0].kernel.value).sum()
    assert logs["distance"] == pytest.approx(error.mean(), rel=1e-5)
    assert logs["worst"] == pytest.approx(error.max(), rel=1e-5)
    assert logs["loss"] == pytest.approx(error.mean() + penalty, rel=1e-5)
    assert model.fit(X, Y, epochs=20, verbose=0).history["loss"][-1] < logs["loss"]


def test_the_loss_may_come_from_layers_alone() -> None:
    x = layers.Input((4,))
    model = models.Model(x, layers.Dense(3, activity_regularizer="l2")(x))
    model.compile("sgd")
    history = model.fit(X, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_learning_rates_can_be_set_between_fits() -> None:
    model = small(optimizer=optimizers.SGD(0.1))
    model.fit(X, Y, verbose=0)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert_same(model.get_weights(), before)


def test_freezing_and_compiling_again() -> None:
    model = small()
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match="'trainable' of dense.* has changed since compile"):
        model.fit(X, Y, verbose=0)
    model.compile("adam", "mse")
    frozen, free = model.layers[0].get_weights(), model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    assert_same(model.layers[0].get_weights(), frozen)
    assert not np.allclose(model.layers[1].get_weights()[0], free[0])


def test_losses_of_models_in_half_precision_are_scaled() -> None:
    x = layers.Input((4,))
    model = models.Functional(x, layers.Dense(2, dtype="mixed_float16")(x), dtype="mixed_float16")
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer)
    history = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert isinstance(model.optimizer, optimizers.SGD)


def test_logs_of_repeated_metrics() -> None:
    model = small(metrics=["mse", "mse"], weighted_metrics=["mse", losses.MeanSquaredError(name="own")])
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert sorted(logs) == ["loss", "mse", "mse_1", "own", "weighted_mse"]


# --- progress -----------------------------------------------------------------------


def test_progress_lines(capsys: pytest.CaptureFixture[str]) -> None:
    small().fit(X, Y, epochs=2, batch_size=5, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[2]] == ["Epoch 1/2", "Epoch 2/2"]
    assert lines[1].startswith("4/4 - 0s - ")
    assert " - loss: " in lines[1]
    small(metrics=["mae"]).evaluate(X, Y, batch_size=5)
    assert " - loss: " in (out := capsys.readouterr().out)
    assert out.startswith("4/4 ━━━━━━━━━━━━━━━━━━━━ 0s ")


# --- errors -------------------------------------------------------------------------

BAD_NAMES = [
    ({"loss": "msee"}, "unknown loss 'msee'"),
    ({"optimizer": "adamm"}, "unknown optimizer 'adamm'"),
    ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'"),
    ({"metrics": "mae"}, "metrics must be a list or a dict"),
    ({"loss": ["mse", "mae"]}, "loss must have an entry for each of the 1 outputs"),
    ({"loss": {"nothing": "mse"}}, "loss has keys .'nothing'.; the model's outputs are"),
    ({"loss_weights": [1.0, 2.0]}, "loss_weights must have an entry"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_NAMES)
def test_unknown_names_are_told_by_compile(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        small(**settings)


BAD_DATA = [
    ((X, Y[:7]), {}, InputError, "different numbers of samples: {'x': .20., 'y': .7."),
    ((X[:0], Y[:0]), {}, InputError, "there is no sample"),
    ((X[:, :3], Y), {}, InputError, "takes shape .None, 4., received .20, 3."),
    ((X, Y[:, :1].repeat(3, 1)), {}, ValueError, "loss 'mse'|loss 'mean_squared_error'"),
    ((X, None), {}, InputError, "has a loss and needs targets"),
    ((X, Y.astype(str)), {}, InputError, "y must be numbers"),
    ((X, Y), {"batch_size": 0}, ArgumentError, "batch_size"),
    ((X, Y), {"validation_split": 1.5}, ArgumentError, "validation_split"),
    ((X, Y), {"validation_split": 0.99}, ArgumentError, "too few"),
    ((X, Y), {"class_weight": [1, 2]}, ArgumentError, "class_weight must be a dict"),
    ((X, Y), {"class_weight": {0: 1}, "sample_weight": np.ones(20)}, ArgumentError, "cannot both"),
    ((X, Y), {"callbacks": [3]}, ArgumentError, "callbacks must be"),
    ((X, Y), {"verbose": 3}, ArgumentError, "verbose must be"),
    ((X, Y), {"steps_per_epoch": 0}, ArgumentError, "steps must be"),
    ((X, Y), {"validation_data": (X, Y), "validation_freq": 0}, ArgumentError, "validation_freq"),
    ((Batches(), Y), {}, ArgumentError, "a stream gives targets"),
    ((Batches(),), {"batch_size": 3}, ArgumentError, "batch_size is for arrays"),
    ((Batches(),), {"validation_split": 0.1}, ArgumentError, "validation_split is for arrays"),
]


@pytest.mark.parametrize(("data", "options", "error", "message"), BAD_DATA)
def test_bad_data_change_nothing(data: Any, options: Any, error: type[Exception], message: str) -> None:
    model = small(metrics=["mae"])
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(*data, **{"verbose": 0, **options})
    assert_same(model.get_weights(), before)


@pytest.mark.parametrize("labels", [LABELS + 1, LABELS - 1])
def test_labels_without_a_class_change_nothing(labels: np.ndarray) -> None:
    model = small("sparse_categorical_crossentropy", activation="softmax")
    before = model.get_weights()
    for data in ((X, labels), (iter([(X, labels)]),)):
        with pytest.raises(InputError, match="class numbers from 0 to 1, received"):
            model.fit(*data, verbose=0)
    assert_same(model.get_weights(), before)


def test_a_loss_that_becomes_no_number_is_told() -> None:
    with pytest.warns(UserWarning, match=r"the loss of epoch \d is NaN"):
        small(optimizer=optimizers.SGD(1e38)).fit(X, Y, batch_size=20, epochs=5, verbose=0)


def test_data_that_make_the_loss_nan_change_nothing() -> None:
    model = small()
    before = model.get_weights()
    x, y = X.copy(), Y.copy()
    x[17, 1] = y[17, 1] = np.nan
    for train in (
        lambda: model.fit(x, Y, verbose=0),
        lambda: model.fit(X, y, validation_split=0.1, verbose=0),
        lambda: model.fit(iter([(x, Y)]), verbose=0),
        lambda: model.train_on_batch(x, y),
    ):
        with pytest.raises(InputError, match=r"the loss is NaN: .* first in sample 17"):
            train()
    assert_same(model.get_weights(), before)


def test_a_callback_may_look_for_nan_itself() -> None:
    model = small()
    history = model.fit(X, Y * np.nan, verbose=0, epochs=3, callbacks=[callbacks.TerminateOnNaN()])
    assert history.epoch == [0]


def test_numbers_that_a_model_does_not_read_may_be_missing() -> None:
    x = layers.Input((4,))
    model = models.Model(x, layers.Dense(2)(ops.where(ops.isnan(x), 0.0, x)))
    model.compile("sgd", "mse")
    model.fit(np.where(X > 1, np.nan, X), Y, verbose=0)


def test_a_stream_without_a_batch_is_no_data() -> None:
    with pytest.raises(InputError, match="ended before its first batch"):
        small().fit(iter([]), verbose=0)


def test_a_model_that_is_not_compiled() -> None:
    model = models.Sequential([layers.Input((4,)), layers.Dense(2)])
    with pytest.raises(ArgumentError, match="is not compiled"):
        model.fit(X, Y)
    model.compile("sgd")
    with pytest.raises(ArgumentError, match="there is no loss"):
        model.fit(X, Y)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_an_interrupt_waits_for_the_end_of_a_step(number: int, error: type[BaseException]) -> None:
    model, steps = small(), []

    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            steps.append(batch)

    run = model.trainer.run

    def interrupted(batch: Any, training: bool) -> None:
        if len(steps) == 1:
            os.kill(os.getpid(), number)
        run(batch, training)
        assert int(model.optimizer.iterations.value) == len(steps) + 1

    model.trainer.run = interrupted  # type: ignore[method-assign]
    handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, handler)  # a process in the background ignores SIGINT
    try:
        with pytest.raises(error):
            model.fit(X, Y, batch_size=5, verbose=0, callbacks=[Interrupt()])
        assert steps == [0]
        assert signal.getsignal(number) == handler
    finally:
        signal.signal(number, before)
    model.trainer.run = run  # type: ignore[method-assign]
    with warnings.catch_warnings():
        model.fit(X, Y, verbose=0)
