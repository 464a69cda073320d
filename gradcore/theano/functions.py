"""What ``theano.function``, ``theano.scan``, modes and their kin take that gradcore does not.

Arguments that say how Theano manages memory or compiles (``accept_inplace``, ``allow_gc``,
``profile`` of a scan, ``mode`` of a scan) are accepted and say nothing: a loop is compiled with the
function that it is part of.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from gradcore import compile as compilation
from gradcore.compile import Function, MonitorMode
from gradcore.compile import In as PlainIn
from gradcore.errors import GraphTypeError, ModeError
from gradcore.graph import Array, Variable, here
from gradcore.language import is_several, listed
from gradcore.mode import GUARDS, Mode, get_mode, names_in
from gradcore.scan import reduce as reduced
from gradcore.scan import scan as scanned
from gradcore.shared import SharedVariable
from gradcore.tensor import arange, minimum
from gradcore.theano.flags import CONFIG, LOG
from gradcore.theano.states import state_of

# arguments --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class In(PlainIn):
    """An input of a function, which takes values of other dtypes where none of them changes.

    So ``numpy.arange(3)``, which is int64, is an argument for an int32 vector, and 0.5, of whatever
    NumPy dtype, for a float32 scalar.  Arrays of floats are not looked into, as in Theano.
    """

    def converted(self, value: Any, function: str, position: int) -> Array:
        """Return an argument as an array, or raise ArgumentError."""
        value = state_of(value)
        if not self.strict and self.allow_downcast is None:
            value = _by_value(value, self.variable.dtype)
        return super().converted(value, function, position)


def param(variable: Variable, default: Any = None, name: str | None = None, **options: Any) -> In:
    """Return `In` under its older name, with ``default`` for its value."""
    return In(variable, name, default, **options)


def _by_value(value: Any, dtype: str) -> Any:
    """Return a value in ``dtype``, if it is the same there; else as it is."""
    is_array = issubclass(type(value), np.ndarray)
    given: Array = np.asarray(value if is_array or issubclass(type(value), NUMBERS) else "")
    kinds = given.dtype.kind, np.dtype(dtype).kind
    if kinds[0] not in "iufcb" or (is_array and not all(kind in "iub" for kind in kinds)):
        return value
    with np.errstate(all="ignore"):
        try:
            new = given.astype(dtype)
        except (OverflowError, TypeError):
            return value
        same = np.array_equal(new, given, equal_nan=kinds[1] in "fc")
    return new if same else value


NUMBERS = (int, float, np.generic)
"""What is no array, and taken where it is the same in another dtype."""


def _entries(inputs: Any, allow_input_downcast: bool | None) -> list[Any]:
    """Return the inputs of a function, each of them as `In`."""
    if isinstance(inputs, Variable):
        raise GraphTypeError(f"inputs are a list of variables, not {inputs}", here(), f"[{inputs}]")
    found: list[Any] = []
    for entry in inputs:
        if type(entry) is PlainIn:
            options = {field.name: getattr(entry, field.name) for field in fields(entry)}
            found.append(In(**options))
        elif isinstance(entry, Variable):
            found.append(In(entry, allow_downcast=allow_input_downcast))
        else:
            found.append(entry)
    return found


def function(
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Return a function of ``inputs`` that computes ``outputs``: `gradcore.function`.

    Integers of any dtype are taken by value (`In`).  ``profile=None`` means ``config.profile``.
    """
    return compilation.function(
        _entries(inputs, allow_input_downcast),
        outputs,
        mode_of(mode),
        updates,
        givens,
        no_default_updates,
        name,
        allow_input_downcast,
        bool(CONFIG.profile if profile is None else profile),
        on_unused_input,
    )


# modes ------------------------------------------------------------------------------------------
PYTHON = ("py", "vm_nogc", "python")
"""The linkers of Theano that call NumPy, operation by operation."""


def _stages(optimizer: Any) -> Any:
    """Return what an optimizer of Theano's is for `Mode`: names of Theano's, or what `Mode` takes.

    optimizer : "fast_run" and other names, "fast_compile" (canonical forms alone), "None", or
        None; "default" is ``config.optimizer``.
    """
    wanted = CONFIG.optimizer if optimizer == "default" else optimizer
    if wanted is None or wanted in ("None", "none"):
        return False
    if wanted == "fast_compile":
        return ("canonicalize",)
    return True if isinstance(wanted, str) else wanted


