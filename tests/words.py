"""NumPy's everyday words, a case a line: what they are called with, on which operands.

A case is an expression in ``xp``, which is NumPy or `gradcore.tensor`, and the operands of
`operands`; where NumPy says it otherwise, a second expression says how.
"""

from types import SimpleNamespace

import numpy as np

import gradcore.tensor as T


def operands(rng, dtype, empty=False):
    """Return arrays to call words on, by name: of one dtype, but indices and masks."""
    n = 0 if empty else 6

    def drawn(*shape):
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.dtype(dtype).kind in "iu":
            return rng.integers(0 if dtype.startswith("u") else -4, 5, shape).astype(dtype)
        return rng.normal(size=shape).astype(dtype)

    found = {
        "s": drawn(),
        "v": drawn(n), "w": drawn(n), "u": drawn(4), "m": drawn(3, n), "k": drawn(3, n),
        "t": drawn(2, 3, n), "tri": drawn(4, 3), "few": drawn(3),
        "i": rng.integers(0, 3, n), "j": rng.integers(0, 6, (3, n)), "c": rng.integers(0, 2, n) > 0,
        "at": rng.integers(0, n, (3, 2)) if n else np.zeros((3, 0), "int64"),
    }  # fmt: skip
    if np.dtype(dtype).kind == "f":
        found["g"] = np.where(rng.random((3, n)) < 0.3, np.nan, drawn(3, n)).astype(dtype)
    found["up"] = np.sort(drawn(5))
    return SimpleNamespace(**{name: np.asarray(value) for name, value in found.items()})


STACKING = {
    "atleast_1d": lambda xp, d: xp.atleast_1d(d.s),
    "atleast_2d": lambda xp, d: xp.atleast_2d(d.v),
    "atleast_3d": lambda xp, d: xp.atleast_3d(d.s, d.v, d.m, d.t),
    "hstack": lambda xp, d: xp.hstack([d.v, d.w]),
    "hstack matrices": lambda xp, d: xp.hstack([d.m, d.k]),
    "hstack scalars": lambda xp, d: xp.hstack([d.s, d.v]),
    "vstack": lambda xp, d: xp.vstack([d.v, d.w, d.m]),
    "dstack": lambda xp, d: xp.dstack([d.m, d.k]),
    "dstack vectors": lambda xp, d: xp.dstack([d.v, d.w]),
    "column_stack": lambda xp, d: xp.column_stack([d.v, d.m.T, d.w]),
    "concatenate flat": lambda xp, d: xp.concatenate([d.m, d.v], axis=None),
    "append": lambda xp, d: xp.append(d.m, d.v),
    "append, axis": lambda xp, d: xp.append(d.m, d.k, axis=1),
    "block": lambda xp, d: xp.block([[d.m, d.k], [d.k, d.m]]),
    "block of vectors": lambda xp, d: xp.block([d.v, d.s, d.w]),
    "array_split": lambda xp, d: xp.array_split(d.v, 4),
    "array_split at": lambda xp, d: xp.array_split(d.m, [1, 2], axis=1),
    "hsplit": lambda xp, d: xp.hsplit(d.m, 3),
    "hsplit vector": lambda xp, d: xp.hsplit(d.v, 2),
    "vsplit": lambda xp, d: xp.vsplit(d.m, [1]),
    "dsplit": lambda xp, d: xp.dsplit(d.t, 2),
    "unstack": (lambda xp, d: xp.unstack(T.specify_shape(d.m, (3, None))), lambda xp, d: list(d.m)),
    "broadcast_arrays": lambda xp, d: xp.broadcast_arrays(d.v, d.m, d.s),
    "rot90": lambda xp, d: [xp.rot90(d.m, k) for k in range(-1, 4)],
    "rot90 axes": lambda xp, d: xp.rot90(d.t, 1, (2, 0)),
    "fliplr": lambda xp, d: xp.fliplr(d.m),
    "flipud": lambda xp, d: xp.flipud(d.t),
    "rollaxis": lambda xp, d: [xp.rollaxis(d.t, a, b) for a in range(3) for b in range(-2, 4)],
    "permute_dims": lambda xp, d: xp.permute_dims(d.t, (1, 2, 0)),
    "matrix_transpose": lambda xp, d: xp.matrix_transpose(d.t),
    "mT": lambda xp, d: d.t.mT,
}

