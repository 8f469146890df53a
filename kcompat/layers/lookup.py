"""IntegerLookup, StringLookup, and the vocabulary that they share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..config import Bool, Field, Int, Kind, PositiveInt, Str, one_of, optional, registered
from ..errors import ArgumentError, ConfigError, FormatError, WeightMismatchError
from ..ir import Value, Variable
from ..operators.strings import as_bytes, as_text
from .base import Layer
from .categories import SaltKind, encode, output_mode_kind
from .emitter import Emitter

ASSET = "vocabulary.txt"
"""The file in which archives keep a vocabulary, one token a line."""

_DROPPED = int(np.iinfo(np.int64).max)
"""The index of masked tokens that no encoding counts."""


def _parse_vocabulary(value: Any, owner: Any) -> Any:
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else list(map(owner.token, _listed(value)))


def _listed(value: Any) -> list[Any]:
    """The elements of a list, a tuple, an array, or the dict that Keras writes for one."""
    if isinstance(value, Mapping) and value.get("class_name") in ("__numpy__", "__tensor__"):
        value = value["config"]["value"]
    return np.asarray(value).tolist() if hasattr(value, "__array__") else list(value)


_Numbers = Kind("a list of numbers", lambda value, owner: [float(item) for item in _listed(value)])
_Token = Kind("a token of the vocabulary's type", lambda value, owner: owner.token(value))


def _parse_count(value: Any, owner: Any) -> int:
    count = int(Int.parse(value, owner))
    if count < 0:
        raise ValueError
    return count


class IndexLookup(Layer):
    """Tokens as indices into a vocabulary, or with `invert` indices as tokens.

    Indices begin with the mask token, if there is one, at 0; then come `num_oov_indices` for tokens out of
    the vocabulary, among which hashes choose; then the vocabulary. In output modes other than "int" masked
    tokens are left out and have no index.

    vocabulary: tokens; or the path of a text file with one a line, which is read at once. Files name no
    paths: a config with one is refused. idf_weights: one number per token, for output_mode "tf_idf".
    output_mode: "int"; "one_hot", "multi_hot", "count" as CategoryEncoding does, in int64; "tf_idf", counts
    times the tokens' weights, floating. pad_to_max_tokens: vectors of length max_tokens.
    """

    token_dtype: ClassVar[str]

    invert = Field(Bool, False)
    max_tokens = Field(optional(PositiveInt), None, aliases=("max_values",))
    num_oov_indices = Field(Kind("an integer of at least 0", _parse_count), 1)
    oov_token = Field(optional(_Token), None, aliases=("oov_value",))
    mask_token = Field(optional(_Token), None, aliases=("mask_value",))
    output_mode = Field(output_mode_kind("int", "one_hot", "multi_hot", "count", "tf_idf"), "int")
    sparse = Field(Bool, False)
    pad_to_max_tokens = Field(Bool, False)
    idf_weights = Field(optional(_Numbers), None)
    vocabulary = Field(optional(Kind("tokens, or a path", _parse_vocabulary)), None)
    oov_method = Field(one_of("floormod", "farmhash"), "floormod")
    salt = Field(SaltKind, None)

    def __init__(self, *args: Any, vocabulary_size: int | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, autocast=False, **kwargs)
        self._check_options()
        self._tokens: list[Any] = []
        if vocabulary_size is not None and not isinstance(vocabulary_size, int):
            raise ArgumentError(f"{self}: vocabulary_size must be an integer or None, received {vocabulary_size!r}")
        self._stated_size = vocabulary_size
        self._idf: Variable | None = None
        if self.vocabulary is not None:
            given, self.vocabulary = self.vocabulary, None
            self.set_vocabulary(given, self.idf_weights)
            self.vocabulary = None if isinstance(given, str) else given

    def _check_options(self) -> None:
        if self.invert and self.output_mode != "int":
            raise ArgumentError(f"{self}: invert needs output_mode 'int', received '{self.output_mode}'")
        if self.invert and self.oov_token is None:
            raise ArgumentError(f"{self}: invert needs an oov_token, for indices without a token")
        if self.max_tokens == 1 or (self.pad_to_max_tokens and self.max_tokens is None):
            raise ArgumentError(
                f"{self}: max_tokens must exceed 1, and be given for pad_to_max_tokens; received {self.max_tokens}"
            )
        if self.idf_weights is not None and self.output_mode != "tf_idf":
            raise ArgumentError(f"{self}: idf_weights are for output_mode 'tf_idf', received '{self.output_mode}'")
        if self.salt is not None and self.token_dtype == "int64" and self.oov_method != "farmhash":
            raise ArgumentError(f"{self}: salt needs oov_method 'farmhash'")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Raises ConfigError if the vocabulary is a path: what a file names is never opened (CVE-2025-12058)."""
        refuse_path(cls.__name__, config)
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for key, value in {**super().get_config(), **self.stated_vocabulary()}.items():
            config[key] = value
            if key == "vocabulary":
                config["vocabulary_size"] = self.known_size
        return config

    def stated_vocabulary(self) -> dict[str, Any]:
        """Vocabulary and idf_weights as the config has them: those given, or such as archives cannot keep.

        Keras takes the file in an archive apart with str.splitlines, and leaves out empty lines at its end.
        """
        stated = {"vocabulary": self.vocabulary, "idf_weights": self.idf_weights}
        lines = list(map(str, self.get_vocabulary()))
        if not self._tokens or self.vocabulary is not None or (lines[-1] and "\n".join(lines).splitlines() == lines):
            return stated
        if self._idf is not None:
            stated["idf_weights"] = self._idf.value[self._first : self.vocabulary_size()].tolist()
        return {**stated, "vocabulary": self._tokens}

    @property
    def assumed_input_dtype(self) -> str:
        return "int64" if self.invert else self.token_dtype

    # --- vocabulary -------------------------------------------------------------

    @classmethod
    def token(cls, value: Any) -> Any:
        """A token as the vocabulary has it. Raises TypeError or ValueError."""
        raise NotImplementedError

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, each at its index; without the mask and out-of-vocabulary ones if not asked for."""
        special = self._special_tokens() if include_special_tokens else []
        return [*special, *self._tokens]

    def vocabulary_size(self) -> int:
        """The number of indices, those of the mask and of tokens out of the vocabulary included."""
        return self._first + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary: tokens, with or without the special ones at their start, or a path.

        idf_weights: one per entry of `vocabulary`; needed for output_mode "tf_idf" alone.
        Raises ArgumentError for an empty vocabulary, repeated or reserved tokens, and wrong weights.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ArgumentError(f"{self}: idf_weights go with output_mode 'tf_idf', which is '{self.output_mode}'")
        entries = self.fields["vocabulary"].parse(vocabulary, self) or []
        entries = self._read_file(entries) if isinstance(entries, str) else entries
        special = self._special_tokens()
        has_special = bool(special) and entries[: len(special)] == special
        self._set_tokens(entries[len(special) :] if has_special else entries, entries)
        if idf_weights is not None:
            weights = self.fields["idf_weights"].parse(idf_weights, self)
            if len(weights) != len(entries):
                raise ArgumentError(f"{self}: {len(weights)} idf_weights for a vocabulary of {len(entries)} entries")
            self._set_idf(weights if has_special else [float(np.average(weights))] * self._first + weights)

    def _set_tokens(self, tokens: list[Any], given: Sequence[Any]) -> None:
        if not given:
            raise ArgumentError(f"{self}: the vocabulary is empty")
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ArgumentError(f"{self}: the vocabulary repeats {repeated[:5]}")
        reserved = [self.mask_token, self.oov_token if self.invert else None]
        if any(token is not None and token in tokens for token in reserved):
            raise ArgumentError(
                f"{self}: the vocabulary has the mask or out-of-vocabulary token at an unexpected place; leave them "
                f"out, or begin with {self._special_tokens()}"
            )
        if self.max_tokens is not None and self._first + len(tokens) > self.max_tokens:
            raise ArgumentError(
                f"{self}: {len(tokens)} tokens and {self._first} special ones exceed max_tokens={self.max_tokens}"
            )
        self._tokens = tokens
        self.emission_changed()

    def _set_idf(self, weights: Sequence[float]) -> None:
        padded = [*weights, *[0.0] * (self._depth() - len(weights))]
        self._idf_variable(len(padded)).assign(padded)

    def _idf_variable(self, size: int) -> Variable:
        if self._idf is None or self._idf.shape != (size,):
            self._idf = Variable("idf_weights", (size,), trainable=False, path=f"{self.name}/idf_weights")
            self.emission_changed()
        return self._idf

    def _read_file(self, path: str) -> list[Any]:
        if self.output_mode == "tf_idf":
            raise ArgumentError(f"{self}: output_mode 'tf_idf' takes its vocabulary as tokens, not as a path")
        with open(path, "rb") as file:
            lines = file.read().replace(b"\r", b"").split(b"\n")
        return [self.token(line) for line in (lines[:-1] if not lines[-1] else lines)]

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the tokens of an array (samples, ...), or of all batches of an iterable, as vocabulary.

        The most frequent come first, and among equally frequent ones the greatest; max_tokens cuts the rest.
        """
        if self.vocabulary is not None:
            raise ArgumentError(f"{self}: cannot adapt a layer that was given a vocabulary")
        whole = isinstance(data, (list, tuple, np.ndarray))
        batches = [np.asarray(data)] if whole else map(np.asarray, data)
        self.adapt_to(document for batch in batches for document in self._documents(batch, whole))

    def _documents(self, batch: np.ndarray, whole: bool) -> list[list[Any]]:
        """The samples of a batch; a vector is one, but that of all data holds one sample an element."""
        count = len(batch) if batch.ndim > 1 or (whole and batch.ndim) else 1
        return [list(map(self.token, row)) for row in batch.reshape(count, -1).tolist()]

    def adapt_to(self, documents: Iterable[Sequence[Any]]) -> None:
        """Take the tokens of documents as vocabulary."""
        counts: Counter[Any] = Counter()
        containing: Counter[Any] = Counter()
        number = 0
        for document in documents:
            counts.update(document)
            containing.update(set(document))
            number += 1
        for reserved in (self.mask_token, self.oov_token):
            counts.pop(reserved, None)
        ordered = sorted(counts, key=lambda token: (counts[token], self._sorting(token)), reverse=True)
        tokens = ordered[: self.max_tokens - self._first] if self.max_tokens else ordered
        self._set_tokens(tokens, tokens)
        if self.output_mode == "tf_idf":
            weights = [float(np.float32(np.log(1 + number / (1 + containing[token])))) for token in tokens]
            self._set_idf([float(np.mean(weights, dtype=np.float32))] * self._first + weights)

    @staticmethod
    def _sorting(token: Any) -> Any:
        return token

    # --- files ------------------------------------------------------------------

    def stored_variables(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Variable]:
        if self.output_mode != "tf_idf":
            return {}
        known = self._depth_or_none()
        sizes = [shape[0] for shape in shapes.values() if len(shape) == 1]
        if self._idf is None and known is None and len(sizes) != 1:
            return {}
        return {"idf_weights": self._idf or self._idf_variable(sizes[0] if known is None else known)}

    def stored_assets(self) -> dict[str, bytes]:
        if not self._tokens or self.stated_vocabulary()["vocabulary"] is not None:
            return {}
        return {ASSET: b"\n".join(as_bytes(str(token)) for token in self.get_vocabulary())}

    def take_assets(self, files: Mapping[str, bytes]) -> None:
        if self.vocabulary is not None:
            return
        if ASSET not in files:
            if self._stated_size is not None and self._stated_size > self._first:
                raise FormatError(
                    f"{self}: its vocabulary of {self._stated_size} entries should be in {ASSET}: missing"
                )
            return
        entries = self._entries(files[ASSET])
        special = self._special_tokens()
        self._set_tokens(entries[len(special) :] if entries[: len(special)] == special else entries, entries)

    def _entries(self, content: bytes) -> list[Any]:
        """The tokens in a file that Keras wrote: in text mode, so that Windows ends lines with two characters."""
        lines = content.split(b"\n")
        if len(lines) > 1 and all(line.endswith(b"\r") for line in lines[:-1]):
            lines = [*(line[:-1] for line in lines[:-1]), lines[-1]]
        try:
            if self._stated_size is not None and len(lines) == self._stated_size + 1 and not lines[-1]:
                lines.pop()
            entries = [self.token(line.decode("utf-8")) for line in lines]
        except (TypeError, ValueError) as error:
            raise FormatError(f"{self}: {ASSET} is no list of its tokens in UTF-8: {error}") from None
        if self._stated_size not in (None, len(entries)):
            raise WeightMismatchError(
                f"{self}: {ASSET} has {len(entries)} entries, the config says vocabulary_size={self._stated_size}"
            )
        return entries

    # --- meaning ----------------------------------------------------------------

    @property
    def _first(self) -> int:
        """The index of the vocabulary's first token."""
        return self.num_oov_indices + (self.mask_token is not None and self.output_mode == "int")

    def _special_tokens(self) -> list[Any]:
        mask = [self.mask_token] if self._first > self.num_oov_indices else []
        return [*mask, *[self.oov_token] * self.num_oov_indices]

    @property
    def known_size(self) -> int | None:
        """The vocabulary's size, or what the config says of it while it is not there."""
        return self.vocabulary_size() if self._tokens else self._stated_size

    def _depth_or_none(self) -> int | None:
        return self.max_tokens if self.pad_to_max_tokens else self.known_size

    def _depth(self) -> int:
        """The length of encoded vectors."""
        depth = self._depth_or_none()
        if depth is None:
            raise ArgumentError(
                f"{self}: output_mode '{self.output_mode}' needs the vocabulary before the layer is called; give "
                "vocabulary=, or call adapt(data)"
            )
        return depth

    def emit(self, b: Emitter, x: Value) -> Value:
        if self.invert:
            tokens = b.constant(self.get_vocabulary() if self._tokens else [], self.token_dtype)
            return b.token_at(x, tokens, b.constant(self.oov_token, self.token_dtype))
        indices = b.lookup(
            self._keys(b, x),
            b.constant(self._tokens, self.token_dtype),
            None if self.mask_token is None else b.constant(self.mask_token, self.token_dtype),
            first=self._first,
            strangers=self.num_oov_indices,
            masked_index=0 if self.output_mode == "int" else _DROPPED,
            hashing=self.oov_method,
            salt=self.salt,
        )
        if self.output_mode == "int":
            return indices
        if self.output_mode != "tf_idf":
            return encode(b, self, indices, self.output_mode, self._depth(), "int64")
        counts = encode(b, self, indices, "count", self._depth(), "float32")
        return b.mul(counts, b.parameter(self._idf_variable(self._depth())))

    def _keys(self, b: Emitter, x: Value) -> Value:
        return x


