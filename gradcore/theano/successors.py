"""PyTensor and Aesara, Theano's successors: tables of their modules, where they differ from it.

Plurals of constructors take one text, as in Theano; the meaning of functions, softmax and truth
values among them, is gradcore's, which is also theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradcore
from gradcore import compile as compilation
from gradcore import errors, gradient, graph, pictures, printing, tensor
from gradcore.graph import TensorType, Variable, fgraph, nodes, traverse
from gradcore.graph.types import FLOATS
from gradcore.ops import elementwise as elementwise_ops
from gradcore.ops import index
from gradcore.ops.control import Assert
from gradcore.shared import SharedVariable
from gradcore.tensor import extra_ops, linalg, nlinalg, slinalg, special
from gradcore.tensor.constructors import Constructor, Plural
from gradcore.tensor.nn import log_softmax, softmax
from gradcore.theano import functions, graphs, prints, tensors
from gradcore.theano.draws import DRAWS, SuccessorStream
from gradcore.theano.tables import FUNCTIONS, QUIRKS, SCALAR_TYPES, Table


def softmax_of(c: Any, axis: Any = None) -> Variable:
    """Return the softmax over ``axis``, of all elements together for None."""
    return _over(softmax, c, axis)


def log_softmax_of(c: Any, axis: Any = None) -> Variable:
    """Return the logarithm of `softmax_of`."""
    return _over(log_softmax, c, axis)


def _over(function: Callable[..., Variable], c: Any, axis: Any) -> Variable:
    x = graph.as_variable(c)
    if axis is not None or x.ndim == 1:
        return function(x, 0 if axis is None else axis)
    return tensor.reshape(function(tensor.flatten(x), 0), x.shape)


def function(*arguments: Any, trust_input: bool = False, **options: Any) -> Any:
    """Return `functions.function` of the arguments; ``trust_input`` is accepted."""
    return functions.function(*arguments, **options)


def scan(*arguments: Any, return_updates: bool = True, **options: Any) -> Any:
    """Return `functions.scan` of the arguments; without ``return_updates`` the outputs alone."""
    found, updates = functions.scan(*arguments, **options)
    return (found, updates) if return_updates else found


def debugprint(
    graph_like: Any,
    depth: int = -1,
    print_type: bool = False,
    print_shape: bool = False,
    file: Any = None,
    id_type: str = "CHAR",
    stop_on_name: bool = False,
    done: Any = None,
    print_storage: bool = False,
    used_ids: Any = None,
    print_op_info: bool = False,
    print_destroy_map: bool = False,
    print_view_map: bool = False,
    print_memory_map: bool = False,
    **options: Any,
) -> str | None:
    """Print a graph: `gradcore.printing.debugprint`; what else PyTensor shows is not here."""
    return printing.debugprint(
        graph_like,
        depth,
        print_type,
        file,
        ids=id_type,
        stop_on_name=stop_on_name,
        print_shape=print_shape,
        print_storage=print_storage,
        print_memory_map=print_memory_map or print_destroy_map or print_view_map,
    )


def wrap_jax(jax_func: Any = None, *, allow_eval: bool = True) -> Any:
    """Return a function of variables that JAX computes, with its derivatives: `gradcore.from_jax`.

    allow_eval : accepted as in PyTensor.
    """
    return gradcore.from_jax if jax_func is None else gradcore.from_jax(jax_func)


def check_and_raise(exc_type: type[Exception], msg: str = "") -> Assert:
    """Return what passes its first operand on, if all others hold, or else raises the error."""
    return Assert(msg, exc_type)


WORDS: dict[str, Any] = {
    **FUNCTIONS,
    "function": function,
    "scan": scan,
    "dprint": debugprint,
    "debugprint": debugprint,
    "clone_get_equiv": graphs.clone_get_equiv,
    "io_toposort": graphs.io_toposort,
    "vars_between": graphs.variables,
    "orphans_between": graphs.orphans,
    "Assert": Assert,
    "wrap_jax": wrap_jax,
    "CheckAndRaise": check_and_raise,
    "disconnected_type": gradient.DisconnectedType(),
    "softmax": softmax_of,
    "log_softmax": log_softmax_of,
    "pushforward": gradient.Rop,
    "pullback": gradient.Lop,
    "explicit_graph_inputs": graphs.explicit_inputs,
    "TensorVariable": tensors.TensorVariableKind,
    "TensorSharedVariable": SharedVariable,
    "equal_computations": graphs.equal_computations,
    "SymbolicInput": functions.In,
    "SymbolicOutput": compilation.Out,
    "C": functions.PREDEFINED["FAST_RUN"],
    "CVM": functions.PREDEFINED["FAST_RUN"],
    "NUMBA": functions.PREDEFINED["FAST_RUN"],
    "var_descriptor": prints.var_descriptor,
    "GradientError": errors.GradientMismatchError,
    "NullTypeGradError": errors.NotDifferentiableError,
    "float_dtypes": FLOATS,
}
RANDOM: dict[str, Any] = {"RandomStream": SuccessorStream}
OF_TENSORS: dict[str, Any] = {
    "ceil_intdiv": tensors.ceil_intdiv,
    "permute_row_elements": tensors.permute_row_elements,
    "scalar_from_tensor": graphs.as_it_is,
    "tensor_from_scalar": graphs.as_it_is,
    "concat_with_broadcast": tensor.concatenate,
    **{n: made for n, made in tensors.CONSTRUCTORS.items() if not isinstance(made, TensorType)},
    "TensorVariable": tensors.TensorVariableKind,
    "TensorSharedVariable": SharedVariable,
    "shared": FUNCTIONS["shared"],
    "get_scalar_constant_value": tensors.scalar_constant,
    "get_underlying_scalar_constant_value": tensors.scalar_constant,
    "get_vector_length": tensors.vector_length,
    "NotScalarConstantError": tensors.NotScalarConstantError,
    "Elemwise": elementwise_ops.Elementwise,
    "iround": tensors.iround,
    "inverse_permutation": tensors.inverse_permutation,
    "identity_like": tensors.identity_like,
    "largest": tensors.largest,
    "smallest": tensors.smallest,
    "tensor_copy": tensor.copy,
    "atleast_Nd": tensor.atleast_nd,
    "broadcast_shape": tensor.broadcast_shapes,
    "log1pexp": tensor.softplus,
    "dense_dot": tensor.dot,
}
CONSTRUCTORS: dict[str, Any] = {
    name: OF_TENSORS.get(name, made)
    for name, made in vars(tensor).items()
    if isinstance(made, Constructor | Plural)
}
"""What makes variables."""

ANY = (
    WORDS,
    OF_TENSORS,
    gradcore,
    tensor,
    graph,
    traverse,
    compilation,
    gradient,
    errors,
    printing,
)


def tables(root: str) -> dict[str, Table]:
    """Return the tables of a package, by the names of its modules."""
    of_tensors = Table(ANY, "", (OF_TENSORS, tensor))
    rows = {
        "": Table(
            ANY,
            """
            In Out Mode OpFromGraph config dprint function get_mode grad Rop Lop map reduce foldl
            foldr scan shared wrap_py as_op ifelse clone_replace pushforward pullback
            rebuild_collect_shared change_flags wrap_jax
            """,
        ),
        ".tensor": of_tensors,
        ".tensor.basic": of_tensors,
        ".tensor.math": of_tensors,
        ".tensor.shape": of_tensors,
        ".tensor.variable": Table(ANY, "TensorVariable TensorConstant"),
        ".tensor.type": Table(
            (QUIRKS, *ANY),
            """
            TensorType tensor float_dtypes integer_dtypes discrete_dtypes continuous_dtypes
            complex_dtypes all_dtypes
            """,
            (CONSTRUCTORS,),
        ),
        ".tensor.sort": Table(ANY, "sort argsort"),
        ".tensor.einsum": Table(ANY, "einsum"),
        ".tensor.pad": Table(ANY, "pad"),
        ".tensor.functional": Table(ANY, "vectorize"),
        ".tensor.interpolate": Table(ANY, "interp"),
        ".tensor.sharedvar": Table(ANY, "TensorSharedVariable SharedVariable shared"),
        ".tensor.elemwise": Table(ANY, "Elemwise"),
        ".tensor.subtensor": Table(
            (index, *ANY), "Subtensor IncSubtensor set_subtensor inc_subtensor take"
        ),
        ".tensor.extra_ops": Table(
            ANY,
            """
            broadcast_arrays broadcast_shape broadcast_to geomspace linspace logspace
            """,
            (extra_ops,),
        ),
        ".tensor.linalg": Table((linalg,), "matrix_dot=multi_dot", (linalg, slinalg, nlinalg)),
        ".tensor.nlinalg": Table((), "", (nlinalg, linalg)),
        ".tensor.slinalg": Table((), "", (slinalg, linalg)),
        ".tensor.special": Table(ANY, "softmax log_softmax", (special,)),
        ".tensor.fft": Table((), "", (tensor.fft,)),
        ".tensor.random": Table((RANDOM,), "RandomStream", (DRAWS,)),
        ".tensor.random.utils": Table((RANDOM,), "RandomStream"),
        ".tensor.random.basic": Table((), "", (DRAWS,)),
        ".scalar": Table((SCALAR_TYPES,), "", (SCALAR_TYPES, elementwise_ops.ENTRIES)),
        ".sparse": Table((), "", (tensor.sparse,)),
        ".gradient": Table(
            ANY,
            """
            grad Rop Lop jacobian hessian subgraph_grad verify_grad numeric_grad disconnected_grad
            zero_grad grad_clip grad_scale grad_undefined grad_not_implemented DisconnectedType
            DisconnectedInputError hessian_vector_product GradientError NullTypeGradError
            pushforward pullback disconnected_type
            """,
        ),
        ".ifelse": Table(ANY, "ifelse"),
        ".raise_op": Table(ANY, "Assert CheckAndRaise assert_op"),
        ".breakpoint": Table(ANY, "PdbBreakpoint=Breakpoint"),
        ".printing": Table(
            (WORDS, pictures, *ANY),
            "pp pprint debugprint Print min_informative_str pydotprint var_descriptor",
        ),
        ".updates": Table(ANY, "OrderedUpdates"),
        ".scan": Table(ANY, "scan map reduce foldl foldr until scan_checkpoints"),
        ".scan.basic": Table(ANY, "scan"),
        ".scan.views": Table(ANY, "map reduce foldl foldr"),
        ".scan.utils": Table(ANY, "until"),
        ".configdefaults": Table(ANY, "config"),
        ".configparser": Table(ANY, "config change_flags"),
        ".compile": Table(
            ANY,
            """
            function In Out Function FunctionMaker Mode get_mode get_default_mode register_mode
            predefined_modes shared SharedVariable UnusedInputError as_op wrap_py
            rebuild_collect_shared function_dump MonitorMode FAST_COMPILE SymbolicInput
            SymbolicOutput C CVM NUMBA
            """,
        ),
        ".compile.mode": Table(
            ANY, "Mode get_mode get_default_mode register_mode predefined_modes"
        ),
        ".compile.io": Table(ANY, "In Out"),
        ".compile.builders": Table(ANY, "OpFromGraph"),
        ".compile.ops": Table(ANY, "as_op wrap_py"),
        ".compile.sharedvalue": Table(ANY, "SharedVariable shared"),
        ".compile.function": Table(ANY, "function function_dump"),
        ".compile.nanguardmode": Table(ANY, "NanGuardMode"),
        ".graph": Table(
            (fgraph, *ANY),
            """
            Apply Constant FunctionGraph Op Variable ancestors clone clone_replace
            explicit_graph_inputs graph_inputs graph_replace vectorize_graph
            """,
        ),
        ".graph.basic": Table(
            ANY,
            """
            Apply Constant Variable ancestors clone clone_get_equiv graph_inputs
            explicit_graph_inputs equal_computations
            """,
        ),
        ".graph.fg": Table(ANY, "FunctionGraph MissingInputError"),
        ".graph.op": Table((nodes, *ANY), "Op get_test_value"),
        ".graph.replace": Table(ANY, "clone_replace graph_replace vectorize_graph"),
        ".graph.traversal": Table(
            ANY,
            """
            ancestors graph_inputs explicit_graph_inputs toposort io_toposort vars_between
            orphans_between general_toposort=toposort variable_ancestors=ancestors
            """,
        ),
        ".graph.type": Table(ANY, "Type=TensorType"),
    }
    return {root + name: table for name, table in rows.items()}
