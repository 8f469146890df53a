"""How much a file may ask for before it is refused.

Every cap stands far above what Keras writes and far below what hurts. A caller
who trusts a larger file passes `dataclasses.replace(DEFAULT_LIMITS, ...)`.
"""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what one file may contain.

    Attributes:
        expansion_ratio: decompressed bytes allowed per stored byte. Float weights
            deflate by less than 2, text by less than 20.
        expansion_floor: decompressed bytes allowed whatever the ratio, because
            optimizer slots that are all zero deflate by 1000.
        hdf5_objects: groups and datasets in one HDF5 file. The largest published
            Keras models have some ten thousand variables.
        hdf5_depth: nesting of groups. A nested model adds two levels.
        hdf5_chunks: chunks in one dataset.
        hdf5_metadata_bytes: structure of one HDF5 file, data aside; about 1 KiB per
            variable. Bounds the time that opening takes.
        hdf5_metadata_ratio: the same in file sizes; structures that overlap or point
            back would otherwise cost quadratic time.
        attribute_bytes: one HDF5 attribute, decoded. A `model_config` is one.
        archive_members: members of a `.keras` archive or directory. A handful is
            usual; vocabularies are one member each.
        archive_directory_bytes: central directory of a zip, read before any
            member can be judged.
        json_bytes: one JSON text. Configs with inline vocabularies reach a few MiB.
        json_depth: nesting of arrays and objects. Each nested model adds about six.
        json_containers: arrays and objects in one JSON text; each costs 60 bytes
            or more once parsed.
        json_int_digits: digits of one integer; 2**128 has 39.
    """

    expansion_ratio: int = 100
    expansion_floor: int = 64 * MEBIBYTE
    hdf5_objects: int = 200_000
    hdf5_depth: int = 64
    hdf5_chunks: int = 100_000
    hdf5_metadata_bytes: int = 64 * MEBIBYTE
    hdf5_metadata_ratio: int = 4
    attribute_bytes: int = 64 * MEBIBYTE
    archive_members: int = 10_000
    archive_directory_bytes: int = 4 * MEBIBYTE
    json_bytes: int = 64 * MEBIBYTE
    json_depth: int = 400
    json_containers: int = 4_000_000
    json_int_digits: int = 40

    def expanded(self, stored: int) -> int:
        """Bytes that `stored` bytes may become when they are decompressed."""
        return max(self.expansion_floor, self.expansion_ratio * stored)


DEFAULT_LIMITS = Limits()
