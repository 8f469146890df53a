"""Runs ONNX's conformance suite on kcompat and writes docs/conformance.md.

Usage: python tests/onnx/conformance.py [--check]
--check writes nothing and fails if the page would change.
"""

from __future__ import annotations

import argparse
import collections
import re
import sys
import unittest
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

import kcompat.onnx_backend
from kcompat.errors import KcompatError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

RANDOM = "random by definition: ONNX says that implementations need not agree, even with a seed"
NOT_PASSED = {
    "test_bernoulli": RANDOM,
    "test_bernoulli_double": RANDOM,
    "test_bernoulli_double_expanded": RANDOM,
    "test_bernoulli_expanded": RANDOM,
    "test_bernoulli_seed": RANDOM,
    "test_bernoulli_seed_expanded": RANDOM,
    "test_loop16_seq_none": "the suite takes the length of a scalar array, whatever the runtime returns",
    "test_gradient_of_add": "refused: Gradient, an operator that ONNX's own evaluator does not have either",
    "test_gradient_of_add_and_mul": "refused: Gradient, an operator that ONNX's own evaluator does not have either",
}
"""The cases that do not pass, and why."""

LARGE = re.compile(r"^test_(vgg19|zfnet512|densenet121|resnet50|inception_v[12]|bvlc_alexnet)$")
"""Whole networks that take seconds."""


@dataclass
class Case:
    """One case of the suite. proto: its node or model, which the suite gives when the case has run."""

    name: str
    category: str
    item: Any

    @property
    def is_expanded(self) -> bool:
        """Whether it runs the body by which ONNX defines an operator as a function."""
        return self.name.endswith("_expanded")


class Recorder:
    """kcompat's backend, which also keeps the models that it prepares."""

    def __init__(self) -> None:
        self.models: list[Any] = []

    supports_device = staticmethod(kcompat.onnx_backend.supports_device)
    is_compatible = staticmethod(kcompat.onnx_backend.is_compatible)

    def prepare(self, model: Any, device: str = "CPU", **options: Any) -> Any:
        prepared = kcompat.onnx_backend.prepare(model, device, **options)
        self.models.append((model, prepared))
        return prepared


def cases(backend: Any = kcompat.onnx_backend) -> Iterator[Case]:
    """The suite's cases for the CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test import BackendTest

        suite = BackendTest(backend, __name__)
    for category, items in suite._test_items.items():
        for name, item in items.items():
            if name.endswith("_cpu"):
                yield Case(name.removesuffix("_cpu"), category, item)


def outcome(case: Case) -> tuple[str, str]:
    """("pass", ""), or "wrong", "refused", "crashed" and the message."""
    try:
        case.item.func(None)
    except AssertionError as error:
        return "wrong", str(error)
    except (KcompatError, unittest.SkipTest) as error:
        return "refused", str(error)
    except Exception as error:
        return "crashed", f"{type(error).__name__}: {error}"
    return "pass", ""


@dataclass
class Row:
    case: Case
    result: str
    message: str
    operators: set[str]
    host: set[str]


def run() -> list[Row]:
    recorder, rows = Recorder(), []
    for case in cases(recorder):
        recorder.models.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, message = outcome(case)
        host = set().union(*(prepared.model.program.host_operators() for _, prepared in recorder.models))
        operators = {node.op_type for model, _ in recorder.models for node in model.graph.node}
        rows.append(Row(case, result, message, operators, host))
    return rows


def page(rows: list[Row]) -> str:
    """The page as text."""
    lines = [
        "# ONNX conformance",
        "",
        f"ONNX's backend test suite (onnx {onnx.__version__}, the cases for the CPU) through `kcompat.onnx_backend`.",
        "Written by `tests/onnx/conformance.py`; `tests/onnx/test_conformance.py` runs all but the seven largest",
        "networks.",
        "",
        "| cases | pass | random | wrong | refused | suite's own fault | of |",
        "|---|---|---|---|---|---|---|",
        _total("plain", [row for row in rows if not row.case.is_expanded]),
        _total("expanded function bodies", [row for row in rows if row.case.is_expanded]),
        _total("all", rows),
        "",
        *_cards(rows),
        "",
        "## Not passed",
        "",
        "| case | why |",
        "|---|---|",
        *(f"| `{row.case.name}` | {_reason(row)} |" for row in rows if row.result != "pass"),
        "",
        "## By operator",
        "",
        "Cases that test the operator itself, expanded bodies apart. Host: parts that `onnx.reference` runs.",
        "",
        "| operator | pass | of | expanded | of | host |",
        "|---|---|---|---|---|---|",
        *_operators(rows),
    ]
    return "\n".join(lines) + "\n"


def _kind(row: Row) -> str:
    reason = NOT_PASSED.get(row.case.name)
    if row.result == "pass" or reason is None:
        return row.result
    return "random" if reason == RANDOM else "refused" if reason.startswith("refused") else "suite"


def _total(label: str, rows: list[Row]) -> str:
    counts = collections.Counter(map(_kind, rows))
    wrong = counts["wrong"] + counts["crashed"]
    share = 100 * counts["pass"] / len(rows)
    return (
        f"| {label} | {counts['pass']} ({share:.1f} %) | {counts['random']} | {wrong} | {counts['refused']} "
        f"| {counts['suite']} | {len(rows)} |"
    )


def _cards(rows: list[Row]) -> list[str]:
    passed = [row for row in rows if row.result == "pass"]
    alone = [row for row in passed if not row.host]
    return [
        f"{len(alone)} of the {len(passed)} that pass run on kcompat's own cards alone; the others have host steps."
    ]


def _reason(row: Row) -> str:
    return NOT_PASSED.get(row.case.name) or f"{row.result}: {' '.join(row.message.split())[:160]}".replace("|", "/")


def _operators(rows: list[Row]) -> Iterator[str]:
    """By the operator that a plain case has in its graph; an expanded case counts for that of its plain one."""
    plain = {row.case.name: row for row in rows if row.case.category == "Node" and not row.case.is_expanded}
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    host: dict[str, set[str]] = collections.defaultdict(set)
    for row in rows:
        owner = plain.get(re.sub(r"(_ver\d+)?_expanded$", "", row.case.name), row)
        if row.case.category != "Node" or (row.case.is_expanded and owner is row):
            continue
        for operator in owner.operators if len(owner.operators) == 1 else ():
            prefix = "expanded " if row.case.is_expanded else ""
            table[operator][prefix + "of"] += 1
            table[operator][prefix + "pass"] += row.result == "pass"
            host[operator] |= row.host if not row.case.is_expanded else set()
    for operator, counts in sorted(table.items()):
        parts = ", ".join(sorted(host[operator]))
        yield (
            f"| {operator} | {counts['pass']} | {counts['of']} | {counts['expanded pass'] or ''} "
            f"| {counts['expanded of'] or ''} | {parts} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = page(run())
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE} is out of date")


if __name__ == "__main__":
    main()
