"""Control flow and sparse tensors: weights inside subgraphs, Scan in all its directions, sparse initialisers."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import kcompat
from kcompat.errors import InputError, LoadError

F = TensorProto.FLOAT


def value(name, shape, dtype=F):
    return helper.make_tensor_value_info(name, dtype, shape)


def tensors(**arrays):
    return [numpy_helper.from_array(np.asarray(array, "f4"), name) for name, array in arrays.items()]


def load(path, nodes, inputs, outputs, initializers=(), opset=18, **options):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers), **options)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path)
    return kcompat.load_model(path)


def branch(name, **weights):
    nodes = [helper.make_node("Mul", ["x", "w"], [f"{name}_y"])]
    return helper.make_graph(nodes, name, [], [value(f"{name}_y", None)], tensors(**weights))


class TestWeights:
    @pytest.fixture
    def model(self, tmp_path):
        """Two branches whose weights have the same name; make_node sorts attributes, so that else comes first."""
        attributes = {"then_branch": branch("double", w=[2.0]), "else_branch": branch("triple", w=[3.0])}
        nodes = [helper.make_node("If", ["yes"], ["y"], name="choice", **attributes)]
        inputs = [value("yes", [], TensorProto.BOOL), value("x", ["N"])]
        return load(tmp_path / "m.onnx", nodes, inputs, [value("y", ["N"])])

    def test_branches(self, model):
        assert [weight.path for weight in model.weights] == ["choice/w", "choice/w_1"]
        x = np.float32([1, 2])
        np.testing.assert_array_equal(model([np.asarray(True), x]), x * 2)
        np.testing.assert_array_equal(model([np.asarray(False), x]), x * 3)

    def test_new_weights_reach_the_branches(self, model):
        x = np.float32([1, 2])
        model([np.asarray(True), x])
        model.set_weights([[7.0], [5.0]])
        np.testing.assert_array_equal(model([np.asarray(True), x]), x * 5)
        np.testing.assert_array_equal(model([np.asarray(False), x]), x * 7)

    def test_a_branch_that_is_a_weight(self, tmp_path):
        """Its output is an initialiser, without a node."""
        graphs = [helper.make_graph([], n, [], [value(n, [1])], tensors(**{n: [i]})) for i, n in enumerate(["a", "b"])]
        nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=graphs[0], else_branch=graphs[1])]
        model = load(tmp_path / "m.onnx", nodes, [value("yes", [], TensorProto.BOOL)], [value("y", [1])])
        assert [weight.path for weight in model.weights] == ["b", "a"]
        assert [model(np.asarray(yes)).tolist() for yes in (True, False)] == [[0], [1]]

    def test_the_body_of_a_loop_and_a_branch_in_it(self, tmp_path):
        inner = {"then_branch": branch("up", w=[2.0]), "else_branch": branch("down", w=[0.5])}
        nodes = [
            helper.make_node("Identity", ["c"], ["d"]),
            helper.make_node("Add", ["v", "step"], ["x"]),
            helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
            helper.make_node("Less", ["s", "limit"], ["small"]),
            helper.make_node("If", ["small"], ["v2"], name="turn", **inner),
        ]
        inputs = [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("v", [1])]
        outputs = [value("d", [], TensorProto.BOOL), value("v2", [1])]
        body = helper.make_graph(nodes, "body", inputs, outputs, tensors(step=[1.0], limit=10.0))
        loop = helper.make_node("Loop", ["count", "", "start"], ["y"], body=body)
        given = [value("count", [], TensorProto.INT64), value("start", [1])]
        model = load(tmp_path / "m.onnx", [loop], given, [value("y", [1])])
        assert [weight.path for weight in model.weights] == ["turn/w", "turn/w_1", "step", "limit"]

        def expected(count, v, up, down, step, limit):
            for _ in range(count):
                v = (v + step) * (up if v + step < limit else down)
            return v

        for weights in ([2.0, 0.5, 1.0, 10.0], [3.0, 0.25, -1.0, 20.0]):
            model.set_weights([[weights[1]], [weights[0]], [weights[2]], weights[3]])
            for count in (0, 1, 5):
                result = model([np.int64(count), np.float32([4])])
                np.testing.assert_allclose(result, [expected(count, 4.0, *weights)], rtol=1e-6)

    def test_a_name_that_is_the_models_own(self, tmp_path):
        """The branches' w is hidden by no w outside."""
        attributes = {"then_branch": branch("a", w=[2.0]), "else_branch": branch("b", v=[0.0], w=[3.0])}
        nodes = [
            helper.make_node("If", ["yes"], ["z"], name="if", **attributes),
            helper.make_node("Add", ["z", "v"], ["y"]),
        ]
        inputs = [value("yes", [], TensorProto.BOOL), value("x", [1])]
        model = load(tmp_path / "m.onnx", nodes, inputs, [value("y", [1])], tensors(v=[100.0]))
        assert [weight.path for weight in model.weights] == ["v", "if/v", "if/w", "if/w_1"]
        assert model([np.asarray(True), np.float32([1])]) == [102]
        assert model([np.asarray(False), np.float32([1])]) == [103]


def scan(path, opset=18, outputs=(2, 3), **attributes):
    """A running sum along a scanned input, started from a state: the last sum, and all of them."""
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Identity", ["t"], ["o"])],
        "body",
        [value("s", [2]), value("e", [2])],
        [value("t", [2]), value("o", [2])],
    )
    node = helper.make_node("Scan", ["start", "x"], ["last", "all"], body=body, num_scan_inputs=1, **attributes)
    given = [value("start", [2]), value("x", None)]
    return load(path, [node], given, [value("last", [2]), value("all", None)], opset=opset)


