"""Chains of pointwise operators, run block by block so that what lies between them stays in the cache."""

from __future__ import annotations

from typing import Any

from numba import njit

from . import scalars
from .intrinsics import address_of, as_f32, call_kernel, f32, i64, stack, u8
from .shares import share_start

BLOCK = 1024
"""Elements of a block; every register holds one."""

OPERANDS, REGISTERS, RESULTS, OUTER = 8, 8, 8, 4
HEAD, OPERAND, INSTRUCTION = 8 + OUTER, 4 + OUTER, 10
"""Words: of a chain's first arguments, of each operand's, of each instruction's."""

FULL, SCALAR, PERIODIC, STRETCHED = 0, 1, 2, 3
"""How an operand goes along the inner axis: element by element, one for all, again and again, or each many times."""


def _pointer(kind: str) -> Any:
    return {"f": f32, "b": u8}[kind]


def unary(op: str, source: str, target: str, parameters: int) -> Any:
    """`target[i] = op(source[i], *parameters)` for i < count; arguments: target, source, then parameters as bits.

    source, target: "f" for float32, "b" for booleans.
    """
    read, write = _pointer(source), _pointer(target)
    apply = scalars.FLOAT[op]

    bound, any_apply = scalars.BOUNDED.get(op, (None, apply))

    def none(a, count, _):
        y, x = write(a[0]), read(a[1])
        beyond = 0
        if bound is not None:
            for i in range(count):
                beyond |= not abs(x[i]) <= bound
        if beyond != 0:
            for i in range(count):
                y[i] = any_apply(x[i])
        else:
            for i in range(count):
                y[i] = apply(x[i])

    def one(a, count, _):
        y, x, p = write(a[0]), read(a[1]), as_f32(a[4])
        for i in range(count):
            y[i] = apply(x[i], p)

    def two(a, count, _):
        y, x, p, q = write(a[0]), read(a[1]), as_f32(a[4]), as_f32(a[5])
        for i in range(count):
            y[i] = apply(x[i], p, q)

    def three(a, count, _):
        y, x, p, q, r = write(a[0]), read(a[1]), as_f32(a[4]), as_f32(a[5]), as_f32(a[6])
        for i in range(count):
            y[i] = apply(x[i], p, q, r)

    return (none, one, two, three)[parameters]


def binary(op: str, source: str, target: str, scalar: int) -> Any:
    """`target[i] = op(x[i], y[i])`; scalar: 0 for two blocks, 1 if x is one element, 2 if y is."""
    read, write = _pointer(source), _pointer(target)
    apply = scalars.FLOAT[op]

    def blocks(a, count, _):
        z, x, y = write(a[0]), read(a[1]), read(a[2])
        for i in range(count):
            z[i] = apply(x[i], y[i])

    def first(a, count, _):
        z, x, y = write(a[0]), read(a[1])[0], read(a[2])
        for i in range(count):
            z[i] = apply(x, y[i])

    def second(a, count, _):
        z, x, y = write(a[0]), read(a[1]), read(a[2])[0]
        for i in range(count):
            z[i] = apply(x[i], y)

    return (blocks, first, second)[scalar]


def where(single: int) -> Any:
    """`target[i] = x[i] if condition[i] else y[i]`; single: 1 where the condition is one element, plus 2 where x is,
    plus 4 where y is."""
    steps = tuple(int(not single >> operand & 1) for operand in range(3))

    def kernel(a, count, _):
        z, condition, x, y = f32(a[0]), u8(a[1]), f32(a[2]), f32(a[3])
        for i in range(count):
            one, other = x[i * steps[1]], y[i * steps[2]]
            z[i] = one if condition[i * steps[0]] != 0 else other

    return kernel


def cast(source: str, target: str) -> Any:
    """float32 to boolean or back."""
    read, write = _pointer(source), _pointer(target)

    def kernel(a, count, _):
        y, x = write(a[0]), read(a[1])
        for i in range(count):
            y[i] = x[i] if target == "f" else x[i] != 0

    return kernel