class TheanoMode(Mode):
    """``theano.Mode(linker, optimizer)``: the linkers of Python run on NumPy, the others on C.

    optimizer : "fast_run", "fast_compile" (canonical forms alone), or "None".
    """

    def __init__(self, linker: Any = None, optimizer: Any = "default", **options: Any) -> None:
        named = str(CONFIG.linker if linker is None else linker)
        super().__init__("numpy" if named in PYTHON else None, _stages(optimizer))

    @property
    def linker(self) -> str:
        """The linker of Theano that it stands for."""
        return "py" if self.backend == "numpy" else "cvm"

    def including(self, *tags: str) -> TheanoMode:
        """Return this mode: all rewriting that there is is included."""
        for tag in tags:
            LOG.debug("a mode includes %r, which changes nothing here", tag)
        return self

    def excluding(self, *tags: str) -> TheanoMode:
        """Return this mode without the stages and rules of these names, if it has any such.

        Theano's names for rewriting are others: those mean nothing here.
        """
        known = {name for stage in self.stages() for name in names_in(stage)}
        for tag in tags:
            if tag not in known:
                LOG.debug("a mode excludes %r, which changes nothing here", tag)
        return like_theano(super().excluding(*(tag for tag in tags if tag in known)))

    def requiring(self, *tags: str) -> TheanoMode:
        """Return this mode."""
        return self


def like_theano(mode: Mode) -> TheanoMode:
    """Return a mode that has the methods of Theano's."""
    found = TheanoMode.__new__(TheanoMode)
    for field in fields(mode):
        object.__setattr__(found, field.name, getattr(mode, field.name))
    return found


def mode_of(mode: Any) -> Any:
    """Return what ``mode=`` means for `gradcore.function`.

    Raises ModeError: it is no mode, and no name of one.
    """
    if mode is None:
        name = CONFIG.mode
        if name in ("Mode", ""):
            plain = CONFIG.linker not in PYTHON and CONFIG.optimizer == "fast_run"
            return None if plain else TheanoMode()
        mode = name
    if not isinstance(mode, str):
        return mode
    if mode == "Mode":
        return TheanoMode()
    return LINKED[mode] if mode in LINKED else PREDEFINED.get(mode, mode)


LINKED = {"NUMBA": None, "C": None, "CVM": None, "JAX": "jax", "PYTORCH": "torch"}
"""PyTensor's names of modes, and the backends that they are."""


def get_theano_mode(mode: Any) -> TheanoMode:
    """Return ``theano.compile.get_mode(mode)``."""
    return like_theano(get_mode(mode_of(mode)))


def get_default_mode() -> TheanoMode:
    """Return the mode of functions that name none."""
    return get_theano_mode(None)


def debug_mode(**options: Any) -> TheanoMode:
    """Return ``DebugMode``: each call is compared with the graph as it was written."""
    return get_theano_mode("DebugMode")


def nan_guard_mode(
    nan_is_error: bool | None = None,
    inf_is_error: bool | None = None,
    big_is_error: bool | None = None,
    optimizer: Any = "default",
    linker: Any = None,
) -> TheanoMode:
    """Return ``NanGuardMode``: a NaN, infinity or huge value in a result is an error.

    The error names the node that made it.  By default ``config.NanGuardMode`` says which are.
    """
    chosen = (nan_is_error, inf_is_error, big_is_error)
    kinds = [
        kind
        for kind, wanted in zip(GUARDS, chosen, strict=True)
        if (CONFIG.get(f"NanGuardMode.{kind}_is_error") if wanted is None else wanted)
    ]
    found = TheanoMode(linker, optimizer)
    object.__setattr__(found, "guard", tuple(kinds))
    return found


class TheanoMonitorMode(MonitorMode):
    """``MonitorMode``: two functions see each node, on NumPy.

    optimizer : as of `TheanoMode`.
    linker : accepted.
    """

    def __init__(
        self,
        pre_func: Any = None,
        post_func: Any = None,
        optimizer: Any = "default",
        linker: Any = None,
    ) -> None:
        super().__init__(pre_func, post_func, _stages(optimizer))

    def including(self, *tags: str) -> TheanoMonitorMode:
        """Return this mode: all rewriting that there is is included."""
        return self

    def excluding(self, *tags: str) -> TheanoMonitorMode:
        """Return this mode without the stages and rules of these names, if it has any such."""
        known = {name for stage in self.stages() for name in names_in(stage)}
        chosen = Mode.excluding(self, *(tag for tag in tags if tag in known)).optimizer
        return TheanoMonitorMode(self.pre_func, self.post_func, chosen)


def profile_mode(**options: Any) -> TheanoMode:
    """Return an ordinary mode: ``profile=True`` of a function notes where its time goes."""
    return get_theano_mode("FAST_RUN")


PREDEFINED = {name: like_theano(get_mode(name)) for name in ("FAST_RUN", "FAST_COMPILE")}
"""``theano.compile.mode.predefined_modes``."""


def register_mode(name: str, mode: Mode) -> None:
    """Make ``mode`` known under a name, once.

    Raises ModeError: the name is taken.
    """
    if name in PREDEFINED:
        raise ModeError(f"there is a mode {name!r} already", here())
    PREDEFINED[name] = like_theano(mode)


