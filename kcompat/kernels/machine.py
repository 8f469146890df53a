"""What the processor offers."""

from __future__ import annotations

import os

import llvmlite.binding as llvm


def lanes() -> int:
    """float32 in a vector register: 16 with AVX-512, 8 with AVX2, else 4. $KCOMPAT_LANES sets another number."""
    forced = os.environ.get("KCOMPAT_LANES")
    if forced:
        return int(forced)
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") and features.get("fma") else 4
