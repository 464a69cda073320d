"""JAX on several devices: eight CPUs, which XLA makes of one, in a process of their own."""

import pytest
from new_process import in_a_new_process

pytest.importorskip("jax")

EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}

BEGIN = """
    import json
    import jax
    import numpy as np
    import gradcore, gradcore.tensor as T
    from jax.sharding import PartitionSpec as P

    rng = np.random.default_rng(3)
    mesh = jax.make_mesh((8,), ("batch",))
    grid = jax.make_mesh((4, 2), ("batch", "model"))
    X, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
"""


def test_results_are_those_of_one_device():
    found, _ = in_a_new_process(
        BEGIN
        + """
    W, U, S = T.dmatrix("W"), T.dmatrix("U"), T.tensor3("S")
    states, _ = gradcore.scan(
        lambda x, h: T.tanh(T.dot(x, W) + T.dot(h, U)),
        sequences=S.dimshuffle(1, 0, 2),
        outputs_info=T.zeros((S.shape[0], U.shape[0])),
    )
    logistic = T.sum(T.log(1 + T.exp(-y * T.dot(X, w))))
    recurrent = T.mean(states[-1] ** 2)
    at = gradcore.shared(rng.standard_normal(4), "at")
    cases = {
        "logistic": ([X, y, w], [logistic, T.grad(logistic, w)], {X: P("batch"), y: P("batch")}),
        "columns": ([X, w], [T.dot(X, w), X.sum(0)], {"X": P("batch", "model"), w: P("model")}),
        "recurrent": ([S, W, U], [recurrent, *T.grad(recurrent, [W, U])], {S: P("batch"), W: P()}),
        "both": ([X], [T.dot(X.T, X), T.cumsum(X, 0)], {X: P(("batch", "model"))}),
        "shared": ([X], [T.dot(X, at)], {X: P("batch"), at: P("model")}),
        "unused axis": ([X, y], [T.sort(y), X[::2]], {X: P(None, "model")}),
    }
    values = {
        X: rng.standard_normal((16, 4)), y: rng.standard_normal(16), w: rng.standard_normal(4),
        S: rng.standard_normal((8, 5, 2)), W: rng.standard_normal((2, 3)),
        U: rng.standard_normal((3, 3)),
    }
    apart = {}
    for name, (inputs, outputs, shardings) in cases.items():
        mode = gradcore.Mode("jax", mesh=grid, shardings=shardings)
        assert hash(mode) is not None
        arguments = [values[v] for v in inputs]
        one = gradcore.function(inputs, outputs, mode="jax")(*arguments)
        several = gradcore.function(inputs, outputs, mode=mode)(*arguments)
        for a, b in zip(one, several):
            assert type(b) is np.ndarray and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        apart[name] = len(several)
    print(json.dumps(apart))
    """,
        **EIGHT,
    )
    assert found == {
        "logistic": 2, "columns": 2, "recurrent": 3, "both": 2, "shared": 1, "unused axis": 2,
    }  # fmt: skip


def test_work_is_shared_out():
    found, _ = in_a_new_process(
        BEGIN
        + """
    mode = gradcore.Mode("jax", native=True, mesh=mesh, shardings={X: P("batch")})
    f = gradcore.function([X], [T.exp(X), T.sum(X, axis=0)], mode=mode)
    each, total = f(np.ones((16, 4)))
    lies = [list(piece.data.shape) for piece in each.addressable_shards]
    print(json.dumps([len(each.sharding.device_set), lies[0], total.tolist()]))
    """,
        **EIGHT,
    )
    assert found == [8, [2, 4], [16.0] * 4]


ERRORS = {
    "dict(mesh=mesh, shardings={'Z': P('batch')})": "no input is called 'Z'",
    "dict(mesh=mesh, shardings={X: P('rows')})": "the mesh has no axis 'rows'",
    "dict(mesh=mesh, shardings={X: P('batch', 'batch')})": "names an axis twice",
    "dict(mesh=mesh, shardings={y: P(None, 'batch')})": "2 axes at least",
    "dict(mesh=mesh, shardings={X: 'batch'})": "PartitionSpec, not 'batch'",
    "dict(mesh=8, shardings={X: P('batch')})": "Mesh, not 8",
    "dict(shardings={X: P('batch')})": "go together",
    "dict(mesh=mesh)": "go together",
    "dict(mesh=mesh, shardings={X: P('batch')}, device='cpu')": "go together",
}


def test_errors_say_what_does_not_fit():
    found, _ = in_a_new_process(
        BEGIN
        + f"""
    said = []
    for options in {list(ERRORS)!r}:
        try:
            gradcore.function([X, y], T.dot(y, X), mode=gradcore.Mode("jax", **eval(options)))
            said.append(None)
        except gradcore.errors.ModeError as error:
            said.append(str(error))
    mode = gradcore.Mode("jax", mesh=mesh, shardings={{X: P("batch"), "y": P("batch")}})
    try:
        gradcore.function([X, y], T.dot(y, X), mode=mode)(np.ones((12, 3)), np.ones(12))
    except gradcore.errors.ArgumentError as error:
        said.append(str(error))
    print(json.dumps(said))
    """,
        **EIGHT,
    )
    *modes, divided = found
    for wanted, said in zip(ERRORS.values(), modes, strict=True):
        assert said is not None and wanted in said
    assert (
        "X has the extent 12 at axis 0, which the 8 devices along 'batch' do not divide" in divided
    )
