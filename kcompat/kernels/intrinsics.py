"""What Numba has no words for: raw pointers from integers, bit casts, atomics, calls by address.

Each is one or a few LLVM instructions, inlined where it is used.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)
F32 = ir.FloatType()
KERNEL_TYPE = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), I64, I64])


def _pointer(element: Any) -> Any:
    @intrinsic
    def pointer(context, address):
        result = types.CPointer(element)

        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(result))

        return result(types.int64), codegen

    return pointer


f32 = _pointer(types.float32)
"""A pointer to float32 from an address."""
f64 = _pointer(types.float64)
i64 = _pointer(types.int64)
i32 = _pointer(types.int32)
i8 = _pointer(types.int8)
u8 = _pointer(types.uint8)
u32 = _pointer(types.uint32)


def bit_cast(source: Any, target: Any) -> Any:
    @intrinsic
    def bit_cast(context, value):
        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), codegen

    return bit_cast


float_bits = bit_cast(types.float32, types.int32)
float_of_bits = bit_cast(types.int32, types.float32)


@intrinsic
def as_f32(context, word):
    """The float32 whose bits are the low half of an int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(builder.trunc(args[0], I32), F32)

    return types.float32(types.int64), codegen


def stack(words: int) -> Any:
    """A function that returns the address of so many int64, aligned to 64 bytes, on its caller's stack."""

    @intrinsic
    def address(context):
        def codegen(context, builder, signature, args):
            with builder.goto_entry_block():
                place = builder.alloca(ir.ArrayType(I64, words))
                place.align = 64
            return builder.ptrtoint(place, I64)

        return types.int64(), codegen

    return address


@intrinsic
def fma(context, x, y, z):
    """x * y + z rounded once, in the type of z."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return z(z, z, z), codegen


@intrinsic
def address_of(context, pointer):
    """The address that a pointer holds."""

    def codegen(context, builder, signature, args):
        return builder.ptrtoint(args[0], I64)

    return types.int64(pointer), codegen


@intrinsic
def call_kernel(context, address, arguments, first, second):
    """Call the kernel at an address: `kernel(arguments, first, second)`, all of them int64."""

    def codegen(context, builder, signature, args):
        kernel = builder.inttoptr(args[0], KERNEL_TYPE.as_pointer())
        pointer = builder.inttoptr(args[1], I64.as_pointer())
        builder.call(kernel, [pointer, args[2], args[3]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def atomic_add(context, address, amount):
    """Add to an int64 in memory; returns what it was. Sequentially consistent."""

    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", builder.inttoptr(args[0], I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def atomic_load(context, address):
    """Read an int64, and see all that its writer wrote before it."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(context, address, value):
    """Write an int64 after all that was written before it."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[1], builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def compare_exchange(context, address, expected, value):
    """Write an int64 if it is as expected; returns whether it was. Sequentially consistent."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], I64.as_pointer())
        result = builder.cmpxchg(place, args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(result, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def trailing_zeros(context, word):
    """The number of the lowest bit that is set in an int64; 64 if none is."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), codegen


_PAUSES: dict[str, tuple[str, list[int]]] = {
    **dict.fromkeys(("x86_64", "AMD64"), ("llvm.x86.sse2.pause", [])),
    **dict.fromkeys(("aarch64", "arm64"), ("llvm.aarch64.hint", [1])),
}


@intrinsic
def pause(context):
    """Tell the processor that this thread waits for another, some tens of nanoseconds long."""

    def codegen(context, builder, signature, args):
        name, operands = _PAUSES.get(platform.machine(), ("", []))
        if name:
            function_type = ir.FunctionType(ir.VoidType(), [I32] * len(operands))
            function = cgutils.get_or_insert_function(builder.module, function_type, name)
            builder.call(function, [I32(operand) for operand in operands])
        return context.get_dummy_value()

    return types.void(), codegen


def external(name: str, *arguments: str, returns: str = "i32") -> Any:
    """A function of the C library or of Python, which the process has loaded; int64 and int32 arguments."""
    kinds = {"i64": I64, "i32": I32}
    numba_types = {"i64": types.int64, "i32": types.int32}
    function_type = ir.FunctionType(kinds[returns], [kinds[a] for a in arguments])
    signature = numba_types[returns](*(numba_types[a] for a in arguments))

    def codegen(context, builder, signature, args):
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        return builder.call(function, args)

    if len(arguments) == 0:

        @intrinsic
        def call0(context):
            return signature, codegen

        return call0
    if len(arguments) == 1:

        @intrinsic
        def call1(context, a):
            return signature, codegen

        return call1

    @intrinsic
    def call2(context, a, b):
        return signature, codegen

    return call2
