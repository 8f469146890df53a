"""Reductions of contiguous float32 in one vector register: NaN does not win a maximum."""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I32
from .vectors import Vectors, constant


@cache
def reducer(op: str, lanes: int) -> Any:
    """`reduce(address, vectors)`: the maximum or the sum ("max", "sum") of so many whole vectors."""

    def join(emit: Vectors, total: Any, value: Any) -> Any:
        if op == "sum":
            return emit.builder.fadd(total, value)
        return emit.builder.select(emit.builder.fcmp_ordered(">", value, total), value, total)

    @intrinsic
    def reduce(context, address, vectors):
        def codegen(context, builder, signature, args):
            emit = Vectors(builder, lanes)
            start = ir.Constant(emit.vector, [0.0 if op == "sum" else float("-inf")] * lanes)
            total = cgutils.alloca_once_value(builder, start)
            place = emit.pointer(args[0])
            with cgutils.for_range(builder, args[1]) as step:
                value = emit.load(emit.at(place, builder.mul(step.index, constant(lanes))))
                builder.store(join(emit, builder.load(total), value), total)
            vector, width = builder.load(total), lanes
            while width > 1:
                width //= 2
                order = [lane + width if lane < width else lane for lane in range(lanes)]
                turned = builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(I32, lanes), order))
                vector = join(emit, vector, turned)
            return builder.extract_element(vector, ir.Constant(I32, 0))

        return types.float32(types.int64, types.int64), codegen

    return reduce
