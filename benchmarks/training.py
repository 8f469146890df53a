"""How long a training step takes in kcompat, next to Keras on TensorFlow, on JAX and on torch, and plain torch.

Usage: python benchmarks/training.py [MODEL ...] [--batch 32 128] [--threads N] [--rounds 7] [--steps 20]
       [--peers keras-tensorflow=PYTHON ...] [--json FILE]

Every engine runs in a process of its own, from its own interpreter if --peers names one (as NAME=PATH; else this
one's), and all take turns in every round: `train_on_batch` of one batch with Adam and categorical crossentropy, so
many steps. Medians over the rounds, and how many times as long each peer takes, are printed as a Markdown table. A
peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"mlp_seed": (784,), "mnist_cnn": (28, 28, 1), "cifar_vgg": (32, 32, 3)}
CLASSES = 10
ENGINES = ("kcompat", "keras-tensorflow", "keras-jax", "keras-torch", "torch")

Step = Callable[[], Any]


# --- what one engine does, in its own process -----------------------------------


def batch(model: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs in [0, 1) and classes as vectors."""
    generator = np.random.default_rng(0)
    x = generator.random((size, *SHAPES[model]), np.float32)
    return x, np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, size)]


def layers_of(model: str, layers: Any) -> list[Any]:
    """The layers, with those of Keras or of kcompat."""
    convolution = {"kernel_size": 3, "activation": "relu"}
    if model == "mlp_seed":
        hidden = [layers.Dense(64, activation="relu")]
    elif model == "mnist_cnn":
        hidden = [layers.Conv2D(32, **convolution), layers.Conv2D(64, **convolution), layers.MaxPooling2D()]
        hidden += [layers.Flatten(), layers.Dense(128, activation="relu")]
    else:
        hidden = []
        for filters in (32, 64, 128):
            hidden += [layers.Conv2D(filters, padding="same", **convolution) for _ in range(2)]
            hidden.append(layers.MaxPooling2D())
        hidden += [layers.Flatten(), layers.Dense(256, activation="relu")]
    return [*hidden, layers.Dense(CLASSES, activation="softmax")]


def keras_step(library: Any, model: str, size: int) -> Step:
    x, y = batch(model, size)
    network = library.Sequential([library.Input(SHAPES[model]), *layers_of(model, library.layers)])
    network.compile("adam", "categorical_crossentropy")
    return lambda: network.train_on_batch(x, y)


def torch_step(model: str, size: int) -> Step:
    import torch
    from torch import nn

    def convolutions(*filters: int, padding: int) -> list[Any]:
        pairs = pairwise(filters)
        return [part for one, other in pairs for part in (nn.Conv2d(one, other, 3, padding=padding), nn.ReLU())]

    if model == "mlp_seed":
        parts = [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, CLASSES)]
    elif model == "mnist_cnn":
        parts = [*convolutions(1, 32, 64, padding=0), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()]
        parts.append(nn.Linear(128, CLASSES))
    else:
        parts = []
        for one, other in ((3, 32), (32, 64), (64, 128)):
            parts += [*convolutions(one, other, other, padding=1), nn.MaxPool2d(2)]
        parts += [nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.Linear(256, CLASSES)]
    network, loss = nn.Sequential(*parts), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), eps=1e-7)
    x, y = batch(model, size)
    images = torch.from_numpy(x if x.ndim == 2 else np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    targets = torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(network(images), targets)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def make_step(engine: str, model: str, size: int, threads: int) -> Step:
    if engine == "kcompat":
        import kcompat
        from kcompat.executor import set_num_threads

        set_num_threads(threads)
        return keras_step(kcompat, model, size)
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
        return torch_step(model, size)
    import keras

    return keras_step(keras, model, size)


def serve(engine: str, threads: int) -> None:
    """Answers lines "model batch steps" with the microseconds of a step."""
    if engine.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = engine.removeprefix("keras-")
    steps: dict[tuple[str, int], Step] = {}
    for line in sys.stdin:
        model, size, count = line.split()
        key = model, int(size)
        if key not in steps:
            steps = {key: make_step(engine, *key, threads)}
            for _ in range(3):
                steps[key]()
        start = time.perf_counter()
        for _ in range(int(count)):
            steps[key]()
        print("time", (time.perf_counter() - start) / int(count) * 1e6, flush=True)


# --- the comparison -------------------------------------------------------------


class Engine:
    """A process that makes steps when asked."""

    def __init__(self, name: str, python: str, threads: int) -> None:
        count = str(threads)
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "KCOMPAT_NUM_THREADS")
        settings = {**os.environ, **dict.fromkeys(names, count), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.name = name
        self._process = subprocess.Popen(
            [python, __file__, "--serve", name, "--threads", count],
            env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def run(self, model: str, size: int, steps: int) -> float | None:
        """Microseconds of a step; None if the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{model} {size} {steps}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        for line in self._process.stdout:
            if line.startswith("time "):
                return float(line.split()[1])
        return None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


MODULES = {"keras-tensorflow": "tensorflow", "keras-jax": "jax", "keras-torch": "torch", "torch": "torch"}


def started(interpreters: dict[str, str], threads: int) -> list[Engine]:
    """The engines that are installed; says which are not."""
    engines = []
    for name in ENGINES:
        python = interpreters.get(name, sys.executable)
        needed = {MODULES.get(name, "kcompat"), "keras" if name.startswith("keras") else "numpy"}
        test = f"import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, {sorted(needed)})))"
        if shutil.which(python) is None:
            sys.exit(f"--peers {name}={python}: there is no such program")
        if subprocess.run([python, "-c", test], check=False).returncode:
            print(f"{name} is not installed for {python} and is left out", file=sys.stderr)
        else:
            engines.append(Engine(name, python, threads))
    return engines


def compare(engines: list[Engine], model: str, size: int, rounds: int, steps: int) -> dict[str, Any]:
    """One row: microseconds by engine, the median over rounds in which they take turns."""
    times: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for turn in range(rounds + 1):
        for engine in engines:
            value = engine.run(model, size, steps if turn else 1)
            if value is None:
                sys.exit(f"{engine.name} ended while it trained {model}: run it with --serve {engine.name} to see why")
            if turn:
                times[engine.name].append(value)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {"model": model, "batch": size, "microseconds": medians}


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Microseconds of each engine and, for peers, how many times as long as kcompat that is."""
    peers = [name for name in names if name != "kcompat"]
    lines = [f"| model | batch | kcompat us | {' | '.join(peers)} |", "|" + "---|" * (3 + len(peers))]
    for row in rows:
        times = row["microseconds"]
        cells = [f"{times[peer]:.0f} us, {times[peer] / times['kcompat']:.2f}" for peer in peers]
        lines.append(f"| {row['model']} | {row['batch']} | {times['kcompat']:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(SHAPES)}; all if none is named")
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="of an engine's turn in a round")
    parser.add_argument("--peers", nargs="+", default=[], metavar="NAME=PYTHON", help="interpreters of peers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
        return
    unknown = set(options.models) - set(SHAPES)
    if unknown:
        parser.error(f"no model is called {', '.join(sorted(unknown))}")
    engines = started(dict(item.split("=", 1) for item in options.peers), options.threads)
    rows = []
    try:
        for model in options.models or SHAPES:
            for size in options.batch:
                rows.append(compare(engines, model, size, options.rounds, options.steps))
                names = [engine.name for engine in engines]
                print(table(rows[-1:], names).splitlines()[-1], file=sys.stderr, flush=True)
    finally:
        for engine in engines:
            engine.close()
    print(table(rows, [engine.name for engine in engines]))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
