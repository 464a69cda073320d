"""What was exported to C, compiled with a sanitizer and called through ctypes."""

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np

from gradcore.exporting import exportable

FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fwrapv",
         "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd")  # fmt: skip
"""As in the CMakeLists.txt, with warnings as errors."""

CHECKED = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")

GUARD = 0xA5


class Context(ctypes.Structure):
    """The context of a call."""

    _fields_ = [
        ("workspace", ctypes.c_void_p), ("size", ctypes.c_int64), ("used", ctypes.c_int64),
        ("message", ctypes.c_char * 240),
    ]  # fmt: skip


class Failed(Exception):
    """A call has returned another code than OK."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def compiled(folder, names, flags=CHECKED, compiler="gcc"):
    """Return the library of the functions that were exported to a folder."""
    path = Path(folder, f"{names[0]}.so")
    sources = [Path(folder, f"{name}.c") for name in names]
    command = [compiler, *FLAGS, *flags, "-shared", "-fPIC", *sources, "-o", path, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(path))


def plain(array):
    """Return an array as C has it: a byte for a truth value, two numbers for a complex one."""
    array = np.require(array, requirements=["C", "A"])
    if array.dtype == bool:
        return array.astype(np.uint8)
    return array.reshape(-1).view(array.real.dtype) if array.dtype.kind == "c" else array


class Exported:
    """An exported function: call it with arrays; it returns results and new values of states.

    f : the function that was exported to ``folder`` as ``name``.
    library : as `compiled` returns it.
    room : for how many elements of a result there is room.
    """

    def __init__(self, f, folder, name, library, room=100_000):
        self.given = exportable(f, name)
        self.name = name
        self.header = Path(folder, f"{name}.h").read_text()
        self.function = getattr(library, name)
        self.library = library
        self.room = room
        self.states = [a.initial.copy() for a in self.given.states]
        self.context = Context()
        self.outputs = self.given.outputs[: len(self.given.results)]

    def workspace(self, *arrays):
        """Return how large the header says that a workspace must be; None: it does not say."""
        known = re.search(rf"#define {self.name.upper()}_WORKSPACE (\d+)", self.header)
        if known:
            return int(known[1])
        if f"{self.name}_workspace(" not in self.header:
            return None
        size = getattr(self.library, f"{self.name}_workspace")
        size.restype = ctypes.c_int64
        return size(*(ctypes.c_int64(n) for a, x in self._given(arrays) for n in self._open(a, x)))

    def _given(self, arrays):
        for a, x in zip(self.given.arguments, arrays, strict=True):
            yield a, np.asarray(x, a.variable.dtype)

    @staticmethod
    def _open(argument, array):
        static = argument.variable.type.shape
        return [n for n, known in zip(array.shape, static, strict=True) if known is None]

    def __call__(self, *arrays):
        alive, words = [], []
        for a, x in self._given(arrays):
            if not x.ndim and x.dtype.kind != "c":
                words.append(np.ctypeslib.as_ctypes_type(plain(x).dtype)(plain(x).item()))
                continue
            alive.append(plain(x))
            words.append(ctypes.c_void_p(alive[-1].ctypes.data if x.size else None))
            words += [ctypes.c_int64(n) for n in self._open(a, x)]
        states = [plain(s).copy() for s in self.states]
        words += [ctypes.c_void_p(s.ctypes.data) for s in states]
        results = []
        for name, v in zip(self.given.results, self.outputs, strict=True):
            shape = np.zeros(max(v.ndim, 1), np.int64)
            buffer = np.full(self.room * np.dtype(v.dtype).itemsize + 64, GUARD, np.uint8)
            words.append(ctypes.c_void_p(buffer.ctypes.data))
            name = next(n for n in (name, f"{name}_") if re.search(rf"\*{n}[,)]", self.header))
            if re.search(rf"\bint64_t {name}_room\b", self.header):
                words += [ctypes.c_int64(self.room), ctypes.c_void_p(shape.ctypes.data)]
                results.append((buffer, v, shape[: v.ndim]))
            else:
                line = rf"^ \* \w+ \*{name}\n \*.*?((?:\[\w+\])*)$"
                about = re.search(line, self.header, re.MULTILINE)
                known = [int(n) for n in re.findall(r"\d+", about[1])][: v.ndim]
                results.append((buffer, v, known))
        code = self.function(ctypes.byref(self.context), *words)
        if code:
            raise Failed(code, self.context.message.decode())
        self.states = [
            s.view(old.dtype).reshape(old.shape) for s, old in zip(states, self.states, strict=True)
        ]
        return [self._taken(*result) for result in results]

    def _taken(self, buffer, v, shape):
        size = int(np.prod(shape, dtype=int)) * np.dtype(v.dtype).itemsize
        assert (buffer[size : size + 64] == GUARD).all(), "written behind the result"
        return buffer[:size].view(v.dtype).reshape(tuple(shape))
