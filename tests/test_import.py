"""What importing loads, and that all ways of importing give the same objects."""

import importlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import kcompat

MODEL = Path(__file__).resolve().parent.parent / "fixtures" / "digits" / "digits_cnn.h5"
HEAVY = ("h5py", "onnx", "numba", "llvmlite", "PIL")
IMAGES = platform.system() == "Linux" and platform.machine() == "x86_64"
"""Whether kernels are kept as images, which need no linker."""


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code."""
    command = [
        sys.executable,
        "-I",
        "-W",
        "error",
        "-c",
        f"{code}\nimport sys, json; print(json.dumps(list(sys.modules)))",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import kcompat",
        "import kcompat.layers, kcompat.models, kcompat.utils, kcompat.backend, kcompat.saving, kcompat.keras",
    ],
    ids=["import", "namespaces"],
)
def test_no_heavy_package_is_loaded(code):
    loaded = modules_after(code)
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}


def test_predicting_needs_no_compiler_where_its_kernels_are_on_disk():
    code = "import kcompat as keras; keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).predict([[1, 2]])"
    modules_after(code)
    linker = set() if IMAGES else {"llvmlite"}
    assert not {name for name in modules_after(code) if name.partition(".")[0] in set(HEAVY) - linker}


def test_importing_kcompat_loads_nothing_but_itself():
    loaded = modules_after("import kcompat")
    assert {name for name in loaded if name.partition(".")[0] in ("kcompat", "numpy")} == {"kcompat"}


def test_loading_a_model_needs_neither_h5py_nor_pillow():
    loaded = modules_after(f"import kcompat; kcompat.load_model({str(MODEL)!r})")
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}


UNUSED = (
    "kcompat.callbacks",
    "kcompat.cli",
    "kcompat.converters.checking",
    "kcompat.converters.conversion",
    "kcompat.converters.onnx",
    "kcompat.layers.lstm",
    "kcompat.layers.normalization",
    "kcompat.layers.rnn",
    "kcompat.models.cloning",
    "kcompat.operators.gather",
    "kcompat.operators.recurrent",
    "kcompat.ops",
    "kcompat.plan.lowering.recurrent",
    "kcompat.training",
    "kcompat.utils",
    "numpy.random",
    "pathlib",
    "tempfile",
    "urllib",
)
"""What no prediction of a model of Conv2D and Dense needs, each a part of something larger that it may load."""


def test_a_first_prediction_loads_what_it_uses():
    code = (
        f"import kcompat, numpy; model = kcompat.load_model({str(MODEL)!r}); model.layers; "
        "model.predict(numpy.zeros((1, 8, 8, 1)), verbose=0)"
    )
    modules_after(code)
    loaded = modules_after(code)
    assert "kcompat.layers.convolution" in loaded
    found = {name for name in loaded for unused in UNUSED if name == unused or name.startswith(f"{unused}.")}
    assert not found - modules_after("import numpy")


PREPARED = {
    "kcompat",
    "kcompat.catalogue",
    "kcompat.changes",
    "kcompat.errors",
    "kcompat.executor",
    "kcompat.executor.bound",
    "kcompat.executor.code",
    "kcompat.executor.exactness",
    "kcompat.executor.frame",
    "kcompat.executor.kept",
    "kcompat.executor.serialization",
    "kcompat.executor.team",
    "kcompat.kernels",
    "kcompat.kernels.images",
    "kcompat.kernels.library",
    "kcompat.kernels.machine",
    "kcompat.kernels.store",
    "kcompat.models",
    "kcompat.models.io",
    "kcompat.models.prepared",
    "kcompat.progress",
    "kcompat.registration",
    "kcompat.settings",
}
"""All that a prediction needs of a model that a process before has run for inputs of that shape."""


@pytest.mark.skipif(not IMAGES, reason="kernels are linked on this system")
def test_a_model_that_has_run_before_is_not_read():
    code = (
        f"import kcompat, numpy; model = kcompat.load_model({str(MODEL)!r}); "
        "model.predict(numpy.zeros([size or 3 for size in model.input_shape]), verbose=0)"
    )
    modules_after(code)
    loaded = modules_after(code)
    assert {name for name in loaded if name.partition(".")[0] == "kcompat"} == PREPARED
    assert {"json", "dataclasses", "inspect", "re"} & loaded <= modules_after("import numpy")


def test_a_layer_loads_its_own_file_and_what_that_names():
    loaded = modules_after("import kcompat; kcompat.layers.Dense")
    own = {name.rpartition(".")[2] for name in loaded if name.startswith("kcompat.layers.")}
    assert "dense" in own
    assert not own & {"convolution", "embedding", "lstm", "merging", "pooling", "operations"}


def test_every_name_of_the_namespace_exists():
    for name in dir(kcompat):
        assert getattr(kcompat, name) is not None


def test_dir_lists_what_keras_has():
    assert {"Input", "Layer", "Model", "Sequential", "layers", "models", "utils", "backend", "saving"} <= set(
        dir(kcompat)
    )


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'kcompat' has no attribute 'Lambada'"):
        _ = kcompat.Lambada
    with pytest.raises(AttributeError, match="has no attribute 'Lambada'"):
        _ = kcompat.layers.Lambada
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'kcompat\.keras\.lambada'"):
        importlib.import_module("kcompat.keras.lambada")


WAYS = [
    "import kcompat as keras; Dense = keras.layers.Dense",
    "import kcompat as tf; Dense = tf.keras.layers.Dense",
    "from kcompat.keras.layers import Dense",
    "from kcompat.layers import Dense",
    "from kcompat.keras import layers; Dense = layers.Dense",
    "from kcompat import keras; Dense = keras.layers.Dense",
    "import kcompat.keras.layers as layers; Dense = layers.Dense",
    "import kcompat.keras.layers; Dense = kcompat.keras.layers.Dense",
    "import kcompat.keras as keras; from kcompat.keras.layers import Dense",
    "from kcompat.layers import *",
    "from kcompat.keras.layers import *",
]


@pytest.mark.parametrize("first", WAYS)
def test_all_ways_give_the_same_class(first):
    """In a fresh interpreter, whichever way comes first."""
    code = "seen = []\n" + "\n".join(f"{way}\nseen.append(Dense)" for way in (first, *WAYS))
    modules_after(code + "\nassert len(set(map(id, seen))) == 1")


NAMESPACES = [
    "activations",
    "applications",
    "applications.resnet50",
    "backend",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "optimizers.schedules",
    "preprocessing",
    "preprocessing.image",
    "preprocessing.sequence",
    "regularizers",
    "saving",
    "utils",
]


@pytest.mark.parametrize("name", NAMESPACES)
def test_namespaces_are_the_same_modules(name):
    module = importlib.import_module(f"kcompat.{name}")
    assert importlib.import_module(f"kcompat.keras.{name}") is module
    assert module.__spec__.name == module.__name__ == f"kcompat.{name}"


@pytest.mark.parametrize("name", ["Model", "Sequential", "Input", "Layer", "Variable", "Initializer", "Regularizer"])
def test_names_are_the_same_objects(name):
    assert getattr(kcompat.keras, name) is getattr(kcompat, name)


def test_keras_names_in_two_places():
    assert kcompat.models.load_model is kcompat.saving.load_model
    assert kcompat.models.Model is kcompat.Model
    assert kcompat.utils.custom_object_scope is kcompat.saving.custom_object_scope
    assert kcompat.utils.clear_session is kcompat.backend.clear_session
    assert kcompat.preprocessing.image.load_img is kcompat.utils.load_img
    assert kcompat.layers.Input is kcompat.Input