def run() -> Any:
    """Runs a chain over `outer` rows of `inner` elements.

    arguments: outer, inner, block, 0, operands, instructions, bytes of the results' elements, 0, sizes of
    OUTER outer axes. Then, for each operand: address, bytes of an element, how it goes along the inner axis, its
    period (a divisor of block), or how many times each element comes, elements from one outer index to the next for
    each outer axis. Then, for each instruction: kernel, register it writes or ~n for result n, what it reads (an
    operand, OPERANDS + register, or OPERANDS + REGISTERS + result) three times, four words that the kernel takes as
    arguments 4 to 7, the result's address. What would be written where it is read goes through a spare block: loops
    over memory that overlaps are not vectorised.
    """
    registers_on_stack, call_on_stack = stack((REGISTERS + OPERANDS + 1) * BLOCK // 2), stack(16)
    pointers_on_stack = stack(OPERANDS + REGISTERS + RESULTS)

    @njit(inline="always")
    def move(target, source, size):
        y, x = u8(target), u8(source)
        for i in range(size):
            y[i] = x[i]

    @njit(inline="always")
    def repeat(target, source, size, period, count):
        move(target, source, period * size)
        filled = period
        while filled < count:
            more = min(filled, count - filled)
            move(target + filled * size, target, more * size)
            filled += more

    @njit(inline="always")
    def stretch(target, source, size, times, count):
        y, x = f32(target), f32(source)
        flags, wholes = u8(target), u8(source)
        for element in range((count + times - 1) // times):
            end = min((element + 1) * times, count)
            if size == 4:
                for i in range(element * times, end):
                    y[i] = x[element]
            else:
                for i in range(element * times, end):
                    flags[i] = wholes[element]

    @njit(inline="always")
    def row_offset(a, operand, row):
        offset = 0
        axis = OUTER - 1
        while axis >= 0:
            size = a[8 + axis]
            rest = row // size
            offset += (row - rest * size) * a[operand + 4 + axis]
            row = rest
            axis -= 1
        return offset

    @njit(inline="always")
    def place_operands(a, pointers, repeated, row, first, count, expand):
        """Where the block that begins at element `first` of a row finds its operands."""
        for number in range(a[4]):
            operand = HEAD + number * OPERAND
            size, mode = a[operand + 1], a[operand + 2]
            start = a[operand] + row_offset(a, operand, row) * size
            if mode == FULL:
                pointers[number] = start + first * size
            elif mode == SCALAR:
                pointers[number] = start
            else:
                pointers[number] = repeated + number * BLOCK * 4
                if mode == STRETCHED:
                    times = a[operand + 3]
                    stretch(pointers[number], start + first // times * size, size, times, count)
                elif expand:
                    repeat(pointers[number], start, size, a[operand + 3], min(a[1], a[2]))

    def kernel(a, thread, threads):
        registers, pointers, words = registers_on_stack(), i64(pointers_on_stack()), i64(call_on_stack())
        repeated = registers + REGISTERS * BLOCK * 4
        spare = repeated + OPERANDS * BLOCK * 4
        for register in range(REGISTERS):
            pointers[OPERANDS + register] = registers + register * BLOCK * 4
        blocks = (a[1] + a[2] - 1) // a[2]
        unit, end = share_start(a[0] * blocks, thread, threads), share_start(a[0] * blocks, thread + 1, threads)
        last_row = -1
        while unit < end:
            row = unit // blocks
            first = (unit - row * blocks) * a[2]
            count = min(a[2], a[1] - first)
            place_operands(a, pointers, repeated, row, first, count, row != last_row)
            last_row = row
            for number in range(a[5]):
                at = HEAD + a[4] * OPERAND + number * INSTRUCTION
                target = a[at + 1]
                place = OPERANDS + target
                if target < 0:
                    place = OPERANDS + REGISTERS + ~target
                    pointers[place] = a[at + 9] + (row * a[1] + first) * a[6]
                for read in range(3):
                    words[1 + read] = pointers[a[at + 2 + read]]
                for word in range(4):
                    words[4 + word] = a[at + 5 + word]
                result = pointers[place]
                in_place = result == words[1] or result == words[2] or result == words[3]
                words[0] = spare if in_place else result
                call_kernel(a[at], address_of(words), count, 0)
                if in_place:
                    move(result, spare, count * a[6])
            unit += 1

    return kernel
