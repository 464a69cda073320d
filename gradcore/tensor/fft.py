"""Discrete Fourier transforms, by NumPy's names and arguments: ``T.fft``.

``n`` or ``s`` cut or pad with zeros, as NumPy's do, and may be numbers of the graph; ``norm`` is
"backward", "ortho" or "forward".  float32 and complex64 stay single.  Derivatives of any order are
transforms, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphValueError, no_attribute
from gradcore.graph import Variable, as_variable, here, upcast
from gradcore.graph.nodes import extents_of
from gradcore.language import listed
from gradcore.ops.elementwise import floating
from gradcore.ops.fourier import Fft, FromHalf, HalfFft
from gradcore.ops.scalars import lt, sqrt, switch
from gradcore.tensor.complexes import conj
from gradcore.tensor.creation import arange, zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import concatenate, normalized_axis

NORMS = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""What scales a direction, and what the other one the same way."""


# along one axis ---------------------------------------------------------------------------------
def fft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the discrete Fourier transform along ``axis``.

    >>> import gradcore.tensor as T
    >>> T.fft.fft([1.0, 0.0, 0.0, 0.0]).eval().real.tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    return _whole(a, None if n is None else [n], [axis], norm, inverse=False)


def ifft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the inverse of `fft` along ``axis``.

    >>> import gradcore.tensor as T
    >>> T.fft.ifft(T.fft.fft([1.0, 2.0])).eval().real.tolist()
    [1.0, 2.0]
    """
    return _whole(a, None if n is None else [n], [axis], norm, inverse=True)


def rfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the first ``n // 2 + 1`` numbers of the transform of real ones along ``axis``.

    >>> import gradcore.tensor as T
    >>> T.fft.rfft([1.0, 0.0, 0.0, 0.0]).eval().real.tolist()
    [1.0, 1.0, 1.0]
    """
    return rfftn(a, None if n is None else [n], [axis], norm)


def irfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the real numbers of which ``a`` is half the transform along ``axis``.

    n : how many; by default an even number, ``2 * (m - 1)`` for m numbers of ``a``.

    >>> import gradcore.tensor as T
    >>> T.fft.irfft(T.fft.rfft([1.0, 2.0, 3.0]), 3).eval().round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    return irfftn(a, None if n is None else [n], [axis], norm)


def hfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the real transform of numbers whose other half are conjugates, along ``axis``.

    >>> import gradcore.tensor as T
    >>> T.fft.hfft([1.0, 2.0, 3.0]).eval().tolist()
    [8.0, -2.0, 0.0, -2.0]
    """
    return irfft(conj(as_variable(a)), n, axis, NORMS[_norm(norm)])


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Variable:
    """Return the inverse of `hfft` along ``axis``.

    >>> import gradcore.tensor as T
    >>> T.fft.ihfft(T.fft.hfft([1.0, 2.0, 3.0])).eval().real.tolist()
    [1.0, 2.0, 3.0]
    """
    return conj(rfft(a, n, axis, NORMS[_norm(norm)]))


# along several axes -----------------------------------------------------------------------------
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Variable:
    """Return `fftn` along two axes.

    >>> import gradcore.tensor as T
    >>> T.fft.fft2([[1.0, 2.0], [3.0, 4.0]]).eval().tolist()
    [[(10+0j), (-2+0j)], [(-4+0j), 0j]]
    """
    return fftn(a, s, axes, norm)


def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Variable:
    """Return `ifftn` along two axes.

    >>> import gradcore.tensor as T
    >>> T.fft.ifft2(T.fft.fft2([[1.0, 2.0], [3.0, 4.0]])).eval().real.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return ifftn(a, s, axes, norm)


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Variable:
    """Return `rfftn` along two axes.

    >>> import gradcore.tensor as T
    >>> T.fft.rfft2(T.ones((4, 6))).type
    TensorType(complex128, (4, 4))
    """
    return rfftn(a, s, axes, norm)


