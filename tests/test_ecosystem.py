"""Arrays and tables of other libraries where an array is expected: in calls, values and graphs.

Objects with one protocol each stand for the libraries; what is said of pandas, polars, xarray, JAX
and torch runs where they are installed (`nox -s ecosystem`).
"""

import decimal

import numpy as np
import pytest
from array_fakes import ArrayOnly, Column, Counted, DLPackOnly, Nullable, OnCuda, Refuses
from scipy import sparse

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArgumentError, GraphTypeError

VALUES = np.array([1.0, 2.0, 4.0])


def read_only(array):
    array.flags.writeable = False
    return array


READ = {
    "DLPack": DLPackOnly(VALUES),
    "DLPack, read-only": DLPackOnly(read_only(VALUES.copy())),
    "DLPack, strided": DLPackOnly(np.repeat(VALUES, 2)[::2]),
    "DLPack, float32": DLPackOnly(np.float32(VALUES)),
    "DLPack, pinned": DLPackOnly(VALUES, device=3),
    "__array__": ArrayOnly(VALUES),
    "__array__, integers": ArrayOnly([1, 2, 4]),
    "a buffer": memoryview(VALUES),
    "read-only": read_only(VALUES.copy()),
    "strided": np.repeat(VALUES, 2)[::2],
    "reversed": VALUES[::-1].copy()[::-1],
    "the other byte order": VALUES.astype(VALUES.dtype.newbyteorder()),
    "a column without missing values": Counted(VALUES, 0),
    "a column of numbers": Column(VALUES, np.dtype("float64")),
}


@pytest.mark.parametrize("name", READ)
def test_arrays_of_others_are_arguments(name, everywhere):
    x = T.dvector("x")
    f = gradcore.function([x], 2 * x, mode=everywhere)
    assert f(READ[name]).tolist() == f(x=READ[name]).tolist() == [2, 4, 8]


@pytest.mark.parametrize("name", READ)
def test_arrays_of_others_are_shared_constant_and_given(name):
    value = READ[name]
    shared = gradcore.shared(value)
    assert shared.get_value().tolist() == [1, 2, 4]
    shared.set_value(value)
    x = T.dvector("x")
    for expression in (x + value, value + x):
        assert expression.eval({x: VALUES}).tolist() == [2, 4, 8]
    assert T.as_tensor_variable(value).eval().tolist() == [1, 2, 4]
    assert T.constant(value).data.tolist() == [1, 2, 4]
    assert T.constant(value, dtype="float64").data.tolist() == [1, 2, 4]
    assert gradcore.function([], 2 * x, givens={x: T.cast(value, "float64")})().tolist() == [
        2,
        4,
        8,
    ]


def test_arrays_of_others_keep_their_dtype():
    for array in (DLPackOnly(np.float32(VALUES)), ArrayOnly(np.float32(VALUES))):
        assert gradcore.shared(array).dtype == T.as_tensor_variable(array).dtype == "float32"
    assert gradcore.shared([1.0]).dtype == gradcore.config.floatX
    assert gradcore.shared(ArrayOnly(np.uint8([1]))).dtype == "uint8"


def test_memory_of_others_is_shared_with_a_call_and_copied_by_a_value():
    source = VALUES.copy()
    x = T.dvector("x")
    f = gradcore.function([x], x.sum(), mode="c")
    shared = gradcore.shared(DLPackOnly(source))
    constant = T.constant(DLPackOnly(source))
    source[:] = 0
    assert f(DLPackOnly(source)) == 0 and shared.get_value().sum() == constant.data.sum() == 7


