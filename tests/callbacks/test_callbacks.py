"""Callbacks: which hooks are called when, and what each of Keras's does."""

from __future__ import annotations

import csv
import os
import signal
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcompat
from kcompat import callbacks, layers, models, optimizers, utils
from kcompat.callbacks.event_file import crc32c
from kcompat.errors import ArgumentError, FormatError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)


def small(optimizer: Any = "sgd", **settings: Any) -> models.Model:
    utils.set_random_seed(1)
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, "tanh"), layers.Dropout(0.3), layers.Dense(2)])
    model.compile(optimizer, "mse", **settings)
    return model


def fit(*used: Any, model: models.Model | None = None, **options: Any) -> callbacks.History:
    return (model or small()).fit(X, Y, verbose=0, batch_size=10, callbacks=list(used), **options)


class Feed(callbacks.Callback):
    """Puts numbers into the logs of epochs, for callbacks after it."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["fed"] = self.values[epoch]


def test_hooks_come_in_keras_order() -> None:
    calls: list[str] = []

    class All(callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                return lambda *args, **kwargs: calls.append(name.removeprefix("on_"))
            return super().__getattribute__(name)

    fit(All(), validation_data=(X, Y))
    batch, test = ["train_batch_begin", "train_batch_end"], ["test_batch_begin", "test_batch_end"]
    expected = ["train_begin", "epoch_begin", *batch * 2, "test_begin", *test * 2, "test_end", "epoch_end", "train_end"]
    assert calls == expected


def test_logs_of_batches_are_running_means() -> None:
    seen: list[dict[str, float]] = []

    class Old(callbacks.Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(dict(logs))

    history = fit(Old(), model=small(metrics=["mae"]))
    assert [list(logs) for logs in seen] == [["loss", "mae"]] * 2
    assert seen[-1]["loss"] == history.history["loss"][0]


def test_history_and_params() -> None:
    told: list[Any] = []

    class Params(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            told.append(self.params)

    model = small()
    history = fit(Params(), model=model, epochs=3)
    assert told == [{"verbose": 0, "epochs": 3, "steps": 2}]
    assert model.history is history
    assert history.epoch == [0, 1, 2]


def test_predictions_have_hooks_too() -> None:
    seen: list[Any] = []

    class Look(callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, logs["outputs"].shape))
            self.model.stop_predicting = batch == 1

    assert small().predict(X, batch_size=5, verbose=0, callbacks=[Look()]).shape == (10, 2)
    assert seen == [(0, (5, 2)), (1, (5, 2))]


def test_stop_training_ends_after_the_step() -> None:
    stop = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", True))
    model = small()
    history = fit(stop, model=model, epochs=5)
    assert history.epoch == [0]
    assert int(model.optimizer.iterations.value) == 1


def test_early_stopping_restores_the_best_weights() -> None:
    weights: list[Any] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    model = small()
    early = callbacks.EarlyStopping("fed", patience=2, mode="min", restore_best_weights=True)
    history = fit(Feed(3, 1, 2, 2, 0), keep, early, model=model, epochs=5)
    assert history.epoch == [0, 1, 2, 3]
    assert early.stopped_epoch == 3
    assert all(map(np.array_equal, model.get_weights(), weights[1]))


@pytest.mark.parametrize(
    ("options", "epochs"),
    [({"baseline": 0.5}, 2), ({"min_delta": 2}, 3), ({"start_from_epoch": 2}, 5), ({"mode": "max"}, 4)],
)
def test_early_stopping_options(options: dict[str, Any], epochs: int) -> None:
    early = callbacks.EarlyStopping("fed", **{"patience": 2, "mode": "min", **options})
    assert len(fit(Feed(3, 4, 2, 1, 2), early, epochs=5).epoch) == epochs


def test_the_direction_follows_the_metric() -> None:
    for name, mode in (("accuracy", "max"), ("loss", "min"), ("val_mae", "min")):
        early = callbacks.EarlyStopping(name)
        model = small(metrics=["accuracy", "mae"])
        fit(early, model=model, validation_split=0.5, epochs=2)
        assert early.mode == mode
    with pytest.raises(ArgumentError, match="'fed' is better high or low"):
        fit(Feed(1, 2), callbacks.EarlyStopping("fed"), epochs=2)
    with pytest.warns(UserWarning, match="'nothing' is not available; there are loss"):
        fit(callbacks.EarlyStopping("nothing"))


def test_reduce_learning_rate_on_plateau() -> None:
    model = small(optimizers.SGD(1e-3))
    plateau = callbacks.ReduceLROnPlateau("fed", factor=0.5, patience=1, mode="min", cooldown=1, min_lr=2e-4)
    history = fit(Feed(3, 3, 3, 3, 3, 3, 3), plateau, model=model, epochs=7)
    expected = [1e-3, 1e-3, 5e-4, 2.5e-4, 2e-4, 2e-4, 2e-4]
    np.testing.assert_allclose(history.history["learning_rate"], expected, rtol=1e-5)


def test_learning_rate_scheduler() -> None:
    history = fit(callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2), epochs=3)
    np.testing.assert_allclose(history.history["learning_rate"], [0.005, 0.0025, 0.00125])
    history = fit(callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1)), epochs=2)
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.2])
    with pytest.raises(ArgumentError, match="must give a float, received 1"):
        fit(callbacks.LearningRateScheduler(lambda epoch, rate: 1))


def test_model_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "new" / "m{epoch:02d}-{fed:.1f}.keras"
    model = small("adam")
    fit(Feed(3, 4, 2), callbacks.ModelCheckpoint(path, "fed", save_best_only=True, mode="min"), model=model, epochs=3)
    assert sorted(os.listdir(tmp_path / "new")) == ["m01-3.0.keras", "m03-2.0.keras"]
    again = models.load_model(tmp_path / "new" / "m03-2.0.keras")
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))
    assert int(again.optimizer.iterations.value) == 6
    fit(callbacks.ModelCheckpoint(tmp_path / "b{batch}.weights.h5", save_weights_only=True, save_freq=1))
    assert {"b1.weights.h5", "b2.weights.h5"} <= set(os.listdir(tmp_path))


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit(callbacks.CSVLogger(path, separator=";"), epochs=2)
    history = fit(callbacks.CSVLogger(path, separator=";", append=True), epochs=1)
    with path.open() as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[0] == ["epoch", "loss", "val_loss"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "0"]
    assert rows[3][1:] == [str(history.history["loss"][0]), "NA"]


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    model = small(optimizers.SGD(1e30))
    history = fit(callbacks.TerminateOnNaN(), model=model, epochs=5)
    assert len(history.epoch) < 5
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="training is terminated"):
        fit(callbacks.TerminateOnNaN(raise_error=True), model=small(optimizers.SGD(1e30)), epochs=5)


def test_swapped_averages() -> None:
    model = small(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    seen: list[Any] = []
    look = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(model.get_weights()))
    fit(callbacks.SwapEMAWeights(), look, model=model, validation_data=(X, Y))
    averages = [model.optimizer.slot(weight, "average").value for weight in model.trainable_weights]
    assert all(map(np.array_equal, seen[-1], averages))
    with pytest.raises(ArgumentError, match="use_ema=True"):
        fit(callbacks.SwapEMAWeights(), validation_data=(X, Y))


def test_lambda_callback_knows_its_hooks() -> None:
    with pytest.raises(ArgumentError, match="no hook is named 'on_epoch'"):
        callbacks.LambdaCallback(on_epoch=print)


# --- TensorBoard --------------------------------------------------------------------


def records(path: Path) -> list[bytes]:
    """The TFRecords of a file, whose checksums are right."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked(data[:8])
        found.append(data[12 : 12 + length])
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == masked(found[-1])
        data = data[16 + length :]
    return found


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_crc32c_is_castagnoli_s() -> None:
    """RFC 3720, B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_tensorboard(tmp_path: Path) -> None:
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq="batch")
    fit(board, epochs=2, validation_data=(X, Y))
    (train,), (validation,) = (list((tmp_path / name).iterdir()) for name in ("train", "validation"))
    events = records(train)
    assert b"brain.Event:2" in events[0]
    for tag, count in ((b"epoch_loss", 2), (b"epoch_learning_rate", 2), (b"batch_loss", 4), (b"kernel/histogram", 4)):
        assert sum(tag in event for event in events) == count
    tags = [event for event in records(validation) if b"epoch_loss" in event]
    assert len(tags) == 2
    with pytest.raises(ArgumentError, match="profile_batch=2 is not supported"):
        callbacks.TensorBoard(profile_batch=2)


# --- backups ------------------------------------------------------------------------

SCRIPT = """
import os, signal, sys
import numpy as np
import kcompat as keras

