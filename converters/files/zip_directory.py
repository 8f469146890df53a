"""The directory of a zip file, read strictly.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import stat
import zlib
from typing import NamedTuple

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor
from .limits import Limits
from .source import Source

STORED = 0
DEFLATED = 8

_END = b"PK\x05\x06"
_END_64_LOCATOR = b"PK\x06\x07"
_END_64 = b"PK\x06\x06"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_END_SIZE = 22
_LONGEST_COMMENT = 0xFFFF
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8 = 0x0800
_CRC_BLOCK = 1 << 20


class Entry(NamedTuple):
    """One member. `name` uses forward slashes, whatever the file has; a folder's ends with one."""

    name: str
    raw_name: bytes
    method: int
    crc: int
    stored_size: int
    size: int
    local_header: int


def read_directory(source: Source, limits: Limits) -> list[Entry]:
    """All members, checked one by one and together.

    Raises:
        FormatError: the file is no zip, truncated, or damaged.
        UnsafeFileError: a member has a name that leaves the archive, is there twice, is a
            symbolic link or device, is encrypted; or the archive exceeds `limits`.
    """
    start, size, count = _central_directory(source)
    if size > limits.archive_directory_bytes or count > limits.archive_members:
        raise UnsafeFileError(
            f"{source.label}: a zip with {count} members and a directory of {size} bytes, more than "
            f"limits.archive_members = {limits.archive_members} or archive_directory_bytes = "
            f"{limits.archive_directory_bytes}. Raise the limit if you trust the file."
        )
    cursor = Cursor(source.read(start, size), f"{source.label}: zip directory")
    entries: dict[str, Entry] = {}
    for _ in range(count):
        entry = _entry(cursor)
        if entry.name in entries:
            raise UnsafeFileError(f"{source.label}: the member {entry.name!r} is there twice, which is ambiguous.")
        entries[entry.name] = entry
    if cursor.left:
        cursor.fail(f"{cursor.left} bytes follow its last entry")
    _check_totals(source, list(entries.values()), limits)
    return list(entries.values())


def stored_bytes(source: Source, entry: Entry) -> tuple[int, int]:
    """Start and size of a member's bytes as stored; its local header must agree with the directory."""
    where = f"{source.label}: member {entry.name!r}"
    head = Cursor(source.read(entry.local_header, 30), where)
    head.expect(_LOCAL)
    head.skip(22)
    name_size, extra_size = head.u16(), head.u16()
    if source.read(entry.local_header + 30, name_size) != entry.raw_name:
        raise UnsafeFileError(f"{where}: has another name in its own header than in the zip directory.")
    start = entry.local_header + 30 + name_size + extra_size
    if start + entry.stored_size > source.size:
        head.fail(f"its bytes end at {start + entry.stored_size}, past the end of the file at {source.size}")
    return start, entry.stored_size


def read_entry(source: Source, entry: Entry) -> bytes:
    """A member's content, decompressed and compared with its CRC-32."""
    where = f"{source.label}: member {entry.name!r}"
    start, size = stored_bytes(source, entry)
    data = bytes(source.read(start, size))
    if entry.method == DEFLATED:
        data = _inflate(data, entry.size, where)
    _require_crc(zlib.crc32(data), entry, where)
    return data


def check_stored_crc(source: Source, entry: Entry, start: int) -> None:
    """Compares a stored member with its CRC-32 without keeping its bytes."""
    crc = 0
    for offset in range(0, entry.size, _CRC_BLOCK):
        crc = zlib.crc32(source.read(start + offset, min(_CRC_BLOCK, entry.size - offset)), crc)
    _require_crc(crc, entry, f"{source.label}: member {entry.name!r}")


def _central_directory(source: Source) -> tuple[int, int, int]:
    """Start, size and number of entries of the central directory."""
    tail_start = max(0, source.size - _END_SIZE - _LONGEST_COMMENT)
    tail = bytes(source.read(tail_start, source.size - tail_start))
    found = tail.rfind(_END)
    if found < 0:
        raise FormatError(
            f"{source.label}: a zip file without its directory, which comes last. It is truncated; fetch it again."
        )
    where = f"{source.label}: end of zip directory"
    end = Cursor(tail[found:], where)
    end.expect(_END)
    disks = (end.u16(), end.u16())
    counts = (end.u16(), end.u16())
    size, start = end.u32(), end.u32()
    if 0xFFFF in counts or 0xFFFFFFFF in (size, start):
        return _central_directory_64(source, tail_start + found)
    if disks != (0, 0) or counts[0] != counts[1] or end.u16() != end.left:
        end.fail(f"disks {disks}, entries {counts} or its comment are wrong")
    if start + size != tail_start + found:
        end.fail(f"a directory of {size} bytes at {start} does not end at {tail_start + found}")
    return start, size, counts[0]


