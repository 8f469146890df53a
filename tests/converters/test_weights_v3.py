"""Weights in Keras 3's layout: what each Keras generation wrote is understood, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from states import load_state, numbers, write_state

import kcompat
from kcompat.errors import LoadError, WeightMismatchError
from kcompat.layers import Dense, Flatten, Input, Layer, LayerNormalization
from kcompat.models import Functional, Model, Sequential

DENSE = [(4, 3), (3,)]
SQUARE = [(3, 3), (3,)]


def dense_model(**options: Any) -> Sequential:
    return Sequential([Input((4,)), Dense(3, **options)])


def three_layers() -> Sequential:
    """Two layers of one class, of equal shapes, with one without weights between them."""
    return Sequential([Input((3,)), Dense(3, name="first"), Flatten(), Dense(3, name="second")])


def nested_model() -> Sequential:
    inner = Sequential([Input((4,)), Dense(3), Dense(3)], name="inner")
    return Sequential([Input((4,)), inner, Dense(3)])


def check(model: Model, *expected: np.ndarray) -> None:
    for array, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


FIRST, SECOND = numbers(*SQUARE), numbers(*SQUARE, start=50)

# --- the layouts --------------------------------------------------------------------

LAYOUTS = {
    "keras3": {"layers/dense": FIRST, "layers/dense_1": SECOND},
    "keras3_other_groups": {
        "": [],
        "layers/flatten": [],
        "layers/dense": FIRST,
        "layers/dense_1": SECOND,
        "layers/dropout/seed_generator": [np.zeros(2, np.uint32)],
        "optimizer": numbers((), SQUARE[0]),
        "metrics/mean": numbers((), ()),
    },
    "keras2_12": {
        "_layer_checkpoint_dependencies/dense": FIRST,
        "_layer_checkpoint_dependencies/dense_2": SECOND,
        "_layer_checkpoint_dependencies/flatten": [],
    },
    "keras2_14": {
        "_layer_checkpoint_dependencies/dense": FIRST,
        "_layer_checkpoint_dependencies/dense_1": SECOND,
    },
    "windows": {"layers\\dense": FIRST, "layers\\dense_1": SECOND},
}


@pytest.mark.parametrize("places", LAYOUTS.values(), ids=LAYOUTS)
def test_reads_the_layout(places: dict[str, list[np.ndarray]], tmp_path: Path) -> None:
    model = three_layers()
    load_state(model, write_state(tmp_path / "w.h5", places))
    check(model, *FIRST, *SECOND)


NESTED = {
    "keras3": ("layers/sequential/layers/dense", "layers/sequential/layers/dense_1", "layers/dense"),
    "keras2_12": (
        "_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense",
        "_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense_2",
        "_layer_checkpoint_dependencies/dense",
    ),
    "windows": (
        "layers\\sequential\\layers\\dense",
        "layers\\sequential\\layers\\dense_1",
        "layers\\dense",
    ),
}


@pytest.mark.parametrize("paths", NESTED.values(), ids=NESTED)
def test_reads_nested_models(paths: tuple[str, ...], tmp_path: Path) -> None:
    model, arrays = nested_model(), [numbers(*DENSE), numbers(*SQUARE, start=20), numbers(*SQUARE, start=40)]
    load_state(model, write_state(tmp_path / "w.h5", dict(zip(paths, arrays, strict=True))))
    check(model, *(array for entry in arrays for array in entry))


class Pair(Layer):
    """A layer with two layers inside, one in a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.query_dense = Dense(3)
        self.others = [Dense(3)]
        self.sublayers.extend(self.others)

    def build(self, input_shape: Any) -> None:
        self.query_dense.build_once(input_shape)
        self.others[0].build_once((None, 3))

    def emit(self, b: Any, x: Any) -> Any:
        return b.call(self.others[0], b.call(self.query_dense, x))


@pytest.mark.parametrize("attribute", ["query_dense", "_query_dense"])
def test_finds_sublayers_by_attribute_with_or_without_underscore(attribute: str, tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Pair()])
    first, second = numbers(*DENSE), numbers(*SQUARE, start=20)
    places = {f"layers/pair/{attribute}": first, "layers/pair/others/dense": second}
    load_state(model, write_state(tmp_path / "w.h5", places))
    check(model, *first, *second)


def test_a_custom_class_may_have_another_name_in_the_file(tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Pair()])
    first, second = numbers(*DENSE), numbers(*SQUARE, start=20)
    places = {"layers/my_block/query_dense": first, "layers/my_block/others/dense": second}
    load_state(model, write_state(tmp_path / "w.h5", places))
    check(model, *first, *second)


def shared_model() -> Model:
    """A layer that a nested model and the outer one share, and one of the same class after it."""
    shared, x = Dense(3, name="shared"), Input((3,))
    inner = Functional(x, shared(x), name="inner")
    y = Input((3,))
    return Functional(y, Dense(3, name="last")(shared(inner(y))))


@pytest.mark.parametrize("last", ["dense_1", "dense"], ids=["keras3_counts_it", "keras2_14_does_not"])
def test_a_layer_saved_before_has_no_second_place(last: str, tmp_path: Path) -> None:
    model = shared_model()
    places = {"layers/functional/layers/dense": FIRST, f"layers/{last}": SECOND}
    load_state(model, write_state(tmp_path / "w.h5", places))
    weights = {w.path: w.numpy() for w in model.weights}
    np.testing.assert_array_equal(weights["shared/kernel"], FIRST[0])
    np.testing.assert_array_equal(weights["last/kernel"], SECOND[0])