GRIDS = {
    "meshgrid": lambda xp, d: xp.meshgrid(d.v, d.u, d.few),
    "meshgrid ij": lambda xp, d: xp.meshgrid(d.v, d.u, indexing="ij"),
    "meshgrid sparse": lambda xp, d: xp.meshgrid(d.v, d.u, sparse=True),
    "indices": lambda xp, d: xp.indices((2, 3)),
    "indices sparse": lambda xp, d: xp.indices((2, 3), sparse=True),
    "mgrid": lambda xp, d: xp.mgrid[0:3, 1:5:2],
    "mgrid complex": lambda xp, d: xp.mgrid[0:1:5j],
    "mgrid mixed": lambda xp, d: xp.mgrid[0:3, 0:1:3j],
    "ogrid": lambda xp, d: xp.ogrid[0:3, 1:5:2],
    "ix_": lambda xp, d: d.m[xp.ix_([0, 2], d.c)],
    "tril_indices": lambda xp, d: xp.tril_indices(4, 1, 3),
    "triu_indices": lambda xp, d: xp.triu_indices(3, -1),
    "tril_indices_from": lambda xp, d: xp.tril_indices_from(d.m, 1),
    "triu_indices_from": lambda xp, d: xp.triu_indices_from(d.m),
    "diag_indices": lambda xp, d: xp.diag_indices(3),
    "ravel_multi_index": lambda xp, d: xp.ravel_multi_index((d.i, d.i), (3, 4)),
    "ravel_multi_index F": lambda xp, d: xp.ravel_multi_index((d.i, d.i), (3, 4), order="F"),
    "ravel_multi_index modes": lambda xp, d: xp.ravel_multi_index(
        (d.i + 2, d.i - 2), (3, 4), mode=("clip", "wrap")
    ),
    "unravel_index": lambda xp, d: xp.unravel_index(d.j, (2, 3)),
    "unravel_index F": lambda xp, d: xp.unravel_index(d.j, (2, 3), order="F"),
    "logspace": lambda xp, d: xp.logspace(0, 2, 5),
    "geomspace": lambda xp, d: [xp.geomspace(1, 256, 9), xp.geomspace(-2.0, -32.0, 5, False)],
    "bartlett": lambda xp, d: [xp.bartlett(n) for n in (0, 1, 6)],
    "hanning": lambda xp, d: [xp.hanning(n) for n in (0, 1, 6)],
    "hamming": lambda xp, d: [xp.hamming(n) for n in (0, 1, 6)],
    "blackman": lambda xp, d: [xp.blackman(n) for n in (0, 1, 6)],
}

ELEMENTWISE = {
    "logical_and": lambda xp, d: xp.logical_and(d.v, d.w),
    "logical_or": lambda xp, d: xp.logical_or(d.v, d.w),
    "logical_xor": lambda xp, d: xp.logical_xor(d.v, d.w),
    "logical_not": lambda xp, d: xp.logical_not(d.m),
    "array_equal": lambda xp, d: [
        xp.array_equal(d.v, d.w), xp.array_equal(d.v, d.v), xp.array_equal(d.v, d.u)
    ],
    "fmax": lambda xp, d: xp.fmax(d.v, d.w),
    "fmin": lambda xp, d: xp.fmin(d.v, d.w),
    "fix": lambda xp, d: xp.fix(d.v),
    "float_power": lambda xp, d: xp.float_power(xp.absolute(d.u), 2),
    "select": lambda xp, d: xp.select([d.c, d.v > d.w], [d.v, d.w], 3),
    "piecewise": lambda xp, d: xp.piecewise(d.v, [d.v < 1, d.v >= 2], [lambda x: x + x, 1, 0]),
    "choose": lambda xp, d: xp.choose(d.i, [d.v, d.w, d.v + d.w]),
    "choose clip": lambda xp, d: xp.choose(d.i - 1, [d.v, d.w], mode="clip"),
    "choose wrap": lambda xp, d: xp.choose(d.i - 1, [d.v, d.w], mode="wrap"),
    "count_nonzero": lambda xp, d: [xp.count_nonzero(d.m), xp.count_nonzero(d.m, axis=0)],
}  # fmt: skip