def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Variable:
    """Return `irfftn` along two axes.

    >>> import gradcore.tensor as T
    >>> T.fft.irfft2(T.fft.rfft2([[1.0, 2.0], [3.0, 4.0]]), s=(2, 2)).eval().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return irfftn(a, s, axes, norm)


def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Variable:
    """Return the discrete Fourier transform along ``axes``: all, or the last of ``s``.

    s : the extents to cut or pad to.

    >>> import gradcore.tensor as T
    >>> T.fft.fftn([[1.0, 2.0], [3.0, 4.0]], axes=(0,)).eval().tolist()
    [[(4+0j), (6+0j)], [(-2+0j), (-2+0j)]]
    """
    return _whole(a, s, axes, norm, inverse=False)


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Variable:
    """Return the inverse of `fftn`.

    >>> import gradcore.tensor as T
    >>> T.fft.ifftn(T.fft.fftn([[1.0, 2.0], [3.0, 4.0]])).eval().real.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return _whole(a, s, axes, norm, inverse=True)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Variable:
    """Return the transform of real numbers along ``axes``: of the last one, the first half.

    >>> import gradcore.tensor as T
    >>> T.fft.rfftn(T.ones((2, 4))).eval().real.tolist()
    [[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    x = as_variable(a)
    if x.type.is_complex:
        raise GraphValueError(f"rfft takes real numbers, not {x} ({x.type})", here(), "take fft")
    x = cast(x, _single_or_double(x))
    x, places = _resized(x, s, axes)
    *others, last = places
    sizes = [_extent(x, axis) for axis in places]
    found = HalfFft(last)(x)
    found = Fft(tuple(others))(found) if others else found
    return _scaled(found, sizes, _norm(norm), inverse=False)


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Variable:
    """Return the inverse of `rfftn`: real numbers.

    s : the extents of the result along ``axes``; that of the last is even, by default.

    >>> import gradcore.tensor as T
    >>> T.fft.irfftn(T.fft.rfftn([[1.0, 2.0], [3.0, 4.0]]), s=(2, 2)).eval().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    z = _complex(as_variable(a))
    places = _axes(z, s, axes)
    given = listed(s) if s is not None else [_extent(z, axis) for axis in places]
    if s is None:
        given[-1] = 2 * (given[-1] - 1)
    halves = [
        *given[:-1],
        as_variable(given[-1]) // 2 + 1 if _is_symbolic(given[-1]) else given[-1] // 2 + 1,
    ]
    z, _ = _resized(z, halves if s is not None else None, places)
    *others, last = places
    z = Fft(tuple(others), inverse=True)(z) if others else z
    return _scaled(FromHalf(last)(z, given[-1]), given, _norm(norm), inverse=True)


