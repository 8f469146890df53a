"""Files that real Keras versions wrote load and predict what those versions predicted."""

from __future__ import annotations

import pytest
from golden import GoldenFile, golden_files

from kcompat.errors import LoadError


@pytest.mark.parametrize("file", golden_files("load"), ids=str)
def test_predicts_what_keras_predicted(file: GoldenFile) -> None:
    file.check(file.load())


@pytest.mark.parametrize("file", golden_files("refuse"), ids=str)
def test_what_cannot_be_right_is_refused_by_name(file: GoldenFile) -> None:
    with pytest.raises(LoadError, match=r"layer '.+' \("):
        file.load()


@pytest.mark.parametrize("file", golden_files("custom"), ids=str)
def test_a_foreign_class_is_refused_by_name(file: GoldenFile) -> None:
    with pytest.raises(LoadError, match="custom_objects"):
        file.load()
