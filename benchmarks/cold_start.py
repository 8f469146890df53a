"""What a process costs that loads a model and predicts once: kcompat next to onnxruntime, OpenVINO, LiteRT and Keras.

Usage: python benchmarks/cold_start.py FOLDER [MODEL ...] [--rounds 9] [--json FILE]

FOLDER holds NAME.keras, NAME.h5, NAME.onnx and NAME.tflite of each model; what is missing, and an engine that is not
installed, is left out. Every measurement is a process of its own, with kernels and bytecode on disk; the engines take
turns. Printed are the fastest run, from start to end, the least processor time, and the peak of memory; then how long
the first run ever takes, with an empty cache of kernels, and what each package and its requirements take on disk.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KCOMPAT = """
import kcompat, numpy as np
model = kcompat.load_model(path)
shape = [size if isinstance(size, int) else 1 for size in model.input_shape]
model.predict(np.zeros(shape, np.float32), verbose=0)
"""
ONNXRUNTIME = """
import onnxruntime, numpy as np
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
value = session.get_inputs()[0]
dtype = np.int32 if "int32" in value.type else np.float32
session.run(None, {value.name: np.zeros([size if isinstance(size, int) else 1 for size in value.shape], dtype)})
"""
OPENVINO = """
import openvino, numpy as np
model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
value = model.input(0)
shape = [size.get_length() if size.is_static else 1 for size in value.partial_shape]
model([np.zeros(shape, value.element_type.to_dtype())])
"""
LITERT = """
from ai_edge_litert.interpreter import Interpreter
import numpy as np
interpreter = Interpreter(path)
interpreter.allocate_tensors()
value = interpreter.get_input_details()[0]
interpreter.set_tensor(value["index"], np.zeros(value["shape"], value["dtype"]))
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""
KERAS = """
import keras, numpy as np
model = keras.saving.load_model(path)
model.predict(np.zeros([size or 1 for size in model.input_shape], np.float32), verbose=0)
"""

ENGINES = {
    "kcompat": ("kcompat", "kcompat", "keras", KCOMPAT),
    "kcompat (.h5)": ("kcompat", "kcompat", "h5", KCOMPAT),
    "kcompat (.onnx)": ("kcompat", "kcompat", "onnx", KCOMPAT),
    "onnxruntime": ("onnxruntime", "onnxruntime", "onnx", ONNXRUNTIME),
    "openvino": ("openvino", "openvino", "onnx", OPENVINO),
    "litert": ("ai_edge_litert", "ai-edge-litert", "tflite", LITERT),
    "keras": ("keras", "keras", "keras", KERAS),
}
"""Engine -> module, distribution, ending of its files, and what the process runs with `path`."""


def run(engine: str, path: Path, **variables: str) -> dict[str, float]:
    """Milliseconds from start to end and of processor time, and mebibytes at the peak, of one process."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", f"path = {str(path)!r}\n{ENGINES[engine][3]}"]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(told.decode(errors="replace").strip().rpartition("\n")[2])
    processor = (usage.ru_utime + usage.ru_stime) * 1e3
    return {"wall": elapsed * 1e3, "processor": processor, "memory": usage.ru_maxrss / 1024}


def measure(folder: Path, model: str, rounds: int) -> dict[str, dict[str, float]]:
    """The least of each figure over rounds in which the engines take turns."""
    best: dict[str, dict[str, float]] = {}
    refused: set[str] = set()
    for turn in range(rounds + 1):
        for engine, (module, _, ending, _) in ENGINES.items():
            path = folder / f"{model}.{ending}"
            if engine in refused or importlib.util.find_spec(module) is None or not path.exists():
                continue
            try:
                figures = run(engine, path)
            except RuntimeError as error:
                print(f"{engine} cannot run {path.name}: {error}", file=sys.stderr)
                refused.add(engine)
                continue
            if turn:
                seen = best.setdefault(engine, figures)
                best[engine] = {name: min(value, seen[name]) for name, value in figures.items()}
    return best


def first_run(folder: Path, model: str) -> float:
    """Milliseconds of kcompat's first run, with an empty cache of kernels."""
    with tempfile.TemporaryDirectory() as cache:
        return run("kcompat", folder / f"{model}.keras", KCOMPAT_CACHE=cache)["wall"]


def installed_bytes(distribution: str) -> int:
    """What a distribution and all that it requires take on disk."""
    return sum(_size(name) for name in _closure(distribution))


def _closure(distribution: str) -> set[str]:
    found: set[str] = set()
    pending = [distribution]
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name not in found:
            try:
                pending += _requirements(name)
            except importlib.metadata.PackageNotFoundError:
                continue
            found.add(name)
    return found


def _requirements(distribution: str) -> Iterator[str]:
    for line in importlib.metadata.requires(distribution) or []:
        name = re.match(r"[\w.-]+", line)
        if name and "extra ==" not in line:
            yield name[0]


def _size(distribution: str) -> int:
    """Bytes of its files; of the folder of its module where it is installed as a link to its sources."""
    files = importlib.metadata.files(distribution) or []
    paths = [Path(str(file.locate())) for file in files]
    if distribution == "kcompat" and not any(path.name == "config.py" for path in paths):
        spec = importlib.util.find_spec("kcompat")
        assert spec is not None
        assert spec.origin is not None
        paths = [path for path in Path(spec.origin).parent.rglob("*") if "__pycache__" not in path.parts]
    return sum(path.stat().st_size for path in paths if path.is_file())


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| model | engine | wall ms | processor ms | peak MiB |", "|---|---|---|---|---|"]
    for row in rows:
        for engine, figures in row["engines"].items():
            cells = (figures["wall"], figures["processor"], figures["memory"])
            lines.append(f"| {row['model']} | {engine} | {' | '.join(f'{cell:.0f}' for cell in cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=["mnist_cnn"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [{"model": name, "engines": measure(options.folder, name, options.rounds)} for name in options.models]
    print(table(rows))
    firsts = {name: first_run(options.folder, name) for name in options.models}
    for name, milliseconds in firsts.items():
        print(f"\nFirst run ever of {name}, with no kernels on disk: {milliseconds / 1e3:.1f} s")
    modules = {distribution: module for module, distribution, _, _ in ENGINES.values()}
    sizes = {name: installed_bytes(name) for name, module in modules.items() if importlib.util.find_spec(module)}
    told = ", ".join(f"{name} {size >> 20} MiB" for name, size in sizes.items() if size)
    print(f"\nInstalled with requirements: {told}")
    if options.json:
        options.json.write_text(json.dumps({"cold": rows, "first": firsts, "installed": sizes}, indent=1))


if __name__ == "__main__":
    main()
