"""Every error gradcore raises: what went wrong, where, and what to do about it.

One decision shaped this module: an error carries its three parts separately (``what``, ``where``,
``fix``), so that a message is put together in one place and a caller can read the parts.  Each
class also is the builtin exception that a NumPy or Theano user would catch (``TypeError``,
``ValueError`` ...).  Rejected: one class with an error code, which nobody can catch usefully.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np


class Location(NamedTuple):
    """A line of a user's program.

    derivative : of which op that the line built this belongs to the derivative, if to any; of a
        derivative of a derivative, that of the inner one comes first.

    >>> import gradcore, gradcore.tensor as T
    >>> str(gradcore.errors.Location("model.py", 12, "loss"))
    'model.py:12, in loss'
    """

    file: str
    line: int
    function: str
    derivative: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return ``file:line, in function``, as a traceback would, and the derivative."""
        of = "".join(f", in the derivative of {op}" for op in reversed(self.derivative))
        return f"{self.file}:{self.line}, in {self.function}{of}"


def choices(given: object, listed: Iterable[str], what: str, more: Iterable[str] = ()) -> str:
    """Return what to do about a name that is not known: which is nearest, and which there are.

    listed : the names that the message shows.
    what : what they are.
    more : names that may be meant as well, and are too many to list.

    >>> choices("Tortch", ["jax", "torch"], "installed")
    "did you mean 'torch'?  installed: jax, torch"
    >>> choices("flush", ["flush_subnormals", "threads"], "options")
    "did you mean 'flush_subnormals'?  options: flush_subnormals, threads"
    """
    names = sorted(set(listed))
    alike = {name.casefold(): name for name in (*names, *more)}
    text = str(given).casefold()
    begun = [name for name in alike if len(text) > 2 and name.startswith(text)]
    near = difflib.get_close_matches(text, alike, 1) or begun
    listing = f"{what}: {', '.join(names) or 'none'}"
    return f"did you mean {alike[near[0]]!r}?  {listing}" if near else listing


def no_attribute(
    module: str, names: Mapping[str, Any], absent: Mapping[str, str] | None = None
) -> Callable[[str], NoReturn]:
    """Return a ``__getattr__`` for a module, which says what is nearest to a name it has not.

    names : what it has: its ``globals()``.  Modules among them with such a ``__getattr__`` are
        looked into, too.
    absent : why it has not names that might be expected, and what to take instead.

    >>> no_attribute("here", {"solve": 1})("slove")
    Traceback (most recent call last):
    AttributeError: module 'here' has no attribute 'slove'; did you mean 'solve'?
    """

    def missing(name: str) -> NoReturn:
        if absent and name in absent:
            raise AttributeError(f"module {module!r} has no attribute {name!r}: {absent[name]}")
        if name.startswith("_"):  # as `inspect` and others ask whatever they meet
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        known = {public: public for public in names if not public.startswith("_")}
        for place, found in list(names.items()):
            if isinstance(found, ModuleType) and "__getattr__" in vars(found):
                known = {inner: f"{place}.{inner}" for inner in vars(found)} | known
        near = difflib.get_close_matches(name, known, 1)
        fix = f"; did you mean {known[near[0]]!r}?" if near else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{fix}")

    return missing