@registered("keras.layers")
class IntegerLookup(IndexLookup):
    """Integers as indices into a vocabulary, or back; see IndexLookup.

    Input of any integer dtype and shape. Among several `num_oov_indices` the remainder chooses, or with
    oov_method "farmhash" a hash. Source: keras.layers.IntegerLookup.
    """

    positional = (
        *("max_tokens", "num_oov_indices", "mask_token", "oov_token", "vocabulary", "vocabulary_dtype"),
        *("idf_weights", "invert", "output_mode", "sparse", "pad_to_max_tokens", "oov_method", "salt"),
    )
    token_dtype = "int64"

    oov_token = Field(optional(_Token), -1, aliases=("oov_value",))
    vocabulary_dtype = Field(one_of("int64"), "int64")

    @classmethod
    def token(cls, value: Any) -> int:
        return int(value) if isinstance(value, (str, bytes)) else Int.parse(value, None)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        dtype = config.pop("vocabulary_dtype")
        keys = list(config)
        place = keys.index("idf_weights")
        ordered = {key: config[key] for key in keys[:place]}
        return {**ordered, "vocabulary_dtype": dtype, **{key: config[key] for key in keys[place:]}}

    def _keys(self, b: Emitter, x: Value) -> Value:
        return x if x.dtype == "int64" else b.cast(x, dtype="int64")


