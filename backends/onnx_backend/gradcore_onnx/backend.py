"""The backend: graphs as models of ONNX, which onnxruntime runs.

A graph is *traced*: its kernels are called once, on tensors without elements, and what they emit is
the model.  The same model is what `gradcore.export` writes, so that what is written is what the
conformance suite has run.

The decision: whether an op can be said in ONNX is found by saying it, in a block that is thrown
away: what kernels and ONNX's own table of types refuse is lacking.  What onnxruntime lacks shows
when it loads the model, and is an error then, as that model is right.  A call that fails is made
once more by the references, so that it raises what every backend raises.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np

from gradcore.backend import ArrayBackend, Executable, Kernels, Profile, performs
from gradcore.config import config
from gradcore.dtypes import DISCRETE, FLOATS
from gradcore.errors import UnsupportedError
from gradcore.execute import by_reference, straight_line
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel
from gradcore.ops.elementwise import Elementwise
from gradcore_onnx.kernels import KERNELS
from gradcore_onnx.library import IR_VERSION, OPSET, helper, onnx, runtime
from gradcore_onnx.tensors import (
    Block,
    Tensor,
    cast,
    constant,
    declared,
    emit,
    here,
    opened,
)

NAMED = re.compile(r"node with name '([^']*)'|Name:'([^']*)'")
"""What onnxruntime says of the node that it means."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxBackend(ArrayBackend):
    """Runs graphs as models of ONNX, with onnxruntime."""

    name: ClassVar[str] = "onnx"
    dtypes: ClassVar[frozenset[str]] = frozenset((*DISCRETE, *FLOATS))

    def version(self) -> str:
        """Return the version of onnxruntime."""
        return str(runtime().__version__)

    # tensors ------------------------------------------------------------------------------------
    @property
    def kernels(self) -> Kernels:
        """The table."""
        return KERNELS

    def array(self, value: Any) -> Tensor:
        """Return an array as a constant."""
        return constant(np.asarray(value))

    def numpy(self, array: Any) -> Any:
        """Return the elements of a constant."""
        return array.data

    def cast(self, array: Tensor, dtype: str) -> Tensor:
        """Return a tensor in a dtype."""
        return cast(array, dtype)

    def constant(self, constant: Constant) -> Tensor:
        """Return a constant of a graph."""
        return self.array(constant.data)

    # what it lacks ------------------------------------------------------------------------------
    def missing(self, node: Apply) -> str | None:
        """Return why a node cannot be said in ONNX, or None."""
        if performs(node.op):
            return f"{self.name} cannot call Python"
        return super().missing(node)

    def lacks(self, node: Apply) -> str | None:
        """Return what ONNX refuses of a node when it is said; the graphs inside are asked alone."""
        if node.op.graphs:
            return None
        with opened(Block()):
            try:
                self.kernel(node)(
                    *(
                        self.constant(v)
                        if isinstance(v, Constant)
                        else Tensor(v.dtype, v.ndim, f"x{k}")
                        for k, v in enumerate(node.inputs)
                    )
                )
            except UnsupportedError as error:
                return error.what
        return None

    # models -------------------------------------------------------------------------------------
    def kernel(self, node: Apply, fallback: Collection[Apply] = ()) -> Kernel:
        """Return the function of tensors that emits ``node``."""
        found = self.entry(node.op)
        assert found is not None
        if isinstance(node.op, Elementwise):
            plain = self._elementwise(node, node.op, found)
        elif node.op in self.kernels or node.op in self.added:
            plain = found
        else:
            plain = found(node, *map(self.runner, node.op.graphs))
        source = node.op.label(), str(node.where or "")

        def emitted(*tensors: Tensor) -> Any:
            store = here().store
            outer, store.source = store.source, source
            try:
                return plain(*tensors)
            finally:
                store.source = outer

        return emitted

    def model(
        self,
        graph: FunctionGraph,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str = "gradcore",
        shapes: Sequence[Sequence[int | str | None]] | None = None,
        defaults: Sequence[Any] = (),
    ) -> Any:
        """Return a graph as a model, whose operators are of version `OPSET`.

        inputs, outputs : what they are called.
        shapes : those of the inputs, where more is known than their types say; an extent that is
            not known may have a name.
        defaults : what the last inputs are if they are not given.
        """
        block = Block()
        block.store.taken.update((*inputs, *outputs))
        given = [Tensor(v.dtype, v.ndim, n) for v, n in zip(graph.inputs, inputs, strict=True)]
        with opened(block):
            found = self.runner(graph)(*given)
            results = [
                Tensor(v.dtype, v.ndim, n) for v, n in zip(graph.outputs, outputs, strict=True)
            ]
            for x, result in zip(found, results, strict=True):
                # A new node for each: what is returned may be an input, or returned twice.
                own = emit("Identity", cast(x, result.dtype))
                block.nodes[-1].output[:] = [result.name]
                block.store.taken.discard(own.name)
        constants = [(n, data) for n, data in block.store.constants.values()]
        last = zip(inputs[len(inputs) - len(defaults) :], defaults, strict=True)
        made = block.graph(
            name,
            list(map(declared, given, shapes or [v.type.shape for v in graph.inputs])),
            [declared(x, v.type.shape) for x, v in zip(results, graph.outputs, strict=True)],
            [
                onnx.numpy_helper.from_array(np.asarray(data, order="C"), n)
                for n, data in (*constants, *last)
            ],
        )
        return helper.make_model(
            made,
            producer_name="gradcore",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )

    # running ------------------------------------------------------------------------------------
    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph`` as one model.

        With a profile, or where the reference computes some nodes, each node is a model.

        Raises UnsupportedError: ONNX lacks the dtype of an input, or onnxruntime an operator.
        """
        self.check_inputs(graph)
        if profile is None and not fallback:
            return self._session(graph)

        def kernel(node: Apply) -> Kernel:
            found = node.op.kernel(node) if node in fallback else self._alone(node)
            return found if profile is None else profile.timed(node, found)

        run = straight_line(graph, kernel)
        dtypes = [v.dtype for v in graph.outputs]

        def execute(*values: Any) -> Sequence[Any]:
            found = zip(run(*values), dtypes, strict=True)
            return [np.array(x, dtype=dtype, order="C") for x, dtype in found]

        return execute

    def _alone(self, node: Apply) -> Kernel:
        """Return the function of arrays that runs a node as a model."""
        given = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
        run = self._session(FunctionGraph(tuple(given), tuple(node.outputs)))
        places = [node.inputs.index(v) for v in given]

        def called(*values: Any) -> Any:
            found = run(*(values[k] for k in places))
            return found if len(found) > 1 else found[0]

        return called

    def _session(self, graph: FunctionGraph) -> Executable:
        """Return a function that runs a graph as a model."""
        names = [f"x{k}" for k, _ in enumerate(graph.inputs)]
        results = [f"y{k}" for k, _ in enumerate(graph.outputs)]
        session = load(self.model(graph, names, results))
        dtypes = [np.dtype(v.dtype) for v in graph.inputs]
        reference = by_reference(graph)

        def execute(*values: Any) -> Sequence[Any]:
            given = [
                np.asarray(x, dtype, order="C") for x, dtype in zip(values, dtypes, strict=True)
            ]
            try:
                found = session.run(results, dict(zip(names, given, strict=True)))
            except Exception:
                with np.errstate(all="ignore"):
                    reference(*given)
                raise
            return [np.array(x, order="C") for x in found]

        return execute


def load(model: Any) -> Any:
    """Return the session of onnxruntime that runs a model.

    Raises UnsupportedError: it lacks an operator for a dtype.
    """
    library = runtime()
    options = library.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = config.threads or 0
    try:
        return library.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        said = str(error)
        if "NOT_IMPLEMENTED" not in said:
            raise
        found = NAMED.search(said)
        name = found[1] if found else ""
        where = next((n.doc_string for n in model.graph.node if n.name == name), "")
        raise UnsupportedError(
            f"onnxruntime {library.__version__} has no kernel for {name or said}"
            + (f", built at {where}" if where else "")
        ) from error
