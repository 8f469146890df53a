"""kcompat verify."""

import numpy as np
import pytest

from kcompat.converters.comparison import compare


@pytest.fixture
def reference(golden):
    with np.load(golden / "multi_input_output.npz") as arrays:
        return dict(arrays)


def test_outputs_that_agree(kcompat, digits):
    status, out, err = kcompat("verify", digits / "digits_cnn.keras", digits / "digits_test.npz")
    assert (status, err) == (0, "")
    assert out.startswith("digit: ok, largest difference ")


def test_outputs_that_differ(kcompat, golden, reference, tmp_path):
    reference["output_1"][2, 0] += 0.5
    np.savez(tmp_path / "r.npz", **reference)
    arguments = ("verify", golden / "multi_input_output.h5", tmp_path / "r.npz")
    status, out, _ = kcompat(*arguments)
    assert status == 1
    lines = out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["kind: ok", "score: DIFFERS", "dense_1: ok"]
    assert "1 of 3 values, first at (2, 0): " in lines[1]
    assert kcompat(*arguments, "--atol", 0.6)[0] == 0


def test_arrays_by_name(kcompat, golden, reference, tmp_path):
    names = {"input_0": "image", "input_1": "meta", "output_0": "kind", "output_1": "score", "output_2": "dense_1"}
    np.savez(tmp_path / "r.npz", **{names[key]: array for key, array in reference.items()})
    assert kcompat("verify", golden / "multi_input_output.h5", tmp_path / "r.npz")[0] == 0


def test_missing_arrays(kcompat, golden, reference, tmp_path):
    del reference["output_2"]
    np.savez(tmp_path / "r.npz", **reference)
    status, _, err = kcompat("verify", golden / "multi_input_output.h5", tmp_path / "r.npz")
    assert status == 2
    assert "the reference needs output_0, output_1, output_2 or kind, score, dense_1; it has input_0" in err


def test_a_reference_that_is_none(kcompat, digits):
    status, _, err = kcompat("verify", digits / "digits_cnn.h5", digits / "labels.txt")
    assert status == 3
    assert "an .npz file was expected" in err


def test_keras_1_needs_its_backend(kcompat, golden):
    folder = golden.parent / "keras1_theano"
    arguments = ("verify", folder / "multi_input_output_k1.h5", folder / "multi_input_output_k1.npz")
    assert kcompat(*arguments, "--original-backend", "theano")[0] == 0
    assert kcompat(*arguments, "--original-backend", "tensorflow")[0] != 0


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("actual", "expected", "same", "text"),
    [
        ([1.0, 2.0], [1.0, 2.0], True, "ok, largest difference 0 absolute, 0 relative"),
        ([1.0, 2.00015], [1.0, 2.0], True, "ok, largest difference 0.00015 absolute, 7.5e-05 relative"),
        ([1.0, 2.001], [1.0, 2.0], False, "DIFFERS, largest difference 0.001 absolute, 0.0005 relative, 1 of 2 values"),
        ([NAN, INF], [NAN, INF], True, "ok, largest difference 0 absolute, 0 relative"),
        ([NAN, 1.0], [1.0, 1.0], False, "DIFFERS, largest difference nan absolute"),
        ([INF], [-INF], False, "DIFFERS, largest difference inf absolute"),
        ([1e-6], [0.0], True, "ok, largest difference 1e-06 absolute, inf relative"),
        ([[1.0]], [1.0], False, "DIFFERS, shape (1, 1), expected (1,)"),
        ([], [], True, "ok, largest difference 0 absolute, 0 relative"),
        ([3], [3], True, "ok, largest difference 0 absolute, 0 relative"),
        (["a", "b"], ["a", "b"], True, "ok, equal"),
        (["a", "b"], ["a", "c"], False, "DIFFERS, 1 of 2 values, first at (1,): b, expected c"),
    ],
)
def test_compare(actual, expected, same, text):
    result = compare(np.array(actual), np.array(expected), rtol=1e-4, atol=1e-5)
    assert result.same is same
    assert result.text.startswith(text)
