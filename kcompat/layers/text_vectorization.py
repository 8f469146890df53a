"""TextVectorization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import Bool, Field, Kind, PositiveInt, Str, one_of, optional, registered
from ..errors import ArgumentError, ConfigError, ShapeError
from ..ir import Value, Variable
from ..ir.types import shape_text
from ..operators.strings import as_text
from ..operators.text import tokens_of
from .base import Layer
from .categories import output_mode_kind
from .emitter import Emitter
from .lookup import StringLookup, refuse_path

_CALLABLES = frozenset({"standardize", "split"})


def _parse_ngrams(value: Any, owner: Any) -> Any:
    if value is None or isinstance(value, int):
        return None if value is None else PositiveInt.parse(value, owner)
    return tuple(PositiveInt.parse(item, owner) for item in value)


@registered("keras.layers")
class TextVectorization(Layer):
    """Texts as indices of their tokens, or as vectors that count these.

    Input: str or bytes in UTF-8, (batch,) or (batch, 1); with split=None tokens (batch, n).
    standardize: "lower_and_strip_punctuation", "lower" or "strip_punctuation", of ASCII alone, or None.
    split: "whitespace", "character" or None. ngrams: runs of up to so many tokens, or of these numbers.
    output_mode: "int", (batch, output_sequence_length), cut off or filled with 0, as long as the longest
    text of the batch if that is None; "multi_hot", "count" and "tf_idf" as StringLookup,
    and "one_hot" with split=None. Python functions for standardize and split are refused, and so are ragged
    outputs. Source: keras.layers.TextVectorization.
    """

    max_tokens = Field(optional(PositiveInt), None)
    standardize = Field(
        one_of("lower_and_strip_punctuation", "lower", "strip_punctuation", None), "lower_and_strip_punctuation"
    )
    split = Field(one_of("whitespace", "character", None), "whitespace")
    ngrams = Field(Kind("a positive integer, several, or None", _parse_ngrams), None)
    output_mode = Field(output_mode_kind("int", "one_hot", "multi_hot", "count", "tf_idf"), "int")
    output_sequence_length = Field(optional(PositiveInt), None)
    pad_to_max_tokens = Field(Bool, False)
    sparse = Field(Bool, False)
    ragged = Field(one_of(False), False)
    vocabulary = Field(Kind("tokens, or a path", lambda value, owner: value), None)
    idf_weights = Field(Kind("a list of numbers or None", lambda value, owner: value), None)
    encoding = Field(Str, "utf-8")

    positional = (
        *("max_tokens", "standardize", "split", "ngrams", "output_mode", "output_sequence_length"),
        *("pad_to_max_tokens", "vocabulary", "idf_weights", "sparse", "ragged", "encoding"),
    )

    def __init__(self, *args: Any, vocabulary_size: int | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, autocast=False, **kwargs)
        if self.output_sequence_length is not None and self.output_mode != "int":
            raise ArgumentError(f"{self}: output_sequence_length is for output_mode 'int', not '{self.output_mode}'")
        if self.output_mode == "one_hot" and self.split is not None:
            raise ArgumentError(f"{self}: output_mode 'one_hot' of split texts is ragged, which is not supported")
        self._lookup_layer = StringLookup(
            max_tokens=self.max_tokens,
            vocabulary=self.vocabulary,
            idf_weights=self.idf_weights,
            pad_to_max_tokens=self.pad_to_max_tokens,
            mask_token="",
            output_mode=self.output_mode,
            sparse=self.sparse,
            encoding=self.encoding,
            vocabulary_size=vocabulary_size,
            name=f"{self.name}_lookup",
        )
        self.vocabulary = self._lookup_layer.vocabulary
        self.idf_weights = self._lookup_layer.idf_weights

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Raises ConfigError for a vocabulary by path and for functions, which are never opened or run."""
        refuse_path(cls.__name__, config)
        for key in _CALLABLES:
            if isinstance(config, Mapping) and isinstance(config.get(key), Mapping):
                raise ConfigError(
                    f"layer '{config.get('name')}' ({cls.__name__}): '{key}' is a Python function, which is never run; "
                    "subclass the layer, and pass the class in custom_objects"
                )
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        size = self._lookup_layer.known_size or self.vocabulary_size()
        return {**super().get_config(), **self._lookup_layer.stated_vocabulary(), "vocabulary_size": size}

    @property
    def assumed_input_dtype(self) -> str:
        return "string"

    # --- vocabulary -------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens, each at its index; without those for padding and strangers if not asked for."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of indices, those for padding and strangers included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary; see StringLookup."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the tokens of an array of texts, or of all batches of an iterable, as vocabulary; see StringLookup."""
        if self.vocabulary is not None:
            raise ArgumentError(f"{self}: cannot adapt a layer that was given a vocabulary")
        batches = [data] if isinstance(data, (list, tuple, np.ndarray)) else data
        rows = (row for batch in batches for row in self._rows(np.asarray(batch)))
        self._lookup_layer.adapt_to(list(map(as_text, tokens_of(row, **self._splitting()))) for row in rows)

    def _rows(self, batch: np.ndarray) -> np.ndarray:
        """Texts, or with split=None lists of tokens."""
        return batch.reshape(len(batch), -1) if self.split is None else batch.reshape(-1)

    # --- files ------------------------------------------------------------------

    def stored_variables(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Variable]:
        return self._lookup_layer.stored_variables(shapes)

    def stored_assets(self) -> dict[str, bytes]:
        return self._lookup_layer.stored_assets()

    def take_assets(self, files: Mapping[str, bytes]) -> None:
        self._lookup_layer.take_assets(files)

    # --- meaning ----------------------------------------------------------------

    def emit(self, b: Emitter, x: Value) -> Value:
        if self.split is not None and x.rank == 2 and x.shape[1] in (1, None):
            x = b.squeeze(x, axes=(1,))
        if x.rank != (2 if self.split is None else 1):
            wanted = "tokens (batch, n), with split=None" if self.split is None else "texts (batch,) or (batch, 1)"
            raise ShapeError(f"{self}: takes {wanted}; received shape {shape_text(x.shape)}")
        splitting = self._splitting()
        widths = splitting.pop("widths")
        tokens = b.tokenize(x, **splitting, ngrams=widths, length=self.output_sequence_length or 0)
        return b.call(self._lookup_layer, tokens)

    def _splitting(self) -> dict[str, Any]:
        """How texts become tokens."""
        standardize = self.standardize or ""
        return {
            "lower": standardize.startswith("lower"),
            "strip": standardize.endswith("strip_punctuation"),
            "by": self.split or "nothing",
            "widths": tuple(range(1, self.ngrams + 1)) if isinstance(self.ngrams, int) else self.ngrams or (),
        }
