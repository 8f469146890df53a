"""Read-only HDF5 for weight files: `with open_hdf5(path) as root: ...`.

Opening walks the whole file: every link, header, type, layout and attribute is checked
before anything behind it is looked at, so that a file that opens holds no links out of
the file, no plugins, no cycles, and no dataset larger than its bytes. Numbers are read
when a dataset is asked for them. Nothing in the file is run; libhdf5 is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kcompat.errors import FormatError, UnsafeFileError

from .hdf5_attributes import Attribute, AttributeValue, GlobalHeaps, decode, parse_attributes
from .hdf5_data import Contiguous, Storage, parse_storage
from .hdf5_groups import is_group, links
from .hdf5_objects import DATASPACE, DATATYPE, SIGNATURE, Header, Metadata, read_header
from .hdf5_types import Datatype, Kind, element_count, parse_dataspace, parse_datatype
from .kinds import wrong_file
from .limits import DEFAULT_LIMITS, MEBIBYTE, Limits
from .source import FileSource, MemorySource, PathLike, Source

MAPPED_FROM = MEBIBYTE  # smaller arrays are read: a mapping costs a page fault per 4 KiB

Array = npt.NDArray[Any]

_Node = TypeVar("_Node", bound="Node")


class _File:
    """What the nodes of one file share."""

    def __init__(self, source: Source, limits: Limits, mapped: bool) -> None:
        self.source = source
        self.limits = limits
        self.mapped = mapped
        self.metadata = Metadata(source, limits)
        self.heaps = GlobalHeaps(self.metadata)


class Node:
    """A group or a dataset. `path` is its place in the file: `/model_weights/dense`."""

    def __init__(self, file: _File, path: str, attributes: dict[str, Attribute]) -> None:
        self._file = file
        self._attributes = attributes
        self._values: dict[str, AttributeValue] = {}
        self.path = path

    @property
    def name(self) -> str:
        """The last part of the path; empty for the root."""
        return self.path.rpartition("/")[2]

    @property
    def where(self) -> str:
        """File and path, for messages."""
        return f"{self._file.source.label}: {self.path}"

    @property
    def attrs(self) -> tuple[str, ...]:
        """The names of the attributes, in stored order."""
        return tuple(self._attributes)

    def attr(self, name: str) -> AttributeValue:
        """An attribute: str, bool, int or float; a flat list of str; or an array of numbers.

        Raises:
            FormatError: there is no such attribute, or its value is damaged.
        """
        if name not in self._values:
            attribute = self._attributes.get(name)
            if attribute is None:
                raise FormatError(
                    f"{self.where}: has no attribute {name!r}; present: {', '.join(self.attrs) or 'none'}."
                )
            self._values[name] = decode(attribute, self._file.heaps, self._file.limits.attribute_bytes)
        return self._values[name]

    def attr_text(self, name: str) -> str:
        """An attribute that must be one text, such as `model_config`."""
        value = self.attr(name)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            raise FormatError(f"{self.where}: attribute {name!r} is {type(value).__name__}, text expected.")
        return value

    def attr_list(self, name: str) -> list[str]:
        """An attribute that must be a list of names, such as `layer_names`.

        Lists over 64512 bytes are split over `name0`, `name1`, ... by Keras and joined here.
        """
        if name in self._attributes:
            return self._names(name)
        if f"{name}0" not in self._attributes:
            self.attr(name)
        joined: list[str] = []
        number = 0
        while (part := f"{name}{number}") in self._attributes:
            joined += self._names(part)
            number += 1
        return joined

    def has_attr_list(self, name: str) -> bool:
        """Whether `attr_list(name)` finds the list, whole or in parts."""
        return name in self._attributes or f"{name}0" in self._attributes

    def _names(self, name: str) -> list[str]:
        value = self.attr(name)
        if isinstance(value, list):
            return value
        if isinstance(value, np.ndarray) and value.size == 0:
            return []
        raise FormatError(f"{self.where}: attribute {name!r} is {value!r:.80}, a list of names expected.")


class Dataset(Node):
    """An array in the file.

    Attributes:
        shape: its shape; () for a scalar.
        dtype: what `read` gives: native byte order, float32 for bfloat16.
    """

    def __init__(
        self,
        file: _File,
        path: str,
        attributes: dict[str, Attribute],
        shape: tuple[int, ...],
        datatype: Datatype,
        storage: Storage,
    ) -> None:
        super().__init__(file, path, attributes)
        self.shape = shape
        self._storage = storage
        self._datatype = datatype
        self._is_bfloat16 = self._says_bfloat16()
        self.dtype = self._native()

    def __repr__(self) -> str:
        return f"<Dataset {self.path} {self.dtype}{self.shape}>"

    @property
    def nbytes(self) -> int:
        """Bytes of the array that `read` gives."""
        return element_count(self.shape) * self.dtype.itemsize

    @property
    def stored_nbytes(self) -> int:
        """Bytes of the elements as the file declares them."""
        return element_count(self.shape) * self._datatype.size

    def read(self) -> Array:
        """The elements as a read-only array in C order, native byte order.

        Where the file was opened with `mapped=True`, unfiltered arrays from 1 MiB on are views
        of the file's pages; they stay valid when the file is closed, renamed or deleted.

        Raises:
            FormatError: the stored bytes are damaged, or the file was shortened meanwhile.
        """
        array = self._converted(np.frombuffer(self._bytes(), self._datatype.stored)).reshape(self.shape)
        if not array.flags.aligned:  # compiled kernels require alignment, which no file guarantees
            array = array.copy()
        array.flags.writeable = False
        return array

    def _bytes(self) -> bytes | memoryview | Array:
        storage, source = self._storage, self._file.source
        if self._file.mapped and isinstance(storage, Contiguous) and storage.stored >= MAPPED_FROM:
            return source.map(storage.address, storage.stored)
        return storage.read(source)

    def _converted(self, flat: Array) -> Array:
        if self._is_bfloat16:
            stored = ">u2" if self._datatype.stored.byteorder == ">" else "<u2"
            widened = flat.view(stored).astype(np.uint32) << np.uint32(16)
            return np.asarray(widened.view(np.float32))
        return np.asarray(flat, self.dtype)

    def _says_bfloat16(self) -> bool:
        """Keras stores bfloat16 as 2 opaque bytes or as uint16, and says so in an attribute."""
        if self._datatype.kind is Kind.BFLOAT16:
            return True
        two_bytes = self._datatype.kind is Kind.OPAQUE or self._datatype.stored.kind == "u"
        return (
            two_bytes and self._datatype.size == 2 and "dtype" in self._attributes and self.attr("dtype") == "bfloat16"
        )

    def _native(self) -> np.dtype[Any]:
        if self._is_bfloat16:
            return np.dtype(np.float32)
        match self._datatype.kind:
            case Kind.NUMBER:
                native: np.dtype[Any] = self._datatype.stored.newbyteorder("=")
                return native
            case Kind.BOOL:
                return np.dtype(np.bool_)
            case kind:
                raise FormatError(
                    f"{self.where}: holds {kind.name.lower()} elements, not numbers. Keras stores no such "
                    "variable; save the model again."
                )


class Group(Node):
    """Named groups and datasets. Paths use `/`; a leading one starts at the root."""

    def __init__(self, file: _File, path: str, attributes: dict[str, Attribute], root: Group | None) -> None:
        super().__init__(file, path, attributes)
        self._root = root or self
        self._children: dict[str, Group | Dataset] = {}

    def __repr__(self) -> str:
        return f"<Group {self.path} ({len(self)} members)>"

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[str]:
        """The names of the members, in stored order."""
        return iter(self._children)

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def groups(self) -> list[Group]:
        return [child for child in self._children.values() if isinstance(child, Group)]

    def datasets(self) -> list[Dataset]:
        return [child for child in self._children.values() if isinstance(child, Dataset)]

    def group(self, path: str) -> Group:
        """The group at `path`; FormatError if there is none."""
        return self._require(path, Group)

    def dataset(self, path: str) -> Dataset:
        """The dataset at `path`; FormatError if there is none."""
        return self._require(path, Dataset)

    def walk(self) -> Iterator[Dataset]:
        """All datasets below this group, in stored order."""
        pending: list[Group | Dataset] = [self]
        while pending:
            node = pending.pop()
            if isinstance(node, Dataset):
                yield node
            else:
                pending.extend(reversed(node._children.values()))

    def _find(self, path: str) -> Group | Dataset | None:
        node: Group | Dataset | None = self._root if path.startswith("/") else self
        for part in path.split("/"):
            if part in ("", "."):
                continue
            if not isinstance(node, Group):
                return None
            node = node._children.get(part)
        return node

    def _require(self, path: str, kind: type[_Node]) -> _Node:
        node = self._find(path)
        if isinstance(node, kind):
            return node
        wanted = kind.__name__.lower()
        if node is not None:
            raise FormatError(f"{node.where}: is a {type(node).__name__.lower()}, a {wanted} expected.")
        members = ", ".join(map(repr, list(self)[:20])) or "none"
        raise FormatError(f"{self.where}: has no {wanted} {path!r}; present: {members}.")


class Hdf5File(Group, AbstractContextManager["Hdf5File"]):
    """The root group of an open file; closes it at the end of a `with` block."""

    def close(self) -> None:
        """Closes the file. Arrays that were read, and attributes, stay valid."""
        self._file.source.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_hdf5(
    file: PathLike | bytes | bytearray | memoryview | Source,
    limits: Limits = DEFAULT_LIMITS,
    *,
    mapped: bool = False,
) -> Hdf5File:
    """Opens and checks an HDF5 file given by its path, its bytes, or a `Source`.

    `mapped=True` reads large arrays without a copy, for files that nobody writes to while
    the arrays are in use; see `FileSource.map`.

    Raises:
        FormatError: it is no HDF5 file, or truncated, or malformed, or of a form Keras does not write.
        UnsafeFileError: it has links, external or virtual data, plugins, cycles, or exceeds `limits`.
    """
    source = _source(file)
    try:
        if source.size < len(SIGNATURE) or source.read(0, len(SIGNATURE)) != SIGNATURE:
            raise wrong_file(source, "an HDF5 file")
        return _read_tree(_File(source, limits, mapped))
    except BaseException:
        source.close()
        raise


def _source(file: PathLike | bytes | bytearray | memoryview | Source) -> Source:
    if isinstance(file, (bytes, bytearray, memoryview)):
        return MemorySource(file)
    if isinstance(file, (FileSource, MemorySource)):
        return file
    return FileSource(file)


def _read_tree(file: _File) -> Hdf5File:
    """Reads every object once, iteratively."""
    where = f"{file.source.label}: /"
    header = read_header(file.metadata, file.metadata.root, where)
    if not is_group(header):
        raise FormatError(f"{where}: the root is no group. The file is damaged; fetch or save it again.")
    root = Hdf5File(file, "/", parse_attributes(header), None)
    seen = {file.metadata.root: "/"}
    pending: list[tuple[Group, Header, int]] = [(root, header, 0)]
    while pending:
        group, header, depth = pending.pop()
        for name, address in links(file.metadata, header):
            if name in group._children:
                raise FormatError(f"{group.where}: has two members named {name!r}. The file is damaged.")
            path = f"{group.path.rstrip('/')}/{name}"
            _check_place(file, path, address, seen, depth)
            child_header = read_header(file.metadata, address, f"{file.source.label}: {path}")
            if is_group(child_header):
                child = Group(file, path, parse_attributes(child_header), root)
                pending.append((child, child_header, depth + 1))
                group._children[name] = child
            else:
                group._children[name] = _dataset(file, path, child_header)
    _check_sizes(file, list(root.walk()))
    return root


def _check_sizes(file: _File, datasets: list[Dataset]) -> None:
    """Bounds what reading everything would take."""
    size, label = file.source.size, file.source.label
    stored = sum(dataset._storage.stored for dataset in datasets)
    declared = sum(dataset._storage.declared for dataset in datasets)
    if stored > size:
        raise UnsafeFileError(
            f"{label}: its datasets have {stored} bytes together, the file {size}: they overlap. Keras "
            "writes no such file."
        )
    if declared > file.limits.expanded(size):
        raise UnsafeFileError(
            f"{label}: {size} bytes that decompress to {declared}, more than limits.expansion_ratio = "
            f"{file.limits.expansion_ratio} allows. Raise it if you trust the file."
        )


def _check_place(file: _File, path: str, address: int, seen: dict[int, str], depth: int) -> None:
    where = f"{file.source.label}: {path}"
    if address in seen:
        raise UnsafeFileError(
            f"{where}: is the same object as {seen[address]!r} (a cycle or a second hard link). Keras writes "
            "no such file; copy the data."
        )
    if depth >= file.limits.hdf5_depth or len(seen) >= file.limits.hdf5_objects:
        raise UnsafeFileError(
            f"{where}: exceeds limits.hdf5_depth = {file.limits.hdf5_depth} or limits.hdf5_objects = "
            f"{file.limits.hdf5_objects}. Raise the limit if you trust the file."
        )
    seen[address] = path


def _dataset(file: _File, path: str, header: Header) -> Dataset:
    datatype = parse_datatype(header.one(DATATYPE, "datatype"))
    shape = parse_dataspace(header.one(DATASPACE, "dataspace"))
    if shape is None:
        raise FormatError(f"{header.where}: is an empty (null) dataset; an array was expected.")
    storage = parse_storage(file.metadata, header, shape, datatype.size)
    return Dataset(file, path, parse_attributes(header), shape, datatype, storage)
