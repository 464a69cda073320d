"""The file: a ZIP archive of ``functions.json`` and ``arrays/0.npy``, ``arrays/1.npy`` ...

Entries are stored as they are, so what is read is never longer than the file, and each has a
checksum.  Arrays are little-endian and in C order.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from gradcore.dtypes import DTYPES
from gradcore.errors import SerializationError
from gradcore.graph import Array

DOCUMENT = "functions.json"
ARRAYS = "arrays/{}.npy"


def written(path: Path, document: Any, arrays: Sequence[Array]) -> None:
    """Write a file, which takes the place of one that is there once it is complete.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(".unfinished", f".{path.name}-", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file, document, arrays)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def write(file: BinaryIO, document: Any, arrays: Sequence[Array]) -> None:
    """Write what a file has; it is the same bytes for the same functions, whenever it is written.

    Raises OSError.
    """
    with zipfile.ZipFile(file, "w") as archive:
        text = json.dumps(document, separators=(",", ":"), allow_nan=False)
        archive.writestr(zipfile.ZipInfo(DOCUMENT), text)
        for i, array in enumerate(arrays):
            content = io.BytesIO()
            whole = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            npy.write_array(content, whole, (1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(ARRAYS.format(i)), content.getbuffer())


def read(path: Path) -> tuple[Any, list[Array]]:
    """Return the document and the arrays of a file.

    Raises OSError; SerializationError: it is no such file, or damaged.
    """
    with path.open("rb") as file:
        return read_from(file, path)


def read_from(file: BinaryIO, path: object) -> tuple[Any, list[Array]]:
    """Return the same of what is open; ``path``: what to call it in messages."""
    try:
        size = file.seek(0, os.SEEK_END)
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if sum(entry.compress_size for entry in archive.infolist()) > size:
                raise SerializationError(f"{path} is damaged: its entries overlap")
            document = json.loads(_content(archive, entries, DOCUMENT))
            names = map(ARRAYS.format, range(len(entries) - 1))
            return document, [_array(_content(archive, entries, name)) for name in names]
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise SerializationError(f"{path} is damaged, or no file of save: {error}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SerializationError(f"{path} has a {DOCUMENT} that is no JSON: {error}") from None


def _content(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str) -> bytes:
    """Return what an entry holds, which must be stored as it is."""
    entry = entries.get(name)
    if entry is None:
        raise SerializationError(f"the file has no {name}: it is damaged, or no file of save")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise SerializationError(f"{name} is compressed, as save never leaves it")
    return archive.read(entry)


def _array(content: bytes) -> Array:
    """Return an array of numbers, which must be as long as its header says."""
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        if version != (1, 0):
            raise SerializationError(f"an array is of the version {version} of .npy, not (1, 0)")
        shape, fortran, dtype = npy.read_array_header_1_0(stream)
    except ValueError as error:
        raise SerializationError(f"an array has no header of .npy: {error}") from None
    data = content[stream.tell() :]
    count = 1
    for extent in shape:
        count *= extent
    if dtype.newbyteorder("=").name not in DTYPES or fortran or min(shape, default=0) < 0:
        raise SerializationError(f"an array is of dtype {dtype}, or not in C order")
    if len(data) != count * dtype.itemsize:
        raise SerializationError(f"an array of shape {shape} has {len(data)} bytes")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)
