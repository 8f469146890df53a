"""EinsumDense."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

from ..activations import ActivationKind
from ..config import Field, Kind, Str, int_list, optional, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError, ShapeError
from ..initializers import InitializerKind
from ..ir import Dim, Value
from ..regularizers import RegularizerKind
from .emitter import Emitter
from .low_rank import lora_alpha_field, lora_rank_field
from .quantization import Quantizable, QuantizationConfigKind

_FORMS = re.compile(
    r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)"
    r"|0([a-zA-Z]+),([a-zA-Z]+)->0([a-zA-Z]+)"
    r"|([a-zA-Z]{2,})0,([a-zA-Z]+)->([a-zA-Z]+)0"
)
"""X,Y->Z; ...X,Y->...Z; X...,Y->Z...: with 0 for the ellipsis."""


@dataclass(frozen=True)
class Terms:
    """The letters of an equation for an input of known rank.

    elided: those that stand for the ellipsis; the others of the output are `named`.
    """

    x: str
    kernel: str
    y: str
    elided: str
    named: str

    @property
    def equation(self) -> str:
        return f"{self.x},{self.kernel}->{self.y}"


def parse_equation(equation: str, rank: int, where: object) -> Terms:
    """The letters of an equation. Raises ArgumentError for another form, ShapeError for another rank."""
    match = _FORMS.fullmatch(equation.replace(" ", "").replace("...", "0"))
    if match is None:
        raise ArgumentError(
            f"{where}: equation must be like 'ab,bc->ac', '...a,ab->...b' or 'ab...,bc->ac...', received {equation!r}"
        )
    x, kernel, y = (group for group in match.groups() if group is not None)
    unknown = (set(kernel) - set(x) - set(y)) | (set(y) - set(x) - set(kernel))
    if unknown or any(len(set(term)) < len(term) for term in (x, kernel, y)):
        raise ArgumentError(
            f"{where}: equation {equation!r} has a letter that occurs in one term alone, or twice in one"
        )
    count = rank - len(x)
    if count < 0 or (count and "..." not in equation):
        raise ShapeError(f"{where}: equation {equation!r} is not for inputs of rank {rank}")
    elided = "".join(letter for letter in ascii_letters if letter not in x + kernel + y)[:count]
    first = equation.startswith("...")
    return Terms(*((elided + x, kernel, elided + y) if first else (x + elided, kernel, y + elided)), elided, y)


def _parse_shape(value: Any, owner: Any) -> tuple[int | None, ...]:
    sizes = (value,) if isinstance(value, int) else tuple(value)
    if any(size is not None and size < 1 for size in sizes):
        raise ValueError
    return tuple(None if size is None else int_list([size])[0] for size in sizes)


@registered("keras.layers")
class EinsumDense(Quantizable):
    """A product by an explicit equation of the input and a kernel, a bias and an activation.

    output_shape: sizes of the output's axes without the batch and without those of an ellipsis; None
    where the input says them. bias_axes: the output's letters over which the bias differs.
    Raises ShapeError where the equation, output_shape and the input's shape contradict each other.
    Source: keras.layers.EinsumDense.
    """

    output_shape = Field(Kind("a size, or a sequence of sizes and None", _parse_shape))
    equation = Field(Str)
    activation = Field(ActivationKind, None)
    bias_axes = Field(optional(Str), None)
    kernel_initializer = Field(InitializerKind, "glorot_uniform")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None)
    bias_regularizer = Field(RegularizerKind, None)
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None)
    quantization_config = Field(QuantizationConfigKind, None, keyword=True)
    lora_rank = lora_rank_field()
    lora_alpha = lora_alpha_field()

    positional = ("equation", "output_shape", "activation", "bias_axes")
    neutral = {"gptq_unpacked_column_size": None}

    def build(self, input_shape: Any) -> None:
        terms = parse_equation(self.equation, len(input_shape), self)
        sizes = self._sizes(terms, tuple(input_shape))
        shape = [sizes[letter] for letter in terms.kernel]
        self.kernel_scale = None
        if self.is_quantized:
            self.kernel = self.add_levels("kernel", shape)
        else:
            self.kernel = self.add_weight(
                shape,
                self._fan_aware_initializer(terms),
                name="kernel",
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        self.bias = None if self.bias_axes is None else self._add_bias(terms, sizes, self.bias_axes)
        if self.is_quantized:
            scales = [sizes[letter] if letter in terms.kernel else 1 for letter in terms.y]
            self.kernel_scale = self.add_scale("kernel", scales)
        self.add_low_rank()

    def _sizes(self, terms: Terms, input_shape: tuple[Dim, ...]) -> dict[str, Dim]:
        """The size of every letter, as the input and `output_shape` say."""
        sizes = dict(zip(terms.x, input_shape, strict=True))
        stated = [letter for letter in terms.y[1:] if letter not in terms.elided]
        if len(stated) != len(self.output_shape):
            raise ShapeError(
                f"{self}: output_shape must give sizes for {', '.join(stated) or 'no axis'} of equation "
                f"{self.equation!r}, received {self.output_shape}"
            )
        for letter, size in zip(stated, self.output_shape, strict=True):
            known = sizes.get(letter)
            if isinstance(known, int) and size not in (None, known):
                raise ShapeError(f"{self}: output_shape gives '{letter}' the size {size}, the input has {known}")
            sizes[letter] = known if size is None else size
        return sizes

    def _fan_aware_initializer(self, terms: Terms) -> Any:
        """The kernel's initializer, told which of its axes the product sums over."""
        initializer = self.kernel_initializer
        if "input_axes" not in initializer.fields:
            return initializer
        config = initializer.get_config()
        if config["input_axes"] is not None and config["output_axes"] is not None:
            return initializer
        inner = [axis for axis, letter in enumerate(terms.kernel) if letter not in terms.y]
        outer = [axis for axis, letter in enumerate(terms.kernel) if letter in terms.y]
        return type(initializer).from_config({**config, "input_axes": inner, "output_axes": outer})

    def _add_bias(self, terms: Terms, sizes: dict[str, Dim], axes: str) -> Any:
        """The bias, which begins at the first of its axes and broadcasts along the others."""
        if not axes or not set(axes) <= set(terms.named):
            raise ArgumentError(f"{self}: bias_axes must be letters of the output {terms.named!r}, received {axes!r}")
        start = min(terms.y.index(letter) for letter in axes)
        return self.add_configured_weight(
            "bias", [sizes[letter] if letter in axes else 1 for letter in terms.y[start:]]
        )

    def emit(self, b: Emitter, x: Value) -> Value:
        x = b.floating(x)
        terms = parse_equation(self.equation, x.rank, self)
        y = self._product(b, x, terms)
        return self.activation.emit(b, y if self.bias is None else b.add(y, self.bias))

    def _product(self, b: Emitter, x: Value, terms: Terms) -> Value:
        def product(x: Any, kernel: Any) -> Value:
            return b.einsum(x, kernel, equation=terms.equation)

        if self.kernel_scale is None:
            return product(x, self.adapted(b))
        axes = [axis for axis, letter in enumerate(terms.x) if letter not in terms.y]
        y = self.emit_quantized(
            b,
            x,
            self.kernel,
            self.kernel_scale,
            product=product,
            axes=axes,
            align=lambda scale: _align(b, b.squeeze(scale, axes=axes), terms),
        )
        return y if self.lora_b is None else b.add(y, product(x, self.low_rank(b, self.lora_a)))


def _align(b: Emitter, scale: Value, terms: Terms) -> Value:
    """A tensor with the letters of x that remain, with the axes of y."""
    letters = [letter for letter in terms.x if letter in terms.y]
    ordered = b.transpose(scale, perm=[letters.index(letter) for letter in terms.y if letter in letters])
    missing = [axis for axis, letter in enumerate(terms.y) if letter not in letters]
    return b.expand_dims(ordered, axes=missing)