SIGNED = {
    "copysign": lambda xp, d: xp.copysign(d.v, d.w),
    "signbit": lambda xp, d: xp.signbit(d.v),
    "isposinf": lambda xp, d: xp.isposinf(d.v),
    "isneginf": lambda xp, d: xp.isneginf(d.v),
    "heaviside": lambda xp, d: xp.heaviside(d.v, d.w),
    "fabs": lambda xp, d: xp.fabs(d.v),
    "rint": lambda xp, d: xp.rint(d.v),
    "deg2rad": lambda xp, d: [xp.deg2rad(d.v), xp.radians(d.v)],
    "rad2deg": lambda xp, d: [xp.rad2deg(d.v), xp.degrees(d.v)],
}

DIVISIONS = {
    "divmod": lambda xp, d: xp.divmod(d.v, xp.where(xp.equal(d.w, 0), xp.ones_like(d.w), d.w)),
    "fmod": lambda xp, d: xp.fmod(d.v, xp.where(xp.equal(d.w, 0), xp.ones_like(d.w), d.w)),
}

NANS = {
    f"{name}{', ' + str(options) if options else ''}": (
        lambda xp, d, name=name, options=options: getattr(xp, name)(d.g, **options)
    )
    for name in (
        "nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nancumsum", "nancumprod",
        "nanmedian", "nanmax", "nanmin",
    )
    for options in ({}, {"axis": 0}, {"axis": 1}, {"axis": -1, "keepdims": True})
    if not (name.startswith("nancum") and "keepdims" in options)
}  # fmt: skip
NANS |= {
    "nanargmax": lambda xp, d: [xp.nanargmax(d.g), xp.nanargmax(d.g, axis=1)],
    "nanargmin": lambda xp, d: [xp.nanargmin(d.g), xp.nanargmin(d.g, axis=1, keepdims=True)],
    "nanvar ddof": lambda xp, d: xp.nanvar(d.g, axis=1, ddof=1),
    "nan_to_num": lambda xp, d: xp.nan_to_num(d.g, nan=2.0),
    "nanquantile": lambda xp, d: xp.nanquantile(d.g, [0.2, 0.5, 1.0], axis=1),
    "nanquantile flat": lambda xp, d: xp.nanquantile(d.g, 0.3),
    "nanpercentile": lambda xp, d: xp.nanpercentile(d.g, 30, axis=1, keepdims=True),
    "median nan": lambda xp, d: xp.median(d.g, axis=1),
    "quantile nan": lambda xp, d: xp.quantile(d.g, 0.3, axis=1),
}

METHODS = (
    "linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
)  # fmt: skip
STATISTICS = {
    f"quantile {method}": (
        lambda xp, d, method=method: xp.quantile(
            d.m, [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0], axis=1, method=method
        )
    )
    for method in METHODS
} | {
    "quantile flat": lambda xp, d: xp.quantile(d.m, 0.4),
    "quantile matrix": lambda xp, d: xp.quantile(d.m, [[0.1, 0.5], [0.5, 0.9]], axis=0),
    "quantile axes": lambda xp, d: xp.quantile(d.t, [0.1, 0.5], axis=(0, 2), keepdims=True),
    "percentile": lambda xp, d: xp.percentile(d.m, 40, axis=0),
    "median": lambda xp, d: [xp.median(d.m), xp.median(d.m, axis=0), xp.median(d.m, axis=1)],
    "median keepdims": lambda xp, d: xp.median(d.t, axis=(0, 2), keepdims=True),
    "average": lambda xp, d: xp.average(d.m, axis=1),
    "average weights": lambda xp, d: xp.average(d.m, axis=1, weights=d.i + 1, returned=True),
    "average all": lambda xp, d: xp.average(d.j, weights=d.j + 1),
    "cov": lambda xp, d: [xp.cov(d.m), xp.cov(d.m, rowvar=False), xp.cov(d.m, d.v)],
    "cov ddof": lambda xp, d: [xp.cov(d.m, bias=True), xp.cov(d.m, ddof=2), xp.cov(d.v)],
    "cov weights": lambda xp, d: xp.cov(d.m, fweights=d.i + 1, aweights=xp.absolute(d.i) + 1),
}

