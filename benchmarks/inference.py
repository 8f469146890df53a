"""How fast kcompat predicts, next to onnxruntime, OpenVINO (float32), LiteRT and Keras.

Usage: python benchmarks/inference.py FOLDER [MODEL ...] [--batch 1 32] [--threads 1 2] [--rounds 7]
       [--seconds 0.1] [--json FILE]

FOLDER holds NAME.keras, NAME.onnx and NAME.tflite of each model (benchmarks/models.py makes them). A peer that is
not installed, or whose file is missing, is left out. The engines take turns in every round; medians and ratios of
the medians are printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[np.ndarray], np.ndarray]

PAUSE = 0.1
"""Seconds before an engine's turn: threads of the engine before it look for work for some 40 ms before they sleep."""


def kcompat(folder: Path, name: str, batch: int, threads: int) -> Run:
    from kcompat import load_model
    from kcompat.executor import set_num_threads

    set_num_threads(threads)
    return _kept(f"kcompat {name}", lambda: load_model(folder / f"{name}.keras"))


def onnxruntime(folder: Path, name: str, batch: int, threads: int) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
    key = session.get_inputs()[0].name
    return lambda x: session.run(None, {key: x})[0]


def openvino(folder: Path, name: str, batch: int, threads: int) -> Run:
    import openvino as ov

    core = _kept("openvino", ov.Core)
    model = core.read_model(folder / f"{name}.onnx")
    shape = model.input(0).partial_shape
    shape[0] = batch
    model.reshape(shape)
    hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    return lambda x: request.infer([x], share_inputs=True, share_outputs=True)[0]


def litert(folder: Path, name: str, batch: int, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / f"{name}.tflite"), num_threads=threads)
    source = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(source["index"], [batch, *source["shape"][1:]])
    interpreter.allocate_tensors()
    target = interpreter.get_output_details()[0]["index"]

    def run(x: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def keras(folder: Path, name: str, batch: int, threads: int) -> Run:
    import keras as peer

    model = _kept(f"keras {name}", lambda: peer.saving.load_model(folder / f"{name}.keras", compile=False))
    return model.predict_on_batch


ENGINES: dict[str, tuple[Callable[..., Run], str, str]] = {
    "kcompat": (kcompat, "kcompat", "keras"),
    "onnxruntime": (onnxruntime, "onnxruntime", "onnx"),
    "openvino": (openvino, "openvino", "onnx"),
    "litert": (litert, "ai_edge_litert", "tflite"),
    "keras": (keras, "keras", "keras"),
}
"""By name: what makes a run, the module it needs, the ending of the file it reads."""

_objects: dict[str, Any] = {}


def _kept(name: str, make: Callable[[], Any]) -> Any:
    if name not in _objects:
        _objects[name] = make()
    return _objects[name]


def installed() -> list[str]:
    """The engines that can be imported; says which cannot."""
    found = [name for name, (_, module, _) in ENGINES.items() if importlib.util.find_spec(module) is not None]
    for name in ENGINES.keys() - set(found):
        print(f"{name} is not installed and is left out", file=sys.stderr)
    return found


def sample(folder: Path, name: str, batch: int) -> np.ndarray:
    """Random input of the model: integers below 100 where it takes integers, else uniform in [0, 1)."""
    from kcompat import load_model

    value = _kept(f"kcompat {name}", lambda: load_model(folder / f"{name}.keras")).executor.graph.inputs[0]
    shape = [batch, *(int(size) for size in value.shape[1:])]
    generator = np.random.default_rng(0)
    if value.dtype.startswith("int") or "embedding" in name:
        return generator.integers(0, 100, shape).astype(value.dtype)
    return generator.random(shape, np.float32)


def measure(runs: dict[str, Run], x: np.ndarray, threads: int, rounds: int, seconds: float) -> dict[str, float]:
    """Microseconds of a call of each engine: the median over rounds in which they take turns."""
    from kcompat.executor import set_num_threads

    set_num_threads(threads)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            time.sleep(PAUSE)
            run(x)
            calls, start = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - start < seconds:
                run(x)
                calls += 1
            if turn:
                times[name].append((time.perf_counter() - start) / calls * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def compare(folder: Path, name: str, batch: int, threads: int, engines: list[str], options: Any) -> dict[str, Any]:
    """One row: microseconds by engine, and how far a peer's output is from kcompat's."""
    x = sample(folder, name, batch)
    runs = {}
    for engine in engines:
        make, _, ending = ENGINES[engine]
        if (folder / f"{name}.{ending}").exists():
            try:
                runs[engine] = make(folder, name, batch, threads)
                runs[engine](x)
            except (RuntimeError, ValueError) as error:
                runs.pop(engine, None)
                print(f"{engine} cannot run {name}: {str(error).splitlines()[0]}", file=sys.stderr)
    outputs = {engine: np.array(run(x)) for engine, run in runs.items()}
    ours = outputs["kcompat"]
    distance = max((float(np.abs(ours - theirs).max()) for theirs in outputs.values()), default=0.0)
    times = measure(runs, x, threads, options.rounds, options.seconds)
    return {"model": name, "batch": batch, "threads": threads, "microseconds": times, "distance": distance}


def table(rows: list[dict[str, Any]], engines: list[str]) -> str:
    """Microseconds of kcompat, and how many times as long each peer takes."""
    peers = [engine for engine in engines if engine != "kcompat"]
    lines = [
        f"| model | batch | threads | kcompat us | {' | '.join(peers)} |",
        "|" + "---|" * (4 + len(peers)),
    ]
    for row in rows:
        times = row["microseconds"]
        ratios = [f"{times[peer] / times['kcompat']:.2f}" if peer in times else "-" for peer in peers]
        cells = [row["model"], row["batch"], row["threads"], f"{times['kcompat']:.0f}", *ratios]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", help="all of the folder's if none is named")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of an engine's turn in a round")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=None)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    engines = [name for name in installed() if options.engines is None or name in ("kcompat", *options.engines)]
    names = options.models or sorted(path.stem for path in options.folder.glob("*.keras"))
    if not names:
        parser.error(f"{options.folder} holds no .keras file")
    rows = []
    for name in names:
        for batch in options.batch:
            for threads in options.threads:
                rows.append(compare(options.folder, name, batch, threads, engines, options))
                print(table(rows[-1:], engines).splitlines()[-1], file=sys.stderr, flush=True)
        _objects.clear()
    print(table(rows, engines))
    print(f"\nLargest distance between outputs: {max(row['distance'] for row in rows):.2g}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