MISSING = "cannot have missing values"
REFUSED = {
    # a value, what is said of it, and what to do
    "on a device, by DLPack": (
        DLPackOnly(VALUES, device=2),
        "CPU, and is on a CUDA device",
        "copy",
    ),
    "on another": (DLPackOnly(VALUES, device=7), "a device of DLPack's type 7", "copy"),
    "on a device": (OnCuda(), "CPU, and is on a CUDA device", 'mode="cuda"'),
    "not to be read": (Refuses(), "is a Refuses, which cannot be read as an array", "detach"),
    "masked": (np.ma.array(VALUES, mask=[0, 1, 0]), "whose mask would be lost", "filled"),
    "null": (Counted(VALUES, 2), f"{MISSING}, of which there are 2", "fill_null"),
    "Arrow's null": (Counted(VALUES, 2, called=False), f"{MISSING}, of which there are 2", "drop"),
    "NA": (Column([1.0, np.nan, 2.0], Nullable()), f"{MISSING}, of which there are 1", "fillna"),
    "NA in a list": ([Column([1.0, np.nan], Nullable())], f"{MISSING}, of which there are 1", ""),
    "None": ([1.0, None, 2.0], rf"{MISSING}, and element \[1\] is None", ""),
    "objects": (np.array([1.0, 2.0, 3.0], object), "numbers of one dtype, not objects", "astype"),
    "decimals": ([decimal.Decimal("1.5")] * 3, "not objects, in a list", "astype"),
    "mixed": (np.array([1.0, 2.0, "x"], object), r"element \[2\] is 'x' \(str\)", ""),
    "text": (np.array(["1", "2", "3"]), "must be numbers, not text", "astype"),
    "a text": ("1.5", "must be numbers, not text: ", "float"),
    "bytes": (np.array([b"1", b"2"]), "must be numbers, not text", "astype"),
    "text as objects": (np.array(["a", "b"], object), "must be numbers, not text", "astype"),
    "dates": (np.array(["2020-01-01"] * 3, "M8[D]"), "not dates or times", "np.timedelta64"),
    "durations": (np.array([1, 2, 3], "m8[s]"), "not dates or times", "np.timedelta64"),
    "records": (np.array([(1.0,)] * 3, [("a", "f8")]), "must be numbers, not records", "'a'"),
    "a dict": ({"a": 1.0}, "must be numbers, not a dict", ""),
    "a generator": ((i for i in VALUES), "must be numbers, not a generator", ""),
    "nothing": (None, "must be numbers, not None", ""),
    "ragged": ([[1.0], [2.0, 3.0]], "is a list, which cannot be read", "inhomogeneous"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_array_of_numbers_is_refused_by_name(name, everywhere):
    value, said, fix = REFUSED[name]
    income = T.dvector("income")
    f = gradcore.function(
        [income], 2 * income, mode=everywhere, name="f", allow_input_downcast=True
    )
    for call in (lambda: f(value), lambda: f(income=value)):
        with pytest.raises(ArgumentError, match=rf"f: argument 'income' .*{said}") as error:
            call()
        assert fix in str(error.value)
    assert f(VALUES).tolist() == [2, 4, 8]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_array_of_numbers_is_no_value_and_no_constant(name):
    value, said, _ = REFUSED[name]
    before = gradcore.shared(VALUES, "s")
    with pytest.raises(ArgumentError, match=f"shared variable s .*{said}"):
        before.set_value(value)
    assert before.get_value().tolist() == VALUES.tolist()
    with pytest.raises(ArgumentError, match=rf"shared\(s\) .*{said}"):
        gradcore.shared(value, "s")
    x = T.dvector("x")
    for build in (lambda: T.constant(value), lambda: T.constant(value, dtype="float64"),
                  lambda: x + value):  # fmt: skip
        with pytest.raises(GraphTypeError, match=f"a constant .*{said}"):
            build()


def test_missing_numbers_are_numbers():
    """NaN stays NaN: a float column that has them loses nothing."""
    x = T.dvector("x")
    f = gradcore.function([x], x)
    for value in ([1.0, np.nan], Column([1.0, np.nan], np.dtype("float64"))):
        assert np.isnan(f(value)).tolist() == [False, True]


def test_a_table_has_missing_values_by_column():
    table = np.array([[1.0, np.nan], [np.nan, 2.0]])
    X = T.dmatrix("X")
    f = gradcore.function([X], X)
    floats, nullable = np.dtype("float64"), Nullable()
    assert np.isnan(f(Column(table, [floats, floats]))).sum() == 2
    with pytest.raises(ArgumentError, match="of which there are 1:"):
        f(Column(table, [floats, nullable]))
    assert not np.isnan(f(Column(table, [nullable, nullable]).fillna(0.0))).any()


# NumPy's arrays of variables --------------------------------------------------------------------
def test_variables_do_not_become_arrays_of_objects():
    x, s = T.dvector("x"), gradcore.shared(1.0, "s")
    A = T.sparse.csr_matrix("A")
    for build in (
        lambda: np.array(x), lambda: np.asarray(s), lambda: np.array([x, x]),
        lambda: np.array([[s, 1.0]]), lambda: np.array([1.0, s]), lambda: np.array(x, float),
        lambda: np.array(T.constant(2.0)), lambda: np.array(A), lambda: np.array([A]),
    ):  # fmt: skip
        with pytest.raises(GraphTypeError, match=r"is symbolic, (?s:.)*T.stack\(\[x, y\]\)"):
            build()
    with pytest.raises(ArgumentError, match="argument 'x' is a list, .*: s is symbolic"):
        gradcore.function([x], x)([s, 1.0])


def test_an_array_of_objects_that_is_asked_for_stores_variables():
    x, y = T.dscalars("x", "y")
    several = np.array([[x, y, 1.0]], dtype=object)
    assert several.shape == (1, 3) and several[0, 0] is x and several[0, 2] == 1.0
    assert np.array(x, dtype=object)[()] is x
    assert T.stack(list(several[0])).eval({x: 2, y: 3}).tolist() == [2, 3, 1]


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_matrices_of_scipy_step_back_for_variables(kind):
    A, x = np.array([[1.0, 0.0], [2.0, 3.0]]), T.dvector("x")
    X = T.dmatrix("X")
    assert (kind(A) @ x).eval({x: [1.0, 1.0]}).tolist() == [1, 5]
    assert (x @ kind(A)).eval({x: [1.0, 1.0]}).tolist() == [3, 3]
    assert (kind(A) @ X).eval({X: np.eye(2)}).tolist() == A.tolist()


# libraries --------------------------------------------------------------------------------------
MODES = ("numpy", "c")


@pytest.fixture(params=MODES)
def double(request):
    income = T.dvector("income")
    return gradcore.function([income], 2 * income, mode=request.param)


def test_pandas(double):
    pd = pytest.importorskip("pandas")
    whole = pd.Series([1, 2, 4], name="income")
    table = pd.DataFrame({"income": VALUES, "age": [3, 4, 5]})
    for column in (
        whole, whole.astype("int32"), whole.astype("float32"), whole.astype("Int64"),
        whole.astype("Float64"), pd.Index(VALUES), pd.array(VALUES), table["income"],
        table[::1]["income"], pd.Series(VALUES, dtype=pd.SparseDtype("float64")),
    ):  # fmt: skip
        assert double(column).tolist() == [2, 4, 8]
    assert double(**table[["income"]]).tolist() == [2, 4, 8]
    X = T.dmatrix("X")
    sums = gradcore.function([X], X.sum(axis=0))
    assert sums(table).tolist() == [7, 12]
    assert sums(table.astype("Int64")).tolist() == [7, 12]
    for bad, said in (
        (pd.Series([1, None, 2], dtype="Int64"), "missing values, of which there are 1: .*fillna"),
        (pd.Series([1, None, 2], dtype="Float64"), "missing values, of which there are 1"),
        (pd.Series(["a", "b"], dtype="category"), r"not text, in a Series: .*values\.cat\.codes"),
        (pd.Series(["1", "2"]), r"not text, in a Series: .*values\.astype"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "not dates or times"),
        (pd.Series([1.0, "x"], dtype=object), r"element \[1\] is 'x' \(str\), in a Series"),
    ):
        with pytest.raises(ArgumentError, match=f"argument 'income' .*{said}"):
            double(bad)
    with pytest.raises(ArgumentError, match="argument 'X' .*missing"):
        sums(pd.DataFrame({"a": [1.0], "b": pd.array([None], dtype="Int64")}))
    with pytest.raises(ArgumentError, match="not objects, in a DataFrame: .*astype"):
        sums(table.astype({"age": "Int64"}))  # NumPy has no dtype for both


def test_pandas_steps_back_in_an_expression():
    pd = pytest.importorskip("pandas")
    x = T.dvector("x")
    table = pd.DataFrame({"a": VALUES, "b": VALUES})
    for expression in (pd.Series(VALUES) * x, pd.Index(VALUES) * x, x * pd.Series(VALUES)):
        assert expression.eval({x: VALUES}).tolist() == [1, 4, 16]
    scale = T.dscalar("scale")
    assert (table * scale).eval({scale: 2}).shape == (3, 2)
    with pytest.raises(GraphTypeError, match="x is symbolic"):
        pd.Series(VALUES) @ x


def test_polars(double):
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"income": VALUES, "age": [3, 4, 5]})
    for column in (table["income"], pl.Series([1, 2, 4]), pl.Series([1, 2, 4], dtype=pl.Int8)):
        assert double(column).tolist() == [2, 4, 8]
    assert double(**table.select("income").to_dict()).tolist() == [2, 4, 8]
    X = T.dmatrix("X")
    sums = gradcore.function([X], X.sum(axis=0))
    assert sums(table).tolist() == [7, 12]
    for bad, said in (
        (pl.Series([1, None, 2]), "missing values, of which there are 1: .*fill_null"),
        (pl.Series(["a", "b", "a"], dtype=pl.Categorical), r"not text, .*values\.to_physical\(\)"),
        (pl.Series(["1", "2"]), r"not text, .*values\.cast"),
    ):
        with pytest.raises(ArgumentError, match=f"argument 'income' .*{said}"):
            double(bad)
    with pytest.raises(ArgumentError, match="argument 'X' .*missing values, of which there are 1"):
        sums(pl.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}))