START = np.float32([10, 20])
STEPS = np.arange(8, dtype="f4").reshape(4, 2)


class TestScan:
    def test_forwards(self, tmp_path):
        last, every = scan(tmp_path / "m.onnx")([START, STEPS])
        np.testing.assert_array_equal(every, START + np.cumsum(STEPS, axis=0))
        np.testing.assert_array_equal(last, every[-1])

    def test_backwards(self, tmp_path):
        _, every = scan(tmp_path / "m.onnx", scan_input_directions=[1])([START, STEPS])
        np.testing.assert_array_equal(every, START + np.cumsum(STEPS[::-1], axis=0))

    def test_results_backwards(self, tmp_path):
        _, every = scan(tmp_path / "m.onnx", scan_output_directions=[1])([START, STEPS])
        np.testing.assert_array_equal(every, (START + np.cumsum(STEPS, axis=0))[::-1])

    @pytest.mark.parametrize("axis", [1, -1])
    def test_along_other_axes(self, tmp_path, axis):
        model = scan(tmp_path / "m.onnx", scan_input_axes=[axis], scan_output_axes=[axis])
        _, every = model([START, STEPS.T.copy()])
        np.testing.assert_array_equal(every, (START + np.cumsum(STEPS, axis=0)).T)

    def test_no_steps(self, tmp_path):
        last, every = scan(tmp_path / "m.onnx")([START, STEPS[:0]])
        np.testing.assert_array_equal(last, START)
        assert every.shape == (0, 2)

    def test_of_each_sample_in_opset_8(self, tmp_path):
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Identity", ["t"], ["o"])],
            "body",
            [value("s", [2]), value("e", [2])],
            [value("t", [2]), value("o", [2])],
        )
        node = helper.make_node("Scan", ["", "start", "x"], ["last", "all"], body=body, num_scan_inputs=1)
        given = [value("start", ["N", 2]), value("x", ["N", "T", 2])]
        outputs = [value("last", ["N", 2]), value("all", ["N", "T", 2])]
        model = load(tmp_path / "m.onnx", [node], given, outputs, opset=8)
        start, steps = np.stack([START, -START]), np.stack([STEPS, STEPS * 3])
        last, every = model([start, steps])
        np.testing.assert_array_equal(every, start[:, None] + np.cumsum(steps, axis=1))
        np.testing.assert_array_equal(last, every[:, -1])

    def test_scanned_inputs_of_different_lengths(self, tmp_path):
        body = helper.make_graph(
            [helper.make_node("Add", ["a", "b"], ["o"])], "body", [value("a", []), value("b", [])], [value("o", [])]
        )
        node = helper.make_node("Scan", ["x", "z"], ["y"], body=body, num_scan_inputs=2)
        model = load(tmp_path / "m.onnx", [node], [value("x", ["A"]), value("z", ["B"])], [value("y", None)])
        np.testing.assert_array_equal(model([np.ones(3, "f4"), np.ones(3, "f4")]), [2, 2, 2])
        with pytest.raises(InputError, match=r"have \[3, 2\] steps"):
            model([np.ones(3, "f4"), np.ones(2, "f4")])


def sparse(values, indices, dims, name="w"):
    return helper.make_sparse_tensor(
        numpy_helper.from_array(np.asarray(values, "f4"), name),
        numpy_helper.from_array(np.asarray(indices, "i8"), f"{name}_indices"),
        dims,
    )


class TestSparse:
    DENSE = np.float32([[0, 5, 0], [7, 0, 0]])

    def product(self, path, tensor):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        return load(path, nodes, [value("x", ["N", 2])], [value("y", ["N", 3])], sparse_initializer=[tensor])

    @pytest.mark.parametrize("indices", [[1, 3], [[0, 1], [1, 0]]], ids=["linear", "pairs"])
    def test_initialisers(self, tmp_path, indices):
        model = self.product(tmp_path / "m.onnx", sparse([5, 7], indices, [2, 3]))
        x = np.float32([[1, 2], [3, 4]])
        np.testing.assert_array_equal(model(x), x @ self.DENSE)
        assert [weight.path for weight in model.weights] == ["w"]
        np.testing.assert_array_equal(model.get_weights()[0], self.DENSE)

    def test_constants(self, tmp_path):
        constant = helper.make_node("Constant", [], ["w"], sparse_value=sparse([5, 7], [1, 3], [2, 3], ""))
        nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["y"])]
        model = load(tmp_path / "m.onnx", nodes, [value("x", ["N", 2])], [value("y", ["N", 3])])
        np.testing.assert_array_equal(model(np.eye(2, dtype="f4")), self.DENSE)

    @pytest.mark.parametrize(
        ("values", "indices", "dims"),
        [
            ([5, 7], [1, 6], [2, 3]),
            ([5, 7], [-1, 3], [2, 3]),
            ([5, 7], [1], [2, 3]),
            ([5, 7], [[0, 1], [2, 0]], [2, 3]),
            ([5, 7], [[0], [1]], [2, 3]),
            ([5, 7], [1, 3], [2, -3]),
            ([5, 7], [1, 3], [2**40, 2**20]),
        ],
    )
    def test_malformed(self, tmp_path, values, indices, dims):
        with pytest.raises(LoadError):
            self.product(tmp_path / "m.onnx", sparse(values, indices, dims))
