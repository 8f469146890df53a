"""What recurrent layers meant in older files, and what remains of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat import layers
from kcompat.errors import WeightMismatchError
from kcompat.models import Model, model_from_json

RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 4, 3)).astype(np.float32)
UNITS = 2


def read(*chain: tuple[str, dict[str, Any]], version: str = "2.2.4") -> Model:
    """A Sequential model over (batch, 4, 3), as a Keras 2 of that version writes it."""
    config = [{"class_name": name, "config": {"name": f"layer_{i}", **c}} for i, (name, c) in enumerate(chain)]
    config[0]["config"]["batch_input_shape"] = [None, 4, 3]
    return model_from_json(json.dumps({"class_name": "Sequential", "config": config, "keras_version": version}))


def nested(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"units": UNITS, "name": "inner", **config}}


# --- CuDNN ---------------------------------------------------------------------------


def of_cudnn(weights: list[np.ndarray], gates: int) -> list[np.ndarray]:
    """Weights as CuDNNLSTM and CuDNNGRU keep them; of LSTM's bias one half in each place."""
    kernel, recurrent_kernel, bias = weights
    kernels = [part.T.reshape(part.shape) for part in np.split(kernel, gates, axis=1)]
    recurrent = [part.T for part in np.split(recurrent_kernel, gates, axis=1)]
    two = np.stack([bias * 0.25, bias * 0.75]) if bias.ndim == 1 else bias
    return [np.hstack(kernels), np.hstack(recurrent), two.reshape(-1)]


def write_weights(path: Path, names: list[str], arrays: list[np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"layer_0"]
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        group = file.create_group("layer_0")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays, strict=True):
            group[name] = array


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
@pytest.mark.parametrize("both", [False, True])
def test_weights_of_cudnn(kind: str, gates: int, both: bool, tmp_path: Path) -> None:
    plain = getattr(layers, kind)(UNITS)
    plain(X)
    directions = ["forward_inner", "backward_inner"] if both else ["layer_0"]
    sets = [[RNG.normal(size=w.shape).astype(np.float32) for w in plain.weights] for _ in directions]
    roles = ("kernel", "recurrent_kernel", "bias")
    names = [f"layer_0/{direction}/{role}:0" for direction in directions for role in roles]
    write_weights(tmp_path / "weights.h5", names, [array for weights in sets for array in of_cudnn(weights, gates)])
    inner = nested(f"CuDNN{kind}")
    model = read(("Bidirectional", {"layer": inner}) if both else (f"CuDNN{kind}", inner["config"]))
    model.load_weights(tmp_path / "weights.h5")
    for actual, expected in zip(model.get_weights(), [array for weights in sets for array in weights], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_weights_of_another_number_of_units(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.h5", ["a", "b", "c"], [np.ones(s, "f4") for s in ((3, 8), (2, 8), (24,))])
    with pytest.raises(WeightMismatchError, match=r"'layer_0/lstm_cell/bias' has shape \(24,\) in the file"):
        read(("LSTM", {"units": UNITS})).load_weights(tmp_path / "weights.h5")


# --- meanings ------------------------------------------------------------------------


def test_gru_without_reset_after() -> None:
    assert not read(("GRU", {"units": UNITS}), version="2.0.8").layers[0].reset_after
    assert read(("GRU", {"units": UNITS, "reset_after": True})).layers[0].reset_after
    inner = nested("GRU")
    del inner["config"]["name"]
    both = read(("Bidirectional", {"layer": inner}), version="2.0.8").layers[0]
    assert not both.forward_layer.reset_after
    assert not both.backward_layer.cell.reset_after


def test_hard_sigmoid_in_cells() -> None:
    stacked = {
        "class_name": "StackedRNNCells",
        "config": {"cells": [nested("LSTMCell", recurrent_activation="hard_sigmoid")]},
    }
    rnn = read(("RNN", {"cell": stacked})).layers[0]
    assert rnn.cell.cells[0].recurrent_activation.name == "hard_sigmoid_keras2"


MASKED = ("Masking", {"mask_value": 0.0})
SEQUENCES = ("Bidirectional", {"layer": nested("LSTM", return_sequences=True)})


@pytest.mark.parametrize(
    ("chain", "version", "repeats"),
    [
        ((MASKED, SEQUENCES), "2.2.4", True),
        ((MASKED, SEQUENCES), "2.1.6-tf", True),
        ((MASKED, SEQUENCES), "2.2.4-tf", False),
        ((MASKED, SEQUENCES), "2.10.0", False),
        ((SEQUENCES,), "2.2.4", False),
        ((MASKED, ("Bidirectional", {"layer": nested("LSTM")})), "2.2.4", False),
    ],
)
def test_masked_outputs_of_bidirectional(chain: Any, version: str, repeats: bool) -> None:
    layer = read(*chain, version=version).layers[-1]
    assert layer.repeats_masked is repeats
    assert layer.forward_layer.zero_output_for_mask is (layer.return_sequences and not repeats)


@pytest.mark.parametrize(
    ("state", "version", "reverse"), [(True, "2.2.4", True), (False, "2.2.4", False), (True, "2.4.0", False)]
)
def test_states_of_stacked_cells(state: bool, version: str, reverse: bool) -> None:
    cells = [nested("LSTMCell"), nested("GRUCell")]
    cell = {"class_name": "StackedRNNCells", "config": {"cells": cells}}
    document = {
        "class_name": "Model",
        "keras_version": version,
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "name": "x",
                    "config": {"name": "x", "batch_input_shape": [None, 4, 3], "dtype": "float32"},
                    "inbound_nodes": [],
                },
                {
                    "class_name": "RNN",
                    "name": "rnn",
                    "config": {"name": "rnn", "cell": cell, "return_state": state},
                    "inbound_nodes": [[["x", 0, 0, {}]]],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["rnn", 0, 0]],
        },
    }
    assert model_from_json(json.dumps(document)).layers[1].cell.reverse_state_order is reverse


def test_masks_inside_of_time_distributed() -> None:
    dense, rnn = nested("Dense"), nested("LSTM")
    assert not read(MASKED, ("TimeDistributed", {"layer": dense})).layers[1].inner_masks
    masking = {"class_name": "Sequential", "config": [{"class_name": "Masking", "config": {"name": "m"}}, rnn]}
    model = read(("Reshape", {"target_shape": [2, 2, 3]}), ("TimeDistributed", {"layer": masking}))
    assert model.layers[1].inner_masks


def test_what_no_mask_reaches_can_be_written_for_keras_3(tmp_path: Path) -> None:
    model = read(("TimeDistributed", {"layer": nested("Dense")}), SEQUENCES)
    model.save(tmp_path / "model.keras")