# updates ----------------------------------------------------------------------------------------
class OrderedUpdates(dict[Any, Any]):
    """Updates of shared variables, in order; two of them can be added.

    Raises GraphTypeError: a key is no shared variable.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        self.update(*given, **named)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set the new value of a shared variable."""
        if not isinstance(key, SharedVariable):
            raise GraphTypeError(f"only shared variables can be updated, not {key!r}", here())
        super().__setitem__(key, value)

    def update(self, *given: Any, **named: Any) -> None:
        """Add updates, of a dict or of pairs."""
        for some in (*given, named):
            for key, value in dict(some or ()).items():
                self[key] = value

    def __add__(self, other: Any) -> OrderedUpdates:
        """Return both.

        Raises KeyError: a variable has two new values.
        """
        found = OrderedUpdates(self)
        for key, value in dict(other).items():
            if key in found and found[key] is not value:
                raise KeyError(f"{key} is updated twice")
            found[key] = value
        return found

    def __radd__(self, other: Any) -> OrderedUpdates:
        """Return both."""
        return OrderedUpdates(other) + self


def function_dump(
    filename: str,
    inputs: Any,
    outputs: Any = None,
    *args: Any,
    extra_tag_to_remove: Any = None,
    **kwargs: Any,
) -> None:
    """Save what `function` would be called with, so that somebody else can compile it.

    The file is a pickle of a dict, which ``function(**dict)`` takes.
    """
    names = list(inspect.signature(function).parameters)[2:]
    said = {"inputs": inputs, "outputs": outputs, **dict(zip(names, args, strict=False)), **kwargs}
    Path(filename).write_bytes(pickle.dumps(said))


# loops ------------------------------------------------------------------------------------------
def scan(
    fn: Any,
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """Return the outputs of a loop and its updates: `gradcore.scan`.

    outputs_info : a dict may also say ``return_steps``: how many of the last values to return, or
        1 for the last one alone; and ``inplace``, which is accepted.
    """
    infos, last = _infos(outputs_info)
    found, updates = scanned(
        fn,
        sequences,
        infos,
        non_sequences,
        n_steps,
        truncate_gradient,
        go_backwards,
        strict=strict,
        name=name,
        return_list=return_list,
    )
    if any(last):
        every: Iterable[tuple[Any, Any]] = zip_longest(listed(found), last)
        each = [v[-n:] if n and n > 1 else v[-1] if n else v for v, n in every]
        found = each if is_several(found) else each[0]
    return found, OrderedUpdates(updates)


def _infos(outputs_info: Any) -> tuple[Any, list[int | None]]:
    """Return what `gradcore.scan` takes of outputs, and for each how many last values to return."""
    last: list[int | None] = []
    found: list[Any] = []
    for given in () if outputs_info is None else listed(outputs_info):
        info: Any = given
        said: Mapping[str, Any] = dict(info) if isinstance(info, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType] - of options by name
        last.append(said.get("return_steps"))
        plain = {key: v for key, v in said.items() if key not in ("return_steps", "inplace")}
        found.append(plain if said else info)
    return (None if outputs_info is None else found), last


def scan_checkpoints(
    fn: Any,
    sequences: Any = (),
    outputs_info: Any = None,
    non_sequences: Any = (),
    name: str = "checkpointscan_fn",
    n_steps: Any = None,
    save_every_N: int = 10,  # noqa: N803 - Theano's name
    padding: bool = True,
) -> tuple[Any, OrderedUpdates]:
    """Return every ``save_every_N``-th value of each output of a loop, and the updates.

    Its gradient stores the states of these steps alone, and takes those between them again.  With
    ``padding`` the last step is such a one, too: as if the loop went on to the next of them.
    """
    found, updates = scanned(
        fn,
        list(listed(sequences)),
        outputs_info,
        list(listed(non_sequences)),
        n_steps,
        name=name,
        return_list=True,
        checkpoint=save_every_N,
    )
    chosen = [_every(x, save_every_N, padding) for x in found]
    return (chosen if len(chosen) > 1 else chosen[0]), OrderedUpdates(updates)


def _every(x: Variable, n: int, padding: bool) -> Variable:
    """Return every n-th element, and with ``padding`` the last one."""
    steps = x.shape[0]
    count = (steps + n - 1) // n if padding else steps // n
    return x[minimum((arange(count) + 1) * n, steps) - 1]


def map_of(
    fn: Any,
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """Return ``fn`` of each element, stacked, and the updates: ``theano.map``."""
    return scan(
        fn, sequences, None, non_sequences, None, truncate_gradient, go_backwards, None, name
    )


def reduce(
    fn: Any,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """Return the last value of each output of a loop, and the updates."""
    found, updates = reduced(fn, sequences, outputs_info, non_sequences, go_backwards, name)
    return found, OrderedUpdates(updates)


def foldl(
    fn: Any,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """Return `reduce` from the first element to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, None, name)


def foldr(
    fn: Any,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:
    """Return `reduce` from the last element to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, None, name)
