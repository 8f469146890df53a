"""Where the pixels are that a row of a window sees: their addresses, several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .intrinsics import I32, I64


def find_pixels(places: Sequence[int]) -> Any:
    """`find(table, row, left, width, step, zeros)`: write the addresses of the pixels at some places from `left` on in
    a row of so many pixels, `step` bytes apart; the address of zeros for those outside."""

    @intrinsic
    def find(context, table, row, left, width, step, zeros):
        def codegen(context, builder, signature, args):
            table, row, left, width, step, zeros = args
            kind = ir.VectorType(I64, len(places))

            def splat(value: Any) -> Any:
                undefined = ir.Constant(kind, ir.Undefined)
                first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
                zero = ir.Constant(ir.VectorType(I32, len(places)), [0] * len(places))
                return builder.shuffle_vector(first, undefined, zero)

            numbers = ir.Constant(kind, list(places))
            at = builder.add(splat(left), numbers)
            first = builder.add(row, builder.mul(left, step))
            address = builder.add(splat(first), builder.mul(numbers, splat(step)))
            found = builder.select(builder.icmp_unsigned("<", at, splat(width)), address, splat(zeros))
            builder.store(found, builder.inttoptr(table, kind.as_pointer())).align = 8
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return find
