"""Derivatives by JAX's names: of functions of variables, or of expressions and variables in them.

Each is one or two lines over `grad`, `Rop`, `Lop` and `jacobian`.  The convention is that of `root`
and its kin: what is differentiated is a function, whose arguments are counted; or an expression,
and then the variables themselves stand where the numbers of the arguments would.  A function gets
a copy of each argument, so that a variable that it also uses otherwise counts as a constant there.

Rejected: functions alone, which would make ``vjp`` and ``jvp`` useless to who has an expression;
``grad`` of functions, as Theano's word takes an expression, and ``grad(f(x), x)`` is as short.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.gradient.arguments import like
from gradcore.gradient.matrices import jacobian
from gradcore.gradient.modes import Lop, Rop, grad
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.trees import Structure, flattened, mapped
from gradcore.language import LANGUAGE, is_several, listed


def value_and_grad(f: Any, wrt: Any = 0, has_aux: bool = False) -> Any:
    """Return a scalar and its gradient.

    f : a function of variables that returns a scalar; or a scalar expression.
    wrt : of a function, the number of the argument to differentiate in, or several; of an
        expression, the variable or variables, as for `grad`.
    has_aux : whether a function returns ``(scalar, other)``: then the value is that pair.

    Of an expression it is ``(f, grad(f, wrt))``.  Of a function it is a function, which takes the
    arguments and returns the same, each gradient in the structure (tuples, lists, dicts) of its
    argument; zero, where the function does not depend on it.

    Raises NotScalarError, NotDifferentiableError; of an expression, DisconnectedInputError.

    >>> import gradcore.tensor as T
    >>> x, w = T.dvectors("x", "w")
    >>> def loss(p, x):
    ...     return T.sum((p["w"] * x) ** 2)
    >>> value, gradient = value_and_grad(loss)({"w": w}, x)
    >>> gradient["w"].eval({x: [1, 2], w: [3, 4]}).tolist()
    [6.0, 32.0]
    >>> value, gradient = value_and_grad(T.sum(x ** 2), x)
    >>> gradient.eval({x: [1, 2]}).tolist()
    [2.0, 4.0]
    """
    if not _is_function(f, "value_and_grad"):
        return f, grad(f, wrt)

    @functools.wraps(f)
    def of_arguments(*arguments: Any) -> Any:
        call = _Call(f, arguments, wrt)
        cost, *_ = call.result if has_aux else (call.result,)
        found = grad(cost, call.leaves, disconnected_inputs="ignore", add_names=False)
        return call.result, call.by_argument(found)

    return of_arguments


def jvp(f: Any, wrt: Any, tangents: Any) -> Any:
    """Return a value, and its derivative along ``tangents``: the Jacobian times these.

    f : a function of variables; or an expression, or several in tuples, lists and dicts.
    wrt : of a function, the tuple of its arguments; of expressions, the variable or variables.
    tangents : in the structure of ``wrt``, tensors of the shapes there.

    Raises EvaluationPointError, NotDifferentiableError.

    >>> import gradcore.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> value, tangent = jvp(T.sin, (x,), (v,))
    >>> tangent.eval({x: [0, 0], v: [1, 2]}).tolist()
    [1.0, 2.0]
    >>> value, tangent = jvp(x ** 2, x, v)
    >>> tangent.eval({x: [1, 2], v: [1, 10]}).tolist()
    [2.0, 40.0]
    """
    variables, result = wrt, f
    if _is_function(f, "jvp"):
        if not is_several(wrt):
            raise GraphTypeError(f"jvp takes a tuple of arguments, not {wrt!r}", here())
        variables = mapped(_copied, tuple(wrt))
        tangents = tuple(tangents) if is_several(tangents) else tangents
        result = f(*variables)
    leaves, structure = flattened(variables)
    points = _in_structure(tangents, structure, "tangents", "the arguments")
    outputs, form = _outputs(result)
    return form.holding(outputs), form.holding(Rop(outputs, leaves, points, "ignore"))


def vjp(f: Any, *wrt: Any, has_aux: bool = False) -> Any:
    """Return a value, and a function that takes cotangents back: these times the Jacobian.

    f : a function of variables; or an expression, or several in tuples, lists and dicts.
    wrt : of a function, its arguments; of expressions, the variables.
    has_aux : whether a function returns ``(value, other)``: then ``other`` is returned, third.

    The function takes a cotangent in the structure of the value, and returns a tuple, for each of
    ``wrt`` the cotangent; zero, where the value does not depend on it.

    Raises EvaluationPointError, NotDifferentiableError.

    >>> import gradcore.tensor as T
    >>> x, y, v = T.dvectors("x", "y", "v")
    >>> value, back = vjp(lambda x, y: x * y, x, y)
    >>> [ct.eval({x: [1, 2], y: [3, 4], v: [1, 10]}).tolist() for ct in back(v)]
    [[3.0, 40.0], [1.0, 20.0]]
    """
    variables, result = wrt, f
    function = _is_function(f, "vjp")
    if function:
        variables = mapped(_copied, wrt)
        result = f(*variables)
    value, aux = result if function and has_aux else (result, None)
    leaves, structure = flattened(variables)
    outputs, form = _outputs(value)

    def back(cotangents: Any) -> Any:
        points = _in_structure(cotangents, form, "cotangents", "the value")
        return structure.holding(Lop(outputs, leaves, points, disconnected_inputs="ignore"))

    found = form.holding(outputs), back
    return (*found, aux) if function and has_aux else found


def jacfwd(f: Any, wrt: Any = 0) -> Any:
    """Return a Jacobian by columns: `jacobian` with ``mode="forward"``.

    f, wrt : as for `value_and_grad`, but for the value, which is of any rank, or several in tuples,
        lists and dicts: each is replaced by its Jacobian in the argument, of shape ``value.shape +
        argument.shape``.

    Of a function it is a function, so that ``jacfwd(jacrev(f))(x)`` is a Hessian.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> jacfwd(lambda x: x ** 2)(x).eval({x: [1, 2]}).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    >>> jacfwd(jacrev(lambda x: T.sum(x ** 3)))(x).eval({x: [1, 2]}).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return _jacobian(f, wrt, "forward", "jacfwd")


