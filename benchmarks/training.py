"""How long a training step takes in kcompat, next to Keras on TensorFlow, on JAX and on torch, and plain torch.

Usage: python benchmarks/training.py [MODEL ...] [--batch 32 128] [--ways step fit evaluate predict] [--threads N]
       [--rounds 7] [--steps 20] [--rows 10000] [--peers keras-tensorflow=PYTHON ...] [--json FILE]

Every engine runs in a process of its own, from its own interpreter if --peers names one (as NAME=PATH; else this
one's), and all take turns in every round, with Adam and categorical crossentropy: so many steps of `train_on_batch`
with one batch, or one pass of `fit`, `evaluate` or `predict` over so many rows, divided by its batches. Medians over
the rounds, and how many times as long each peer takes, are printed as a Markdown table. A peer that is not installed
is left out.
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
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from training_models import SHAPES, keras_model, samples, torch_model

ENGINES = ("kcompat", "keras-tensorflow", "keras-jax", "keras-torch", "torch")
WAYS = ("step", "fit", "evaluate", "predict")

Run = Callable[[], Any]
"""Makes one step, or one pass over the rows."""


# --- what one engine does, in its own process -----------------------------------


def keras_run(library: Any, model: str, size: int, way: str, rows: int) -> Run:
    network = keras_model(library, model)
    x, y = samples(model, size if way == "step" else rows)
    settings = {"batch_size": size, "verbose": 0}
    return {
        "step": lambda: network.train_on_batch(x, y),
        "fit": lambda: network.fit(x, y, **settings),
        "evaluate": lambda: network.evaluate(x, y, **settings),
        "predict": lambda: network.predict(x, **settings),
    }[way]


def torch_run(model: str, size: int, way: str, rows: int) -> Run:
    import torch

    network, loss = torch_model(model), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), eps=1e-7)
    arrays = samples(model, size if way == "step" else rows)
    x = arrays[0] if arrays[0].ndim < 4 else np.ascontiguousarray(np.moveaxis(arrays[0], -1, 1))
    data, targets = torch.from_numpy(x), torch.from_numpy(arrays[1])

    def step(images: Any, classes: Any) -> float:
        optimizer.zero_grad()
        value = loss(network(images), classes)
        value.backward()
        optimizer.step()
        return float(value)

    def fit() -> None:
        network.train()
        for part in torch.randperm(rows).split(size):
            step(data[part], targets[part])

    def infer(with_loss: bool) -> None:
        network.eval()
        with torch.no_grad():
            for part, classes in zip(data.split(size), targets.split(size), strict=True):
                results = network(part)
                if with_loss:
                    float(loss(results, classes))

    return {
        "step": lambda: step(data, targets),
        "fit": fit,
        "evaluate": lambda: infer(True),
        "predict": lambda: infer(False),
    }[way]


def make_run(engine: str, threads: int, model: str, size: int, way: str, rows: int) -> Run:
    if engine == "kcompat":
        import kcompat

        kcompat.set_num_threads(threads)
        return keras_run(kcompat, model, size, way, rows)
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
        return torch_run(model, size, way, rows)
    import keras

    return keras_run(keras, model, size, way, rows)


def serve(engine: str, threads: int) -> None:
    """Answers lines "model batch way rows steps" with the microseconds of a step, on as many processors as threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    if engine.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = engine.removeprefix("keras-")
    kept: tuple[tuple[str, ...], Run] | None = None
    for line in sys.stdin:
        *key, count = line.split()
        model, size, way, rows = key
        if kept is None or kept[0] != tuple(key):
            kept = tuple(key), make_run(engine, threads, model, int(size), way, int(rows))
            for _ in range(3 if way == "step" else 1):
                kept[1]()
        calls, steps = (int(count), 1) if way == "step" else (1, -(-int(rows) // int(size)))
        start = time.perf_counter()
        for _ in range(calls):
            kept[1]()
        print("time", (time.perf_counter() - start) / (calls * steps) * 1e6, flush=True)


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

    def run(self, *words: str | int) -> float | None:
        """Microseconds of a step, as `serve` is asked for it; None if the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
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


def compare(engines: list[Engine], row: tuple[str, int, str], rows: int, rounds: int, steps: int) -> dict[str, Any]:
    """One row of the table, a model, its batch and a way: microseconds of a step by engine, the median over rounds in
    which they take turns."""
    times: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for turn in range(rounds + 1):
        for engine in engines:
            value = engine.run(*row, rows, steps if turn else 1)
            if value is None:
                sys.exit(f"{engine.name} ended while it ran {row[0]}: run it with --serve {engine.name} to see why")
            if turn:
                times[engine.name].append(value)
    medians = {name: statistics.median(values) for name, values in times.items()}
    model, batch, way = row
    return {"model": model, "batch": batch, "way": way, "microseconds": medians}


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Microseconds of each engine and, for peers, how many times as long as kcompat that is."""
    peers = [name for name in names if name != "kcompat"]
    lines = [f"| model | batch | way | kcompat us | {' | '.join(peers)} |", "|" + "---|" * (4 + len(peers))]
    for row in rows:
        times = row["microseconds"]
        cells = [f"{times[peer]:.0f} us, {times[peer] / times['kcompat']:.2f}" for peer in peers]
        own = [row["model"], str(row["batch"]), row["way"], f"{times['kcompat']:.0f}"]
        lines.append(f"| {' | '.join([*own, *cells])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(SHAPES)}; all if none is named")
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["step"])
    parser.add_argument("--rows", type=int, default=10_000, help="of data that fit, evaluate and predict go through")
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
        for row in product(options.models or SHAPES, options.batch, options.ways):
            rows.append(compare(engines, row, options.rows, options.rounds, options.steps))
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
