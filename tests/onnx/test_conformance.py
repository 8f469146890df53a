"""ONNX's conformance suite, except for its seven largest networks."""

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("conformance", Path(__file__).with_name("conformance.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
conformance = importlib.util.module_from_spec(_SPEC)
sys.modules["conformance"] = conformance
_SPEC.loader.exec_module(conformance)

CASES = {case.name: case for case in conformance.cases() if not conformance.LARGE.match(case.name)}
GROUPS = sorted({name.split("_")[1] for name in CASES})


def test_the_suite_is_there():
    assert len(CASES) > 1000


@pytest.mark.parametrize("group", GROUPS)
def test_cases(group):
    """All cases of an operator pass, but for those that the page explains."""
    failed = {}
    for name, case in CASES.items():
        if name.split("_")[1] != group:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, message = conformance.outcome(case)
        if (result != "pass") != (name in conformance.NOT_PASSED):
            failed[name] = (result, message[:500])
    assert not failed
