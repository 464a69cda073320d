"""``OpFromGraph``: a graph as a function of its inputs, with derivatives of its user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.gradient.custom import custom_gradient
from gradcore.gradient.modes import Lop
from gradcore.graph import FunctionGraph, Variable, as_variable, free_inputs, here
from gradcore.language import is_several, listed
from gradcore.shared import SharedVariable

Overrides = Callable[..., Any]


class OpFromGraph:
    """A graph that can be applied to variables, as Theano's class of this name.

    inputs, outputs : variables; the outputs may also depend on shared variables.
    inline : accepted as in Theano.  The graph is always put in where it is applied, so that it is
        rewritten and fused together with what is around it.  What of it is applied several times
        in the same way is one function of generated C, compiled once (`gradcore.kernel.merging`).
    lop_overrides : a function of the inputs, the outputs and their cotangents that returns the
        cotangents of the inputs, or a list with one for each input, of which None is the graph's
        own; an `OpFromGraph` is such a function.  By default (None, or "default", as Theano says
        it) the derivative is that of the graph.
    grad_overrides : the same without the outputs: Theano's first form.
    rop_overrides : a function of the inputs and their tangents that returns those of the outputs.
    name : what to call it.

    Raises GraphTypeError: an output depends on more than inputs and shared variables; ``lop`` and
    ``grad_overrides`` are both given; where it is applied, another number of variables, or others.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> op = gradcore.OpFromGraph([x, y], [x * y + x])
    >>> (z := op(x + 1, y)).eval({x: 1, y: 3})
    array(8.)
    >>> op = gradcore.OpFromGraph([x], [T.round(x)], lop_overrides=lambda xs, ys, cts: [cts[0]])
    >>> T.grad(op(x) ** 2, x).eval({x: 1.6})
    array(4.)
    """

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        inline: bool = False,
        lop_overrides: Any = None,
        grad_overrides: Any = None,
        rop_overrides: Any = None,
        connection_pattern: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.inputs, self.outputs = list(inputs), [as_variable(y) for y in listed(outputs)]
        self.name = name or "OpFromGraph"
        lop_overrides, grad_overrides, rop_overrides = map(
            _chosen, (lop_overrides, grad_overrides, rop_overrides)
        )
        if lop_overrides is not None and grad_overrides is not None:
            raise GraphTypeError("lop_overrides and grad_overrides are both given", here())
        self.shared = [v for v in free_inputs(self.outputs) if isinstance(v, SharedVariable)]
        known = {*self.inputs, *self.shared}
        for v in free_inputs(self.outputs):
            if v not in known:
                raise GraphTypeError(f"{self.name} depends on {v}, which is no input of it", here())
        self.graph = FunctionGraph((*self.inputs, *self.shared), tuple(self.outputs))
        self._pull = _with_outputs(grad_overrides) if lop_overrides is None else lop_overrides
        self._push = rop_overrides

    def __call__(self, *given: Any, name: str | None = None) -> Any:
        """Return the outputs for other inputs: one, or a list of several."""
        variables = [as_variable(x) for x in given]
        if len(variables) != len(self.inputs):
            raise GraphTypeError(
                f"{self.name} takes {len(self.inputs)} variables, not {len(variables)}", here()
            )
        for old, new in zip(self.inputs, variables, strict=True):
            if not old.type.accepts(new.type):
                raise GraphTypeError(
                    f"{self.name} takes {old.type} for {old}, not {new} ({new.type})", here()
                )
        if self._pull is None and self._push is None:
            found: list[Any] = list(self._on(variables))
        else:
            found = listed(custom_gradient(self._with_rules)(*variables))
        if len(found) == 1:
            if name is not None:
                found[0].name = name
            return found[0]
        return found

    def _on(self, variables: Sequence[Variable]) -> tuple[Variable, ...]:
        return self.graph.on(*variables, *self.shared)

    def _with_rules(self, *xs: Variable) -> Any:
        """Return what `custom_gradient` takes: the value, and the rules that are overridden."""
        ys = self._on(xs)
        value = ys[0] if len(ys) == 1 else ys
        pull = None if self._pull is None else self._pullback(xs, ys)
        push = None if self._push is None else self._pushforward(xs)
        return value, pull, push

    def _pullback(self, xs: Sequence[Variable], ys: Sequence[Variable]) -> Overrides:
        def pull(*cts: Variable) -> Any:
            arguments = (list(xs), list(ys), list(cts))
            if is_several(self._pull):
                plain = self._plain(xs, cts) if None in self._pull else [None] * len(xs)
                found = [
                    p if rule is None else _called(rule, arguments)
                    for rule, p in zip(self._pull, plain, strict=True)
                ]
            else:
                found = listed(_called(self._pull, arguments))
            return found[0] if len(xs) == 1 else tuple(found)

        return pull

    def _plain(self, xs: Sequence[Variable], cts: Sequence[Variable]) -> list[Any]:
        """Return the cotangents of the inputs by the graph itself."""
        found: list[Any] = Lop(
            list(self._on(xs)), list(xs), list(cts), disconnected_inputs="ignore"
        )
        return [None if x.type.is_discrete else ct for x, ct in zip(xs, found, strict=True)]

    def _pushforward(self, xs: Sequence[Variable]) -> Overrides:
        def push(*tangents: Variable) -> Any:
            found = listed(self._push(list(xs), list(tangents)))
            return found[0] if len(found) == 1 else tuple(found)

        return push


def _chosen(rule: Any) -> Any:
    """Return a rule, or rules in a list; None in place of Theano's word for the graph's own."""
    if is_several(rule):
        return [_chosen(one) for one in rule]
    return None if isinstance(rule, str) and rule == "default" else rule


def _with_outputs(rule: Any) -> Any:
    """Return rules of inputs and cotangents as rules that take the outputs, too."""
    if rule is None:
        return None
    if is_several(rule):
        return [_with_outputs(one) for one in rule]

    def with_outputs(xs: Any, _ys: Any, cts: Any) -> Any:
        return rule(xs, cts)

    return with_outputs


def _called(rule: Any, arguments: tuple[list[Variable], ...]) -> Any:
    """Return what a rule returns; a graph takes all variables in a row."""
    if isinstance(rule, OpFromGraph):
        return rule(*(v for some in arguments for v in some))
    return rule(*arguments)
