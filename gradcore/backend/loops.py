"""A backend that generates code (C, CUDA ...): a renderer and a runtime.

The author says how a program of loops is printed (a `gradcore.kernel.text.Printer`, of which
`gradcore.kernel.render.Renderer` prints C) and how the text becomes a function of arrays; lowering,
fusion and the plan of memory are the same for all.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from gradcore.backend.contract import Backend, Executable
from gradcore.backend.profile import Profile
from gradcore.errors import UnsupportedError
from gradcore.execute import explain
from gradcore.graph import Apply, FunctionGraph, here
from gradcore.graph.declaration import performs
from gradcore.graph.externs import Extern
from gradcore.kernel import scalar
from gradcore.kernel.blocks import memory_map
from gradcore.kernel.ir import Program
from gradcore.kernel.lowering import Lowerings
from gradcore.kernel.pipeline import program
from gradcore.kernel.rules import RULES
from gradcore.kernel.target import Target
from gradcore.kernel.text import Rendered, Renders
from gradcore.ops.elementwise import Elementwise
from gradcore.progress import stage

TARGET = Target()
"""What programs are made for where a backend does not say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopBackend(Backend):
    """A renderer and a runtime.

    added : rules, by classes of ops, and functions of libraries, by name, of other plugins.
    target : what programs are made for: the thresholds of lowering and of its passes.
    extern : the class of what it takes as a function of a library.

    >>> import gradcore.tensor as T
    >>> from gradcore.kernel.interpret import interpret
    >>> from gradcore.kernel.render import Renderer
    >>> class Slow(LoopBackend):
    ...     name = "slow"
    ...     def renderer(self): return Renderer()
    ...     def loaded_program(self, program, rendered): return interpret(program)
    >>> x = T.dvector("x")
    >>> Slow().compile(FunctionGraph((x,), (T.exp(x) * 2,)))(np.zeros(2))
    [array([2., 2.])]
    """

    target: Target = TARGET
    extern: ClassVar[Any] = Callable
    remedy = (
        "declare what is missing on the op (`expansion=` of a row, `element` of another), bring it "
        "by the hook gradcore_lowerings"
    )

    added: Mapping[Any, Any] = dataclasses.field(default_factory=dict[Any, Any], repr=False)

    # what an author fills in --------------------------------------------------------------------
    @property
    def externs(self) -> Mapping[str, Any]:
        """Its functions of libraries by the names that ops give (`gradcore.graph.externs`)."""
        return self.added_externs

    def provides(self, extern: Extern) -> bool:
        """Return whether it has a function of a library."""
        return extern.name in self.externs

    @abstractmethod
    def renderer(self) -> Renders:
        """Return what prints a program, fresh for each: a `Renderer`, if it prints C."""

    @abstractmethod
    def loaded_program(self, program: Program, rendered: Rendered) -> Executable:
        """Return a printed program as a function of arrays, with the text as its ``source``."""

    def lacks(self, node: Apply) -> str | None:
        """Return why a node that can be lowered cannot run all the same, or None."""
        return None

    def lacks_dtype(self, dtype: str) -> str | None:
        """Return why there are no numbers of ``dtype``, or None."""
        return None if dtype in self.dtypes else f"{self.name} has no {dtype}"

    # what follows -------------------------------------------------------------------------------
    @property
    def added_externs(self) -> dict[str, Any]:
        """Functions of libraries that other plugins contribute."""
        return {name: found for name, found in self.added.items() if isinstance(name, str)}

    @property
    def lowerings(self) -> Lowerings:
        """What nodes are lowered by."""
        added = {op: rule for op, rule in self.added.items() if not isinstance(op, str)}
        return Lowerings({**RULES, **added}, self.provides)

    def with_lowerings(self, table: Mapping[Any, Any]) -> Backend:
        """Return this backend with rules and functions that other plugins contribute.

        Raises TypeError: it has one already, or takes no such functions.
        """
        for key, found in table.items():
            if isinstance(key, str) and not isinstance(found, self.extern):
                raise TypeError(f"the function {key!r} is {found!r}, no {self.extern.__name__}")
            if key in RULES or key in self.added or key in self.externs:
                name = key if isinstance(key, str) else key.__name__
                raise TypeError(f"it has one for {name} already")
        return dataclasses.replace(self, added={**self.added, **table})

    def missing(self, node: Apply) -> str | None:
        """Return why there are no loops for ``node``, or None."""
        op = node.op
        if performs(op):
            return None
        for v in (*node.inputs, *node.outputs):
            without = self.lacks_dtype(v.dtype)
            if without is not None:
                return without
        if isinstance(op, Elementwise):
            found = scalar.lacks(op, [v.dtype for v in node.inputs], node.out.dtype)
            if found is not None:
                return found
        elif self.lowerings.rule(node) is None:
            if op.extern is not None:
                return f"{self.name} has no function {op.extern.name!r} of a library"
            return f"{self.name} has no loops for {op.label()}: it declares no element form"
        return self.lacks(node)

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``: it is lowered, printed and loaded.

        Raises UnsupportedError: an input has a dtype that the backend does not know.
        """
        for v in graph.inputs:
            without = self.lacks_dtype(v.dtype)
            if without is not None:
                raise UnsupportedError(f"{without}: {v}", here())
        stage("lowering", graph.nodes)
        made = self.lowered(graph, fallback)
        stage("printing", graph.nodes)
        return self.executable(made, self.renderer(), profile)

    def executable(
        self, program: Program, renderer: Renders, profile: Profile | None
    ) -> Executable:
        """Return a program as a function of arrays: it is printed and loaded.

        profile : where a backend that times what it runs notes it; others leave it alone.
        """
        rendered = renderer.render(program)
        stage(f"{self.name}, {len(rendered.text) / 1e3:,.0f} KB of text")
        return self.loaded_program(program, rendered)

    def lowered(self, graph: FunctionGraph, fallback: Collection[Apply] = ()) -> Program:
        """Return the program of loops that ``graph`` becomes."""
        return program(graph, self.target, fallback, self.lowerings)

    def memory_map(
        self, graph: FunctionGraph, fallback: Collection[Apply] = ()
    ) -> Mapping[Apply, str]:
        """Return for each node of ``graph`` where its values are, as words."""
        return memory_map(self.lowered(graph, fallback), graph.nodes)


def called_back(node: Apply) -> Callable[..., tuple[Any, ...]]:
    """Return the reference of ``node`` as a function of arrays that returns a tuple of them.

    >>> import gradcore.tensor as T
    >>> called_back(T.exp(T.dvector("x")).owner)(np.zeros(2))
    (array([1., 1.]),)
    """
    kernel = node.op.kernel(node)
    dtypes = [v.dtype for v in node.outputs]

    def run(*arrays: Any) -> tuple[Any, ...]:
        try:
            with np.errstate(all="ignore"):
                results: Any = kernel(*arrays)
        except Exception as error:
            explain(error, node, arrays)
            raise
        several: Sequence[Any] = results if len(dtypes) > 1 else (results,)
        return tuple(
            np.asarray(result, dtype) for result, dtype in zip(several, dtypes, strict=True)
        )

    return run