@registered("keras.layers")
class StringLookup(IndexLookup):
    """Strings as indices into a vocabulary, or back; see IndexLookup.

    Input: str or bytes in UTF-8, of any shape; inverted, the outputs are str. encoding: of tokens in
    bytes. Source: keras.layers.StringLookup.
    """

    positional = (
        *("max_tokens", "num_oov_indices", "mask_token", "oov_token", "vocabulary", "idf_weights", "invert"),
        *("output_mode", "pad_to_max_tokens", "sparse", "encoding"),
    )
    token_dtype = "string"

    oov_token = Field(optional(_Token), "[UNK]", aliases=("oov_value",))
    encoding = Field(Str, "utf-8")

    @classmethod
    def token(cls, value: Any) -> str:
        if not isinstance(value, (str, bytes)):
            raise TypeError
        return as_text(value)

    @staticmethod
    def _sorting(token: str) -> bytes:
        return as_bytes(token)


def refuse_path(class_name: str, config: Mapping[str, Any]) -> None:
    """Raises ConfigError if a config names the file that has its vocabulary."""
    if isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        raise ConfigError(
            f"layer '{config.get('name')}' ({class_name}): names the vocabulary file {config['vocabulary']!r}, which "
            "is never opened for a model file; save the model with Keras 3.12 or later, or with the tokens as a list"
        )
