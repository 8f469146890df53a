"""What the processor offers."""

from __future__ import annotations

import os
from functools import cache

_TOLD = frozenset(
    {
        "vendor_id",
        "cpu family",
        "model",
        "model name",
        "stepping",
        "flags",
        "CPU implementer",
        "CPU architecture",
        "CPU variant",
        "CPU part",
        "Features",
    }
)
"""What Linux tells of a processor in /proc/cpuinfo that LLVM's choice of instructions depends on."""


_CPU_MAX = "/sys/fs/cgroup/cpu.max"
_NO_QUOTA = 1 << 16


def lanes() -> int:
    """float32 in a vector register: 16 with AVX-512, 8 with AVX2, else 4. $KCOMPAT_LANES sets another number."""
    forced = os.environ.get("KCOMPAT_LANES")
    if forced:
        return int(forced)
    features = set(processor().split())
    if "avx512f" in features:
        return 16
    return 8 if {"avx2", "fma"} <= features else 4


def dot_instruction(lanes: int) -> str:
    """How products of bytes are summed in vectors of so many int32: "vnni", "madd" (int16 on x86), else "plain"."""
    features = set(processor().replace("-", "_").split())
    if {"avx512_vnni", "avx512vnni"} & features and (lanes == 16 or "avx512vl" in features):
        return "vnni"
    if {"avx_vnni", "avxvnni"} & features and lanes < 16:
        return "vnni"
    needed = {16: "avx512bw", 8: "avx2", 4: "sse2"}[lanes]
    return "madd" if needed in features else "plain"


@cache
def processors() -> int:
    """How many processors this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, quota(_CPU_MAX)))


def quota(file: str) -> int:
    """Processors' worth of time that a container may use, rounded down: cpu.max of control groups, version 2.

    More threads than that would spin while the one they wait for is held back.
    """
    try:
        with open(file, encoding="ascii") as stream:
            limit, period = stream.read().split()
        return _NO_QUOTA if limit == "max" else int(limit) // int(period)
    except (OSError, ValueError):
        return _NO_QUOTA


@cache
def processor() -> str:
    """What is known of the processor, its features among it as words. As Linux tells it, else as LLVM does."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        first = ""
    entries = [line.partition(":") for line in first.splitlines()]
    told = [f"{key.strip()}: {value.strip()}" for key, _, value in entries if key.strip() in _TOLD]
    return "\n".join(told) or _processor_by_llvm()


def _processor_by_llvm() -> str:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return " ".join([llvm.get_host_cpu_name(), *(name for name, has in sorted(features.items()) if has)])