def test_xarray(double):
    xr = pytest.importorskip("xarray")
    data = xr.Dataset({"income": ("person", VALUES)}, coords={"person": [3, 1, 2]})
    assert double(data["income"]).tolist() == double(data["income"].values).tolist() == [2, 4, 8]
    assert double(**data).tolist() == [2, 4, 8]
    with pytest.raises(ArgumentError, match=r"argument 'income' is a Dataset, .*to_dataarray"):
        double(data)


def test_jax(double):
    jnp = pytest.importorskip("jax.numpy")
    for array in (jnp.asarray(VALUES), jnp.asarray(VALUES, "bfloat16"), jnp.asarray([1, 2, 4])):
        assert double(array).tolist() == [2, 4, 8]
    assert gradcore.shared(jnp.float32(VALUES)).dtype == "float32"


def test_torch(double):
    torch = pytest.importorskip("torch")
    value = torch.tensor(VALUES)
    for tensor in (value, value.float(), torch.repeat_interleave(value, 2)[::2], value.long()):
        assert double(tensor).tolist() == [2, 4, 8]
    for bad, said in (
        (value.clone().requires_grad_(), "detach"),
        (value.to_sparse(), "to_dense"),
        (value.bfloat16(), "BFloat16"),
        (torch.empty(3, device="meta"), "meta"),
    ):
        with pytest.raises(ArgumentError, match=f"argument 'income' is a Tensor, which .*{said}"):
            double(bad)
