"""Every exception that kcompat raises on purpose.

    KcompatError
    ├── LoadError                    a file cannot be turned into a model
    │   ├── FormatError              not a model file, truncated, malformed
    │   ├── UnsafeFileError          links out of the file, bombs, path traversal
    │   ├── UnknownLayerError        a class that no table lists
    │   ├── RefusedLayerError        a class that carries or names foreign code
    │   ├── ConfigError              a config key or value without meaning here
    │   └── WeightMismatchError      weights that do not fit the architecture
    ├── SaveError                    a model cannot be written as asked
    ├── DifferenceError              a converted model gives other outputs than the original
    ├── ArgumentError                a wrong argument in the caller's code
    ├── InputError                   data that does not fit a model's inputs
    ├── ShapeError                   operands whose shapes do not fit an operator
    ├── DtypeError                   operands whose dtypes do not fit an operator
    ├── GraphError                   an IR graph that breaks an invariant
    ├── GradientError                a loss cannot be differentiated through an operator
    ├── ResourceError                a tensor larger than the memory budget
    └── MissingDependencyError       an optional package is needed and absent

Where Keras raises ValueError, TypeError, LookupError or NotImplementedError for the same
mistake, the class derives from that too, so that existing `except` clauses work.
"""

from __future__ import annotations


class KcompatError(Exception):
    """Base of all errors that kcompat raises on purpose."""


class LoadError(KcompatError, ValueError):
    """A file cannot be turned into a model."""


class FormatError(LoadError):
    """The bytes are not what the format prescribes."""


class UnsafeFileError(LoadError):
    """The file asks for something that loading must never do."""


class UnknownLayerError(LoadError):
    """The file names a class that kcompat does not know."""


class RefusedLayerError(LoadError):
    """The file names a class whose behaviour is code outside the file's data."""


class ConfigError(LoadError):
    """A layer's or model's config has a key or value without meaning here."""


class WeightMismatchError(LoadError):
    """Weights in a file do not fit the architecture."""


class SaveError(KcompatError, ValueError):
    """A model cannot be written in the requested form."""


class DifferenceError(KcompatError):
    """A converted model's outputs differ from the original's; `check` says by how much."""

    def __init__(self, message: str, check: object = None) -> None:
        super().__init__(message)
        self.check = check


class ArgumentError(KcompatError, TypeError, ValueError):
    """A wrong argument in the caller's code."""


class InputError(KcompatError, ValueError):
    """Data does not fit the inputs of a model."""


class ShapeError(KcompatError, ValueError):
    """Operand shapes do not fit an operator or layer."""


class DtypeError(KcompatError, TypeError, ValueError):
    """Operand dtypes do not fit an operator or layer."""


class GraphError(KcompatError):
    """An IR graph breaks an invariant."""


class GradientError(KcompatError, LookupError):
    """An operator between a loss and what is trained has no gradient."""


class ResourceError(KcompatError, MemoryError):
    """A tensor would exceed the memory budget of a run."""


class MissingDependencyError(KcompatError, ImportError):
    """An optional package is needed for this call and is not installed."""