CORRELATION = {"corrcoef": lambda xp, d: [xp.corrcoef(d.m), xp.corrcoef(d.v, d.w)]}

CALCULUS = {
    "diff": lambda xp, d: [xp.diff(d.v), xp.diff(d.m, 2, axis=1), xp.diff(d.m, 0)],
    "diff ends": lambda xp, d: [
        xp.diff(d.m, prepend=d.s, append=d.s), xp.diff(d.m, axis=0, append=d.m)
    ],
    "convolve": lambda xp, d: [
        xp.convolve(a, b, mode)
        for a, b in ((d.v, d.u), (d.u, d.v), (d.v, d.w), (d.few, d.u))
        for mode in ("full", "same", "valid")
    ],
    "correlate": lambda xp, d: [
        xp.correlate(a, b, mode)
        for a, b in ((d.v, d.u), (d.u, d.v), (d.v, d.w), (d.few, d.u))
        for mode in ("full", "same", "valid")
    ],
    "cross": lambda xp, d: [xp.cross(d.tri, d.few), xp.cross(d.m, d.k, axis=0)],
    "cross axes": lambda xp, d: xp.cross(d.m, d.k, axisa=0, axisb=0, axisc=1),
    "kron": lambda xp, d: [xp.kron(d.m, d.tri), xp.kron(d.v, d.u), xp.kron(d.t, d.tri)],
    "vdot": lambda xp, d: xp.vdot(d.m, d.k),
    "vecdot": lambda xp, d: [xp.vecdot(d.m, d.v), xp.vecdot(d.m, d.k, axis=0)],
    "matvec": lambda xp, d: [xp.matvec(d.tri, d.few), xp.vecmat(d.few, d.m)],
    "resize": lambda xp, d: [xp.resize(d.m, (4, 7)), xp.resize(d.v, 4)],
    "diagflat": lambda xp, d: [xp.diagflat(d.tri), xp.diagflat(d.v, -1)],
    "lexsort": lambda xp, d: [xp.lexsort([d.v, d.i]), xp.lexsort([d.m, d.j])],
    "vander": lambda xp, d: [xp.vander(d.u), xp.vander(d.u, 3, increasing=True)],
    "polyval": lambda xp, d: [xp.polyval(d.few, d.m), xp.polyval(d.u, d.s)],
    "polyadd": lambda xp, d: [xp.polyadd(d.v, d.u), xp.polyadd(d.u, d.v)],
    "polyder": lambda xp, d: [xp.polyder(d.v), xp.polyder(d.v, 2)],
    "cumulative_sum": lambda xp, d: [
        xp.cumulative_sum(d.v), xp.cumulative_sum(d.m, axis=1, include_initial=True)
    ],
    "cumulative_prod": lambda xp, d: xp.cumulative_prod(d.m, axis=0, include_initial=True),
    "cummax": (
        lambda xp, d: [xp.cummax(d.m, 0), xp.cummax(d.m, 1), xp.cummax(d.v)],
        lambda xp, d: [
            xp.maximum.accumulate(d.m, 0), xp.maximum.accumulate(d.m, 1), xp.maximum.accumulate(d.v)
        ],
    ),
    "cummin": (
        lambda xp, d: [d.m.cummin(0), d.m.cummin(1), d.v.cummin()],
        lambda xp, d: [
            xp.minimum.accumulate(d.m, 0), xp.minimum.accumulate(d.m, 1), xp.minimum.accumulate(d.v)
        ],
    ),
}  # fmt: skip