def jacrev(f: Any, wrt: Any = 0) -> Any:
    """Return a Jacobian by rows: `jacobian` with ``mode="reverse"``; see `jacfwd`.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> jacrev(x ** 2, x).eval({x: [1, 2]}).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return _jacobian(f, wrt, "reverse", "jacrev")


def _jacobian(f: Any, wrt: Any, mode: str, name: str) -> Any:
    if not _is_function(f, name):
        return mapped(lambda y: jacobian(y, wrt, mode=mode), f)

    @functools.wraps(f)
    def of_arguments(*arguments: Any) -> Any:
        call = _Call(f, arguments, wrt)

        def of(y: Any) -> Any:
            found = jacobian(as_variable(y), call.leaves, disconnected_inputs="ignore", mode=mode)
            return call.by_argument(found)

        return mapped(of, call.result)

    return of_arguments


# calls ------------------------------------------------------------------------------------------
class _Call:
    """A call of a function, with those of its arguments copied that it is differentiated in.

    leaves : the tensors in these; ``result`` : what the function returned.
    """

    def __init__(self, f: Callable[..., Any], arguments: Sequence[Any], wrt: Any) -> None:
        self.wrt = wrt
        count, given = len(arguments), list(arguments)
        self.structures: list[Structure] = []
        self.leaves: list[Variable] = []
        for number in listed(wrt):
            if isinstance(number, bool) or not isinstance(number, int):
                raise GraphTypeError(
                    f"wrt is the number of an argument of a function, not {number!r}",
                    here(),
                    "or give an expression in place of the function",
                )
            if not -count <= number < count:
                raise GraphTypeError(f"there is no argument {number} among {count}", here())
            leaves, structure = flattened(mapped(_copied, arguments[number]))
            given[number] = structure.holding(leaves)
            self.leaves += leaves
            self.structures.append(structure)
        self.result = f(*given)

    def by_argument(self, found: Sequence[Any]) -> Any:
        """Return what was found for each leaf, in the structures of the arguments."""
        rest = iter(found)
        each = [form.holding([next(rest) for _ in range(len(form))]) for form in self.structures]
        return like(self.wrt, each)


def _copied(x: Any) -> Variable:
    """Return a variable of the value of ``x`` that nothing else can have used."""
    return LANGUAGE["copy"](as_variable(x))


def _is_function(f: Any, name: str) -> bool:
    leaves, _ = flattened(f)
    if all(isinstance(leaf, Variable) for leaf in leaves):
        return False
    if len(leaves) == 1 and callable(leaves[0]):
        return True
    raise GraphTypeError(f"{name} takes a function or an expression, not {f!r}", here())


def _outputs(result: Any) -> tuple[list[Variable], Structure]:
    leaves, form = flattened(result)
    return [as_variable(leaf) for leaf in leaves], form


def _in_structure(given: Any, structure: Structure, what: str, of: str) -> list[Any]:
    leaves, found = flattened(given)
    if found != structure:
        raise GraphTypeError(f"{what} are {found}, but {of} {structure}", here())
    return leaves
