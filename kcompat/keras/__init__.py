"""`kcompat.keras` is `kcompat` under the name that `tf.keras` code expects.

`import kcompat as tf; tf.keras.Sequential(...)` and `from kcompat.keras.layers import Dense` give
the very objects of `kcompat`: a finder answers imports below this package with kcompat's modules.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_ROOT, _HERE = "kcompat", __name__ + "."


class _Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Resolves `kcompat.keras.x` to the module `kcompat.x`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(_HERE):
            return None
        original = f"{_ROOT}.{fullname.removeprefix(_HERE)}"
        if importlib.util.find_spec(original) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=original)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(str(spec.origin))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Already executed; the import system overwrote its spec, which is put back."""
        state = module.__spec__.loader_state if module.__spec__ else None
        module.__spec__ = state or module.__spec__


sys.meta_path.insert(0, _Alias())


def __getattr__(name: str) -> Any:
    return getattr(sys.modules[_ROOT], name)


def __dir__() -> list[str]:
    return dir(sys.modules[_ROOT])