SLOPES = {
    "ediff1d": lambda xp, d: [xp.ediff1d(d.m), xp.ediff1d(d.v, d.s, d.s)],
    "gradient": lambda xp, d: [xp.gradient(d.v), xp.gradient(d.v, 2.0, edge_order=2)],
    "gradient axes": lambda xp, d: xp.gradient(d.m, 1.0, 0.5),
    "gradient axis": lambda xp, d: xp.gradient(d.m, 0.5, axis=1),
    "gradient uneven": lambda xp, d: [
        xp.gradient(d.m, xp.cumsum(d.i + 1), axis=1, edge_order=order) for order in (1, 2)
    ],
    "trapezoid": lambda xp, d: [
        xp.trapezoid(d.m), xp.trapezoid(d.m, dx=0.5, axis=0), xp.trapezoid(d.m, d.v),
        xp.trapezoid(d.m, d.k, axis=0),
    ],
    "polyint": lambda xp, d: [xp.polyint(d.v), xp.polyint(d.v, 2, [1, 2])],
    "polyfit": lambda xp, d: [
        xp.polyfit(xp.cumsum(d.i + 1), d.v, 2), xp.polyfit(xp.cumsum(d.i + 1), d.m.T, 1),
        xp.polyfit(xp.cumsum(d.i + 1), d.v, 2, w=d.i + 1.0),
    ],
    "polysub": lambda xp, d: xp.polysub(d.v, d.u),
}  # fmt: skip

SEARCHING = {
    "searchsorted": lambda xp, d: [
        xp.searchsorted(d.up, d.m, side) for side in ("left", "right")
    ],
    "searchsorted sorter": lambda xp, d: xp.searchsorted(d.u, d.s, sorter=xp.argsort(d.u)),
    "digitize": lambda xp, d: [
        xp.digitize(d.m, b, right) for b in (d.up, d.up[::-1]) for right in (False, True)
    ],
    "partition": (lambda xp, d: xp.partition(d.m, 1), lambda xp, d: xp.sort(d.m)),
    "argpartition": (
        lambda xp, d: xp.argpartition(d.m, 1, axis=0),
        lambda xp, d: xp.argsort(d.m, axis=0, kind="stable"),
    ),
    "top_k": (
        lambda xp, d: [*xp.top_k(d.m, 2), *xp.top_k(d.m, 2, axis=0)],
        lambda xp, d: [*top_k(d.m, 2, 1), *top_k(d.m, 2, 0)],
    ),
    "argwhere": lambda xp, d: [xp.argwhere(d.m), xp.argwhere(d.v)],
    "flatnonzero": lambda xp, d: xp.flatnonzero(d.m),
    "compress": lambda xp, d: [xp.compress(d.c, d.v), xp.compress(d.c, d.m, axis=1)],
    "extract": lambda xp, d: xp.extract(d.c, d.v),
    "unique": lambda xp, d: xp.unique(d.m, True, True, True),
    "unique alone": lambda xp, d: xp.unique(d.v),
    "unique_counts": lambda xp, d: list(xp.unique_counts(d.v)),
    "isin": lambda xp, d: [xp.isin(d.m, d.v), xp.isin(d.m, d.v, invert=True), xp.isin(d.v, 1)],
    "union1d": lambda xp, d: xp.union1d(d.m, d.v),
    "intersect1d": lambda xp, d: xp.intersect1d(d.m, d.v),
    "setdiff1d": lambda xp, d: xp.setdiff1d(d.m, d.v),
    "setxor1d": lambda xp, d: xp.setxor1d(d.m, d.u),
    "bincount": lambda xp, d: [xp.bincount(d.i), xp.bincount(d.i, minlength=5)],
    "fill_diagonal": (
        lambda xp, d: [xp.fill_diagonal(d.m, d.s), xp.fill_diagonal(d.tri, d.few[:2], wrap=True)],
        lambda xp, d: [changed(xp.fill_diagonal, d.m, d.s),
                       changed(xp.fill_diagonal, d.tri, d.few[:2], wrap=True)],
    ),
    "put_along_axis": (
        lambda xp, d: xp.put_along_axis(d.m, xp.argsort(d.m, axis=1), d.k, axis=1),
        lambda xp, d: changed(
            xp.put_along_axis, d.m, xp.argsort(d.m, axis=1, kind="stable"), d.k, axis=1
        ),
    ),
    "delete": lambda xp, d: [
        xp.delete(d.u, 1), xp.delete(d.tri, [0, -1], axis=0), xp.delete(d.m, slice(0, 2), axis=0),
        xp.delete(d.v, d.c), xp.delete(d.tri, [1, 3]),
    ],
    "insert": lambda xp, d: [
        xp.insert(d.u, 1, d.s), xp.insert(d.tri, [0, 4], d.s, axis=0),
        xp.insert(d.m, 1, d.v, axis=0), xp.insert(d.u, [1, 1, -1], d.few),
    ],
    "segment_sum": (
        lambda xp, d: [xp.segment_sum(d.m.T, d.i, 4), xp.segment_prod(d.v, d.i, 4)],
        lambda xp, d: [segments(np.add, d.m.T, d.i, 4, 0), segments(np.multiply, d.v, d.i, 4, 1)],
    ),
    "segment_max": (
        lambda xp, d: [xp.segment_max(d.m.T, d.i, 4), xp.segment_min(d.v, d.i, 4)],
        lambda xp, d: [
            segments(np.maximum, d.m.T, d.i, 4, limit(d.m, -1)),
            segments(np.minimum, d.v, d.i, 4, limit(d.v, 1)),
        ],
    ),
}  # fmt: skip