def _central_directory_64(source: Source, end: int) -> tuple[int, int, int]:
    where = f"{source.label}: end of zip64 directory"
    if end < 20:
        raise FormatError(f"{where}: is missing. The file is damaged; fetch or save it again.")
    locator = Cursor(source.read(end - 20, 20), where)
    locator.expect(_END_64_LOCATOR)
    locator.skip(4)
    record = Cursor(source.read(locator.u64(), 56), where)
    record.expect(_END_64)
    record.skip(20)
    counts = (record.u64(), record.u64())
    size, start = record.u64(), record.u64()
    if counts[0] != counts[1] or start + size > end:
        record.fail(f"entries {counts} or a directory of {size} bytes at {start} are wrong")
    return start, size, counts[0]


def _entry(cursor: Cursor) -> Entry:
    cursor.expect(_ENTRY)
    cursor.skip(4)
    flags, method = cursor.u16(), cursor.u16()
    cursor.skip(4)
    crc = cursor.u32()
    sizes = [cursor.u32(), cursor.u32()]
    name_size, extra_size, comment_size = cursor.u16(), cursor.u16(), cursor.u16()
    cursor.skip(4)
    mode = cursor.u32() >> 16
    header = cursor.u32()
    raw_name = cursor.take(name_size)
    extra = Cursor(cursor.take(extra_size), cursor.where)
    cursor.skip(comment_size)
    size, stored_size, header = _with_zip64(extra, [sizes[1], sizes[0], header])
    name = _safe_name(raw_name, flags, cursor.where)
    _check_kind(name, flags, method, mode, stored_size, size, cursor.where)
    return Entry(name, raw_name, method, crc, stored_size, size, header)


def _with_zip64(extra: Cursor, fields: list[int]) -> list[int]:
    """Replaces the fields that are all ones by those of the zip64 extra field."""
    while extra.left >= 4:
        tag, size = extra.u16(), extra.u16()
        body = Cursor(extra.take(size), extra.where)
        if tag == 0x0001:
            return [body.u64() if field == 0xFFFFFFFF else field for field in fields]
    return fields


def _safe_name(raw: bytes, flags: int, where: str) -> str:
    """The name with forward slashes: archives made on Windows by older tools have backslashes."""
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "cp437").replace("\\", "/")
    except UnicodeDecodeError:
        raise FormatError(f"{where}: the member name {raw!r} is not UTF-8. The file is damaged.") from None
    parts = name.removesuffix("/").split("/")
    if not name or "\0" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise UnsafeFileError(
            f"{where}: the member name {name!r} is absolute, empty, or leads out of the archive. Keras writes none."
        )
    return name


def _check_kind(name: str, flags: int, method: int, mode: int, stored_size: int, size: int, where: str) -> None:
    if flags & _ENCRYPTED:
        raise UnsafeFileError(f"{where}: the member {name!r} is encrypted. Save the archive without a password.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeFileError(f"{where}: the member {name!r} is a symbolic link or device, not a file.")
    if method not in (STORED, DEFLATED):
        raise FormatError(
            f"{where}: the member {name!r} is compressed with method {method}; stored (0) and deflated (8) "
            "are supported. Zip the files again with one of them."
        )
    if method == STORED and stored_size != size:
        raise FormatError(f"{where}: the member {name!r} is stored, but with {stored_size} bytes for {size}.")


def _check_totals(source: Source, entries: list[Entry], limits: Limits) -> None:
    stored = sum(entry.stored_size for entry in entries)
    total = sum(entry.size for entry in entries)
    if stored > source.size:
        raise UnsafeFileError(
            f"{source.label}: its members have {stored} bytes together, the file {source.size}: they "
            "overlap, or the file is truncated."
        )
    if total > limits.expanded(source.size):
        raise UnsafeFileError(
            f"{source.label}: {source.size} bytes that decompress to {total}, more than "
            f"limits.expansion_ratio = {limits.expansion_ratio} allows. Raise it if you trust the file."
        )


def _inflate(data: bytes, size: int, where: str) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise FormatError(f"{where}: cannot be decompressed: {error}. Fetch or save the file again.") from None
    if len(plain) != size or not stream.eof:
        raise FormatError(f"{where}: decompresses to another size than the {size} bytes that it declares.")
    return plain


def _require_crc(crc: int, entry: Entry, where: str) -> None:
    if crc != entry.crc:
        raise FormatError(f"{where}: differs from its CRC-32. The file is damaged; fetch or save it again.")