folder, output, die_at, freq = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(50, 4)).astype("float32"), rng.normal(size=(50, 2)).astype("float32")
model = keras.Sequential([
    keras.layers.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.BatchNormalization(),
    keras.layers.Dropout(0.4), keras.layers.Dense(2),
])
model.compile("adam", "mse", metrics=["mae"])
steps = 0

class Die(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        global steps
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

backup = keras.callbacks.BackupAndRestore(folder, save_freq=freq if freq == "epoch" else int(freq))
if die_at == 0:
    keras.utils.set_random_seed(5)
    model.set_weights([w for w in np.load(output + ".start.npz").values()])
elif not os.path.exists(folder):
    keras.utils.set_random_seed(5)
    np.savez(output + ".start.npz", *model.get_weights())
history = model.fit(x, y, epochs=4, batch_size=8, verbose=0, callbacks=[] if die_at == 0 else [backup, Die()])
np.savez(output, *model.get_weights(), *[v.value for v in model.optimizer.variables], history.history["mae"][-1])
"""


def start(tmp_path: Path, output: str, die_at: int, frequency: str) -> int:
    folder = str(Path(kcompat.__file__).parent.parent)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "backup"), str(tmp_path / output)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    return subprocess.run([*command, str(die_at), frequency], cwd=tmp_path, env=environment, check=False).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("frequency", "die_at"), [("epoch", 17), ("3", 18)])
def test_a_killed_training_ends_as_if_it_had_not_been(frequency: str, die_at: int, tmp_path: Path) -> None:
    """Dropout, shuffling, batch statistics, optimizer and metrics included."""
    assert start(tmp_path, "a.npz", die_at, frequency) == -signal.SIGKILL
    assert (tmp_path / "backup").exists()
    assert start(tmp_path, "a.npz", 10**6, frequency) == 0
    assert not (tmp_path / "backup").exists()
    (tmp_path / "b.npz.start.npz").write_bytes((tmp_path / "a.npz.start.npz").read_bytes())
    assert start(tmp_path, "b.npz", 0, frequency) == 0
    with np.load(tmp_path / "a.npz") as resumed, np.load(tmp_path / "b.npz") as whole:
        for key in whole.files:
            np.testing.assert_array_equal(resumed[key], whole[key])


def test_a_backup_of_another_model_is_refused(tmp_path: Path) -> None:
    fit(callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False))
    other = models.Sequential([layers.Input((4,)), layers.Dense(5), layers.Dense(2)])
    other.compile("sgd", "mse")
    before = other.get_weights()
    with pytest.raises(FormatError, match="is the backup of another model"):
        fit(callbacks.BackupAndRestore(tmp_path / "b"), model=other)
    assert all(map(np.array_equal, before, other.get_weights()))