def test_integer_variables_of_another_width_are_converted(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), kcompat.layers.Normalization()])
    stored = [*numbers((3,), (3,)), np.int64(7)]
    load_state(model, write_state(tmp_path / "w.h5", {"layers/normalization": stored}))
    assert [w.tolist() for w in model.get_weights()] == [[1, 2, 3], [4, 5, 6], 7]


# --- names --------------------------------------------------------------------------


def test_names_decide_where_the_order_does_not_fit(tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Dense(3, name="a"), Dense(3, name="b")])
    places = {"layers/dense": numbers(*SQUARE, start=20), "layers/dense_1": numbers(*DENSE)}
    load_state(model, write_state(tmp_path / "w.h5", places, {"layers/dense": "b", "layers/dense_1": "a"}))
    check(model, *numbers(*DENSE), *numbers(*SQUARE, start=20))


def test_the_order_decides_where_the_names_are_others(tmp_path: Path) -> None:
    model, names = three_layers(), {"layers/dense": "dense_7", "layers/dense_1": "dense_8"}
    load_state(model, write_state(tmp_path / "w.h5", LAYOUTS["keras3"], names))
    check(model, *FIRST, *SECOND)


def test_order_and_names_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    names = {"layers/dense": "second", "layers/dense_1": "first"}
    path = write_state(tmp_path / "w.h5", LAYOUTS["keras3"], names)
    with pytest.raises(WeightMismatchError, match="by order and also by name"):
        load_state(three_layers(), path)


# --- refusals -----------------------------------------------------------------------

REFUSED = {
    "shape": ({"layers/dense": numbers((4, 5), (3,))}, r"'d/kernel' has shape \(4, 3\), received \(4, 5\)"),
    "transposed": ({"layers/dense": numbers((3, 4), (3,))}, r"\(4, 3\), received \(3, 4\)"),
    "number": ({"layers/dense": numbers((4, 3))}, r"'d/kernel' \(4, 3\), 'd/bias' \(3,\); received: \(4, 3\)"),
    "dtype": ({"layers/dense": [np.ones((4, 3), np.int8), *numbers((3,))]}, "dtype float32, received int8"),
    "missing": ({"layers/flatten": []}, r"/layers/dense/vars: layer 'd' \(Dense\).*received: none"),
    "other_class": ({"layers/einsum_dense": numbers(*DENSE)}, "layer 'd'"),
    "unknown_class": ({"layers/my_dense": numbers(*DENSE)}, "layer 'd'"),
    "too_many": ({"layers/dense": numbers(*DENSE), "layers/dense_1": FIRST}, "/layers/dense_1: holds variables"),
    "inside": ({"layers/dense": numbers(*DENSE), "layers/dense/lora": FIRST}, "/layers/dense/lora: holds variables"),
    "own": ({"": numbers((2,)), "layers/dense": numbers(*DENSE)}, "received: \\(2,\\)"),
}


@pytest.mark.parametrize(("places", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(
    places: dict[str, list[np.ndarray]], message: str, tmp_path: Path
) -> None:
    model = dense_model(name="d")
    before = model.get_weights()
    path = write_state(tmp_path / "w.h5", places)
    with pytest.raises(WeightMismatchError, match=message) as caught:
        load_state(model, path)
    assert str(path) in str(caught.value)
    check(model, *before)


def test_a_late_difference_leaves_the_first_layers_as_they_were(tmp_path: Path) -> None:
    model = three_layers()
    before = model.get_weights()
    places = {"layers/dense": FIRST, "layers/dense_1": numbers((3, 2), (2,))}
    with pytest.raises(WeightMismatchError, match="'second/kernel'"):
        load_state(model, write_state(tmp_path / "w.h5", places))
    check(model, *before)


def test_equal_shapes_of_another_class_are_no_match(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), LayerNormalization()])
    with pytest.raises(WeightMismatchError, match="LayerNormalization"):
        load_state(model, write_state(tmp_path / "w.h5", {"layers/group_normalization": numbers((3,), (3,))}))


def test_variables_without_numbers_are_refused(tmp_path: Path) -> None:
    path = write_state(tmp_path / "w.h5", {"layers/dense": []})
    with h5py.File(path, "a") as file:
        file["layers/dense/vars/kernel"] = numbers((4, 3))[0]
    with pytest.raises(LoadError, match=r"variables are named \['kernel'\]"):
        load_state(dense_model(), path)


def test_a_gap_in_the_numbering_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightMismatchError, match="dense_1"):
        load_state(three_layers(), write_state(tmp_path / "w.h5", {"layers/dense": FIRST, "layers/dense_3": SECOND}))


def test_the_error_says_how_much_else_differs(tmp_path: Path) -> None:
    with pytest.raises(WeightMismatchError, match="and 1 more such differences"):
        load_state(three_layers(), write_state(tmp_path / "w.h5", {"layers/flatten": []}))


def test_skip_mismatch_leaves_layers_that_differ_and_says_so(tmp_path: Path) -> None:
    model = three_layers()
    kept = model.get_layer("second").get_weights()
    path = write_state(tmp_path / "w.h5", {"layers/dense": FIRST, "layers/dense_1": numbers((3, 2), (2,))})
    with pytest.warns(UserWarning, match="skipped: .*layer 'second'"):
        load_state(model, path, skip_mismatch=True)
    check(model, *FIRST, *kept)