class GradcoreError(Exception):
    """The base of all errors raised here.

    what : one sentence that names the culprit.
    where : the user's line that built it, if known.
    fix : what to do.
    node : the node that was computing, if it was raised while a function ran.

    >>> import gradcore, gradcore.tensor as T
    >>> try:
    ...     T.ones((2, 3)) + T.ones((2, 4))
    ... except gradcore.errors.GradcoreError as error:
    ...     print(type(error).__name__, isinstance(error, ValueError), error.where is not None)
    ShapeError True True
    """

    node: Any = None

    def __init__(self, what: str, where: Location | None = None, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Return the parts that are known, a line each."""
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  built at {self.where}")
        if self.fix is not None:
            lines.append(f"  {self.fix}")
        return "\n".join(lines)


class GraphTypeError(GradcoreError, TypeError):
    """An operand has a dtype, rank or kind that an op does not take.

    >>> import gradcore.tensor as T
    >>> T.and_(1.5, T.dscalar("x"))
    Traceback (most recent call last):
    gradcore.errors.GraphTypeError: and_ takes integers or booleans, got ...
    """


class GraphValueError(GradcoreError, ValueError):
    """A parameter of an op has a value that it does not take.

    >>> import gradcore.tensor as T
    >>> T.diff([1, 4, 9], n=-1)
    Traceback (most recent call last):
    gradcore.errors.GraphValueError: diff: the order -1 is negative ...
    """


class GraphIndexError(GradcoreError, IndexError):
    """An index does not fit the tensor that it is applied to.

    >>> import gradcore.tensor as T
    >>> T.zeros(3)[5]
    Traceback (most recent call last):
    gradcore.errors.GraphIndexError: index 5 is out of bounds for axis 0 of alloc.0, of extent 3 ...
    """


class ShapeError(GradcoreError, ValueError):
    """Extents that must agree do not.

    >>> import gradcore.tensor as T
    >>> T.zeros(3) + T.zeros(4)
    Traceback (most recent call last):
    gradcore.errors.ShapeError: add cannot align alloc.0 TensorType(float64, (3,)), alloc.0 ...
    """


class ArraySizeError(GradcoreError, ValueError, MemoryError):
    """An array would have more elements than any memory has; nothing was computed of it.

    >>> import gradcore.tensor as T
    >>> T.zeros((2**40, 2**40)).eval()
    Traceback (most recent call last):
    gradcore.errors.ArraySizeError: an array of shape (1099511627776, 1099511627776) is larger ...
    """


class NotScalarError(GradcoreError, TypeError):
    """The cost handed to ``grad`` is not a scalar.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.grad(x ** 2, x)
    Traceback (most recent call last):
    gradcore.errors.NotScalarError: the cost pow.0 is no scalar but a TensorType(float64, ...
    """


class DisconnectedInputError(GradcoreError, ValueError):
    """A derivative is asked for with respect to a variable that the result does not depend on.

    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> T.grad(x ** 2, y)
    Traceback (most recent call last):
    gradcore.errors.DisconnectedInputError: pow.0 does not depend on y in a way that has a ...
    """


class NotDifferentiableError(GradcoreError, TypeError):
    """A derivative is asked for through an op that has none.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> double = gradcore.as_op(itypes=[T.dscalar], otypes=[T.dscalar])(lambda a: 2 * a)
    >>> T.grad(double(x), x)
    Traceback (most recent call last):
    gradcore.errors.NotDifferentiableError: no derivative for x: <lambda> has no grad ...
    """


class EvaluationPointError(GradcoreError, ValueError):
    """A point of evaluation of ``Lop`` or ``Rop`` does not have the shape it must have.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.Rop(x ** 2, x, T.dmatrix("v"))
    Traceback (most recent call last):
    gradcore.errors.EvaluationPointError: Rop: the evaluation point v is ...
    """


class LinAlgError(GradcoreError, np.linalg.LinAlgError):
    """A matrix has no inverse, factor or decomposition of the kind that is asked for.

    >>> import gradcore.tensor as T
    >>> T.linalg.inv(T.zeros((2, 2))).eval()
    Traceback (most recent call last):
    gradcore.errors.LinAlgError: Singular matrix ...
    """


class ScanError(GradcoreError, ValueError):
    """The arguments of ``scan`` do not fit one another, or the data they are run on.

    >>> import gradcore, gradcore.tensor as T
    >>> gradcore.scan(lambda count: count + 0.5, outputs_info=T.constant(0), n_steps=3)
    Traceback (most recent call last):
    gradcore.errors.ScanError: output 0 of the step is float64, but its initial value ...
    """


UNFIT = (GraphValueError, GraphIndexError, ShapeError, ArraySizeError, ScanError)
"""What an op raises where extents or values that are known do not fit, as a node of it is made."""


class ArgumentError(GradcoreError, TypeError):
    """An argument of a compiled function does not fit its variable.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> gradcore.function([x], x.sum())()
    Traceback (most recent call last):
    gradcore.errors.ArgumentError: function: argument 'x' is missing
    """


class MissingInputError(GradcoreError, ValueError):
    """A graph needs a variable that is not among the inputs of the function.

    >>> import gradcore, gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> gradcore.function([x], x + y)
    Traceback (most recent call last):
    gradcore.errors.MissingInputError: the outputs need y (TensorType(float64, scalar)), ...
    """


class UnusedInputError(GradcoreError, ValueError):
    """A function has an input that none of its outputs needs.

    >>> import gradcore, gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> gradcore.function([x, y], 2 * x)
    Traceback (most recent call last):
    gradcore.errors.UnusedInputError: input 1 (y) is not used by any output or update ...
    """


class AssertionFailedError(GradcoreError, AssertionError):
    """A condition given to ``assert_op`` is false.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.assert_op(x, x > 0, message="x is negative").eval({x: -1.0})
    Traceback (most recent call last):
    gradcore.errors.AssertionFailedError: x is negative: (x > 0) is false, where x is -1.0 ...
    """


class GradientMismatchError(GradcoreError, AssertionError):
    """``verify_grad`` found a derivative that differs from differences of the function.

    >>> import gradcore, gradcore.tensor as T
    >>> wrong = gradcore.custom_gradient(lambda x: (x ** 2, lambda ct: ct * x))
    >>> gradcore.verify_grad(wrong, [3.0])
    Traceback (most recent call last):
    gradcore.errors.GradientMismatchError: the gradient in input 0 differs ...
    """


class ModeError(GradcoreError, ValueError):
    """A mode names a backend or an optimizer that does not exist.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> gradcore.function([x], x, mode="fortran")
    Traceback (most recent call last):
    gradcore.errors.ModeError: there is no backend 'fortran' ...
    """


class UnavailableError(GradcoreError, RuntimeError):
    """A backend exists and cannot run here.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> try:
    ...     f = gradcore.function([x], 2 * x, mode="cuda")
    ... except gradcore.errors.UnavailableError:
    ...     f = gradcore.function([x], 2 * x)
    >>> float(f(1.0))
    2.0
    """


class DeviceError(GradcoreError, RuntimeError):
    """A device has failed while it ran."""


class OutOfMemoryError(GradcoreError, MemoryError):
    """There is not as much memory, of this machine or of a device, as a function needs.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.alloc(x, 10**8, 10**8).eval({x: 1.0})
    Traceback (most recent call last):
    gradcore.errors.OutOfMemoryError: there is no memory for an array of 80000000000000000 bytes ...
    """


class UnavailableWarning(UserWarning):
    """The backend that would be taken cannot run here, and a slower one runs in its place.

    >>> import gradcore, gradcore.tensor as T
    >>> import warnings
    >>> x = T.dscalar("x")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", gradcore.errors.UnavailableWarning)
    ...     f = gradcore.function([x], 2 * x)
    """


class UnsupportedError(GradcoreError, NotImplementedError):
    """Something asked for is not supported (by this backend, or yet).

    reasons : what is missing, a sentence each.

    >>> import gradcore.tensor as T
    >>> T.linalg.qr(T.dmatrix("a"), mode="raw")
    Traceback (most recent call last):
    gradcore.errors.UnsupportedError: qr has no mode 'raw' ...
    """

    def __init__(
        self,
        what: str,
        where: Location | None = None,
        fix: str | None = None,
        reasons: Iterable[str] = (),
    ) -> None:
        super().__init__(what, where, fix)
        self.reasons = tuple(dict.fromkeys(reasons)) or (what,)


class CacheError(GradcoreError, OSError):
    """The folder of compiled code cannot be used.

    >>> from pathlib import Path
    >>> from tempfile import NamedTemporaryFile
    >>> from gradcore.cache import Store
    >>> with NamedTemporaryFile() as file:
    ...     Store(Path(file.name, "cache"))
    Traceback (most recent call last):
    gradcore.errors.CacheError: ...
    """


class SerializationError(GradcoreError, ValueError):
    """A file is damaged, or holds no functions, or something that is not known here.

    >>> import gradcore, gradcore.tensor as T
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "f.gradcore")
    ...     _ = path.write_text("no function")
    ...     gradcore.load(path)
    Traceback (most recent call last):
    gradcore.errors.SerializationError: ... is damaged, or no file ...
    """


class CompileError(GradcoreError, RuntimeError):
    """A compiler refuses generated code: a bug of what generated it."""


class PluginError(GradcoreError, RuntimeError):
    """A plugin breaks its contract or contradicts another.

    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.plugins import KnownFailure
    >>> KnownFailure("exp", "value", reason="")
    Traceback (most recent call last):
    gradcore.errors.PluginError: a KnownFailure has as its reason '', no text ...
    """


class PluginWarning(UserWarning):
    """A plugin is omitted, or a backend is, because a plugin breaks its contract.

    To have it as an error:

    >>> import warnings
    >>> from gradcore import plugins
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", PluginWarning)
    ...     found = plugins.registry()
    >>> "numpy" in found.contributed
    True
    """


class AbsentNameError(GradcoreError, AttributeError):
    """A name of a package whose place gradcore takes is used, and has nothing behind it here.

    >>> import gradcore, gradcore.tensor as T
    >>> import gradcore.theano
    >>> gradcore.theano.install()
    >>> from theano.gof.opt import LocalOptimizer
    >>> LocalOptimizer()
    Traceback (most recent call last):
    gradcore.errors.AbsentNameError: theano.gof.opt.LocalOptimizer is not here: rules of ...
    >>> gradcore.theano.uninstall()
    """


class AlreadyImportedError(GradcoreError, ImportError):
    """A package whose place gradcore is to take is imported already, and is the real one.

    >>> import sys, types
    >>> import gradcore.theano
    >>> sys.modules["aesara"] = types.ModuleType("aesara")
    >>> gradcore.theano.install("aesara")
    Traceback (most recent call last):
    gradcore.errors.AlreadyImportedError: ...
    >>> del sys.modules["aesara"]
    """


class NonFiniteError(GradcoreError, FloatingPointError):
    """A result has a NaN, an infinity or a huge value, and a mode makes that an error.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], T.log(x), mode=gradcore.Mode("numpy", guard="nan"))
    >>> f([1.0, -1.0])
    Traceback (most recent call last):
    gradcore.errors.NonFiniteError: function: log gives nan at (1,), of x of shape (2,), ...
    """


class RewriteError(GradcoreError, RuntimeError):
    """A rewrite rule breaks its contract: a bug of the rule.

    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.rewrite import Stage
    >>> stage, x = Stage("mine"), T.dvector("x")
    >>> there = stage.rule(lambda a: T.exp(a))(lambda a: T.sin(a))
    >>> back = stage.rule(lambda a: T.sin(a))(lambda a: T.exp(a))
    >>> gradcore.function([x], T.exp(x), mode=gradcore.Mode("numpy", optimizer=(stage,)))
    Traceback (most recent call last):
    gradcore.errors.RewriteError: rules undo one another at exp.0: ...
    """


class DebugModeError(GradcoreError, AssertionError):
    """A graph gives another result when it is rewritten: a bug of a rule.

    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.rewrite import Stage
    >>> stage, x = Stage("mine"), T.dvector("x")
    >>> @stage.rule(lambda a: T.exp(a))
    ... def wrong(a):
    ...     return a + 1
    >>> mode = gradcore.Mode("numpy", optimizer=(stage,), debug=True)
    >>> f = gradcore.function([x], T.exp(x), mode=mode)
    >>> f([2.0])
    Traceback (most recent call last):
    gradcore.errors.DebugModeError: exp.0 is [3.] when the graph is rewritten, and ...
    """