HISTOGRAMS = {
    "histogram": lambda xp, d: [
        *xp.histogram(d.m),
        *xp.histogram(d.m, 3, range=(-1, 2)),
        *xp.histogram(d.m, d.up),
    ],
    "histogram density": lambda xp, d: xp.histogram(d.m, 4, range=(-5, 5), density=True),
    "histogram2d": lambda xp, d: [
        *xp.histogram2d(d.v, d.w, 3),
        *xp.histogram2d(d.v, d.w, [2, 4], [[-1, 1], [-2, 2]], density=True),
        xp.histogram2d(d.v, d.w, 3, weights=d.i)[0],
    ],
    "bincount_weights": lambda xp, d: xp.bincount(d.i, d.v),
    "histogram weights": lambda xp, d: xp.histogram(d.v, 3, weights=d.w),
    "interp": lambda xp, d: xp.interp(d.m, xp.cumsum(xp.absolute(d.u) + 1), d.u),
    "interp ends": lambda xp, d: xp.interp(d.m, [-1, 0, 1.5], d.few, left=-7, right=8),
    "interp period": lambda xp, d: xp.interp(d.m, [0.5, 2, 1], d.few, period=2.5),
}

PAD_OPTIONS = {
    "constant": ({}, {"constant_values": 7}, {"constant_values": ((1, 2), (3, 4))}),
    "edge": ({},), "wrap": ({},), "empty": (),
    "reflect": ({}, {"reflect_type": "odd"}),
    "symmetric": ({}, {"reflect_type": "odd"}),
    "linear_ramp": ({}, {"end_values": ((1, 2), (-3, 4))}),
    **dict.fromkeys(
        ("maximum", "minimum", "mean", "median"),
        ({}, {"stat_length": 2}, {"stat_length": ((1, 2),)}),
    ),
}  # fmt: skip
PADDING = {
    f"pad {mode} {options or ''}": (
        lambda xp, d, mode=mode, options=options: [
            xp.pad(d.m, width, mode, **options)
            for width in (1, (0, 2), ((2, 1), (1, 3)), ((7, 5), (0, 9)))
        ]
    )
    for mode, choices in PAD_OPTIONS.items()
    for options in choices
}


def top_k(x, k, axis):
    """Return the largest elements and where they are, the first of equal ones first."""
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    order = x.shape[axis] - 1 - np.flip(order, axis)
    order = np.take(order, np.arange(k), axis)
    return np.take_along_axis(x, order, axis), order


def changed(function, x, *arguments, **options):
    """Return what NumPy makes of a copy, in place."""
    copy = x.copy()
    function(copy, *arguments, **options)
    return copy


def segments(ufunc, data, ids, n, initial):
    out = np.full((n, *data.shape[1:]), initial, data.dtype)
    ufunc.at(out, ids, data)
    return out


def limit(x, sign):
    if x.dtype.kind == "f":
        return sign * np.inf
    if x.dtype == bool:
        return sign > 0
    return np.iinfo(x.dtype).max if sign > 0 else np.iinfo(x.dtype).min


GROUPS = {
    "stacking": STACKING, "grids": GRIDS, "elementwise": ELEMENTWISE, "signed": SIGNED,
    "divisions": DIVISIONS, "nans": NANS, "statistics": STATISTICS, "correlation": CORRELATION,
    "calculus": CALCULUS, "slopes": SLOPES, "searching": SEARCHING, "histograms": HISTOGRAMS,
    "padding": PADDING,
}  # fmt: skip