# frequencies ------------------------------------------------------------------------------------
def fftfreq(n: Any, d: Any = 1.0) -> Variable:
    """Return the frequencies of the numbers of a transform of n samples ``d`` apart.

    >>> import gradcore.tensor as T
    >>> T.fft.fftfreq(4).eval().tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    k = arange(n)
    return switch(lt(k, (as_variable(n) + 1) // 2), k, k - n) / (n * as_variable(d))


def rfftfreq(n: Any, d: Any = 1.0) -> Variable:
    """Return the frequencies of the numbers of `rfft` of n samples ``d`` apart.

    >>> import gradcore.tensor as T
    >>> T.fft.rfftfreq(4).eval().tolist()
    [0.0, 0.25, 0.5]
    """
    return arange(as_variable(n) // 2 + 1) / (n * as_variable(d))


def fftshift(x: Any, axes: Any = None) -> Variable:
    """Return a transform with the frequency 0 in the middle of ``axes`` (all, by default).

    >>> import gradcore.tensor as T
    >>> T.fft.fftshift(T.fft.fftfreq(4)).eval().tolist()
    [-0.5, -0.25, 0.0, 0.25]
    """
    return _turned(x, axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Variable:
    """Return the inverse of `fftshift`.

    >>> import gradcore.tensor as T
    >>> T.fft.ifftshift([-2, -1, 0, 1]).eval().tolist()
    [0, 1, -2, -1]
    """
    return _turned(x, axes, 0)


def _turned(x: Any, axes: Any, up: int) -> Variable:
    found = as_variable(x)
    for axis in range(found.ndim) if axes is None else listed(axes):
        place = normalized_axis(axis, found.ndim)
        middle = (_extent(found, place) + up) // 2
        before = (slice(None),) * place
        found = concatenate(
            [found[(*before, slice(middle, None))], found[(*before, slice(0, middle))]], place
        )
    return found


# parts ------------------------------------------------------------------------------------------
def _norm(norm: str | None) -> str:
    known = norm or "backward"
    if known not in NORMS:
        raise GraphValueError(f"norm is one of {', '.join(NORMS)}, not {norm!r}", here())
    return known


def _is_symbolic(n: Any) -> bool:
    return isinstance(n, Variable)


def _extent(x: Variable, axis: int) -> Any:
    return extents_of(x)[axis]


def _single_or_double(x: Variable) -> str:
    """Return the dtype in which real numbers are transformed."""
    return upcast(floating(x.type.dtype), "float32")


def _complex(x: Variable) -> Variable:
    return cast(x, upcast(floating(x.type.dtype), "complex64"))


def _axes(x: Variable, s: Any, axes: Any) -> list[int]:
    """Return the axes, counted from the front: all, or the last ones if there are extents."""
    if axes is None:
        axes = range(-len(listed(s)), 0) if s is not None else range(x.ndim)
    places = [normalized_axis(axis, x.ndim) for axis in axes]
    if s is not None and len(listed(s)) != len(places):
        raise GraphValueError(f"s={s} and axes={axes} are not as many", here())
    if not places or len(set(places)) < len(places):
        raise GraphValueError(f"axes={axes} names no axis, or one twice", here())
    return places


def _resized(x: Variable, s: Any, axes: Any) -> tuple[Variable, list[int]]:
    """Return ``x`` cut or padded with zeros to the extents ``s``, and the axes."""
    places = _axes(x, s, axes)
    for axis, n in zip(places, listed(s) if s is not None else (), strict=False):
        if n is not None and not (isinstance(n, int) and n == x.type.shape[axis]):
            x = _fitted(x, n, axis)
    return x, places


def _fitted(x: Variable, n: Any, axis: int) -> Variable:
    cut = x[(*(slice(None),) * axis, slice(0, n))]
    extents = list(extents_of(cut))
    known = x.type.shape[axis]
    if isinstance(n, int) and known is not None and n <= known:
        return cut
    extents[axis] = n - extents[axis]
    return concatenate([cut, zeros(extents, x.dtype)], axis)


def _whole(a: Any, s: Any, axes: Any, norm: str | None, *, inverse: bool) -> Variable:
    """Return the transform of complex numbers, scaled."""
    z, places = _resized(_complex(as_variable(a)), s, axes)
    sizes = [_extent(z, axis) for axis in places]
    return _scaled(Fft(tuple(places), inverse)(z), sizes, _norm(norm), inverse=inverse)


def _scaled(found: Variable, sizes: Sequence[Any], norm: str, *, inverse: bool) -> Variable:
    """Return a transform divided by what its norm says of the extents."""
    if norm != "ortho" and (norm == "backward") != inverse:
        return found
    total: Any = 1
    for n in sizes:
        total = total * n
    part = found.type.dtype.replace("complex64", "float32").replace("complex128", "float64")
    count = cast(as_variable(total), part)
    return found / (sqrt(count) if norm == "ortho" else count)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip


def __dir__() -> list[str]:
    """Return the words: not what the module is made of."""
    return [*__all__]


__getattr__ = no_attribute(__name__, globals())
