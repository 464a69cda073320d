"""Convolutions of one, two and three axes, and their transposes.

Tensors are of shape (examples, channels, places along each axis), filters of shape (results,
channels, places).  Paddings are numbers of zeros: one for all sides, one for each axis, a pair for
each; or a word, in terms of the ``span = (size - 1) * dilation + 1`` of a filter:

- ``"valid"``: none;
- ``"same"``: such that ``ceil(n / stride)`` places result; an odd one is added behind;
- ``"half"``: ``span // 2`` on both sides, which for odd spans and stride 1 is the same;
- ``"full"``: ``span - 1`` on both sides, so that all places result that a filter touches.

A convolution is a product of the filters, as a matrix, with the windows of each example, as the
columns of one (K. Chellapilla et al., "High performance convolutional neural networks for document
processing", 2006); its derivatives are such products, too.
"""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphValueError, ShapeError
from gradcore.graph import Extent, Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.ops.shape_values import SpecifyShape
from gradcore.ops.windows import OverlapAdd
from gradcore.tensor.nn.windows import Slide, padded, paddings, spatial, steps, windows
from gradcore.tensor.products import matmul
from gradcore.tensor.repeats import flip
from gradcore.tensor.shapes import reshape, swapaxes


def conv(
    x: Any,
    filters: Any,
    padding: Any = "valid",
    strides: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    filter_flip: bool = False,
) -> Variable:
    """Return the sums of products of ``x``, in windows, with filters.

    ``out[b, o, i] = sum(x[b, c, i * stride + p * dilation] * filters[o, c, p], over c and p)``,
    with as many i and p as there are spatial axes.

    x : of shape (examples, channels, places along each spatial axis).
    filters : of shape (results, channels / groups, places along each).
    padding : "valid", "same", "half", "full", a number of zeros, or numbers or pairs of them for
        each axis; see `gradcore.tensor.nn.convolution`.
    strides, dilation : how far windows, and elements in one, are from each other: a positive int,
        or one for each axis.
    groups : into how many groups the channels of x and the results are cut; each result is made
        of the channels of its group alone.
    filter_flip : whether filters are read from their ends: the convolution of mathematics, which is
        what Theano computes.  By default it is the correlation, as in torch and JAX.

    Returns a tensor of shape (examples, results, ``(n + padding - span) // stride + 1`` along each
    axis), of the dtype that holds both.  Extents may be unknown.

    Raises GraphTypeError: ranks that do not fit; GraphValueError: other paddings, strides or groups
    than these; ShapeError, when it is known or when it runs: the channels do not fit, or a filter
    is longer than the padded axis.

    >>> import gradcore.tensor as T
    >>> T.nn.conv([[[1.0, 2.0, 4.0]]], [[[1.0, -1.0]]]).eval().tolist()
    [[[-1.0, -2.0]]]
    """
    return _conv("conv", x, filters, None, padding, strides, dilation, groups, filter_flip)


def conv1d(
    x: Any,
    filters: Any,
    padding: Any = "valid",
    strides: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    filter_flip: bool = False,
) -> Variable:
    """Return `conv` of one spatial axis.

    >>> import gradcore.tensor as T
    >>> T.nn.conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, -1.0]]], filter_flip=True).eval().tolist()
    [[[1.0, 2.0]]]
    """
    return _conv("conv1d", x, filters, 1, padding, strides, dilation, groups, filter_flip)


def conv2d(
    x: Any,
    filters: Any,
    padding: Any = "valid",
    strides: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    filter_flip: bool = False,
) -> Variable:
    """Return `conv` of two spatial axes: rows and columns of images.

    >>> import gradcore.tensor as T
    >>> image, ones = T.ones((1, 1, 3, 3)), T.ones((1, 1, 3, 3))
    >>> T.nn.conv2d(image, ones, padding="same").eval()[0, 0].tolist()
    [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]
    """
    return _conv("conv2d", x, filters, 2, padding, strides, dilation, groups, filter_flip)


def conv3d(
    x: Any,
    filters: Any,
    padding: Any = "valid",
    strides: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    filter_flip: bool = False,
) -> Variable:
    """Return `conv` of three spatial axes.

    >>> import gradcore.tensor as T
    >>> T.nn.conv3d(T.ones((1, 2, 3, 3, 3)), T.ones((1, 2, 2, 2, 2)), strides=2).eval().tolist()
    [[[[[16.0]]]]]
    """
    return _conv("conv3d", x, filters, 3, padding, strides, dilation, groups, filter_flip)


def _conv(
    name: str,
    x: Any,
    filters: Any,
    rank: int | None,
    padding: Any,
    strides: Any,
    dilation: Any,
    groups: int,
    filter_flip: bool,
) -> Variable:
    variable, kernel, slide = _operands(name, x, filters, rank, strides, dilation, filter_flip)
    results, depth, *_ = extents_of(kernel)
    _check_groups(name, groups, results, kernel)
    variable = _with_channels(name, variable, depth * groups, kernel)
    examples, _, *extents = extents_of(variable)
    pads = paddings(padding, extents, slide)
    shown = windows(padded(variable, pads), slide)
    places = extents_of(shown)[-len(slide.sizes) :]
    inner = product((depth, *slide.sizes))
    if groups == 1:
        columns = reshape(shown, (examples, inner, product(places)))
        found = matmul(reshape(kernel, (results, inner)), columns)
    else:
        columns = reshape(shown, (examples, groups, inner, product(places)))
        found = matmul(reshape(kernel, (groups, results // groups, inner)), columns)
    return reshape(found, (examples, results, *places))


def _operands(
    name: str, x: Any, filters: Any, rank: int | None, strides: Any, dilation: Any, flipped: bool
) -> tuple[Variable, Variable, Slide]:
    """Return the operands of a convolution, checked, and how the windows slide."""
    variable, kernel = as_variable(x), as_variable(filters)
    rank = spatial(variable, name, rank)
    spatial(kernel, f"the filters of {name}", rank)
    if flipped:
        kernel = flip(kernel, tuple(range(2, kernel.ndim)))
    slide = Slide(
        tuple(extents_of(kernel)[2:]),
        steps(strides, rank, "strides"),
        steps(dilation, rank, "dilation"),
    )
    return variable, kernel, slide


def _check_groups(name: str, groups: int, cut: Extent, kernel: Variable) -> None:
    """Raise unless the first extent of the filters is known to be a multiple, or not known."""
    if groups < 1 or (isinstance(cut, int) and cut % groups):
        raise GraphValueError(
            f"{name} cannot cut {cut} of the filters {kernel} ({kernel.type}) into {groups} groups",
            here(),
        )


def _with_channels(name: str, x: Variable, channels: Extent, kernel: Variable) -> Variable:
    """Return ``x``, known or checked when it runs to have as many channels as filters take."""
    examples, own, *places = extents_of(x)
    if isinstance(own, int) and isinstance(channels, int):
        if own != channels:
            raise ShapeError(
                f"{name}: {x} ({x.type}) has {own} channels, the filters {kernel} "
                f"({kernel.type}) take {channels}",
                here(),
            )
        return x
    why = f"the filters of {name} take other channels"
    return SpecifyShape(why)(x, examples, channels, *places)


def conv_transpose(
    x: Any,
    filters: Any,
    padding: Any = "valid",
    strides: Any = 1,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
    filter_flip: bool = False,
) -> Variable:
    """Return the transpose of `conv`, as a linear map: what takes its results to its operand.

    x : of shape (examples, channels, places along each spatial axis).
    filters : of shape (channels, results / groups, places): those of the convolution that it is
        the transpose of.
    padding : of that convolution: what is cut off here; "same" is not among the words.
    output_padding : which of the extents that it takes to those of x results: how many places more
        than the shortest, less than the stride.  One for all axes, or one for each.

    The other arguments are those of the convolution, and so are the errors.

    Returns a tensor of shape (examples, results, ``(n - 1) * stride + span - padding +
    output_padding`` along each axis).

    >>> import gradcore.tensor as T
    >>> T.nn.conv_transpose([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], strides=2).eval().tolist()
    [[[1.0, 10.0, 102.0, 20.0, 200.0]]]
    """
    name = "conv_transpose"
    variable, kernel, slide = _operands(name, x, filters, None, strides, dilation, filter_flip)
    channels, depth, *_ = extents_of(kernel)
    _check_groups(name, groups, channels, kernel)
    variable = _with_channels(name, variable, channels, kernel)
    pads = paddings(padding, None, slide)
    more = [n - 1 for n in steps(_plus_one(output_padding), len(pads), "output_padding + 1")]
    examples, _, *places = extents_of(variable)
    inner = product((depth, *slide.sizes))
    if groups == 1:
        rows = reshape(variable, (examples, channels, product(tuple(places))))
        matrix = reshape(kernel, (channels, inner))
    else:
        rows = reshape(variable, (examples, groups, channels // groups, product(tuple(places))))
        matrix = reshape(kernel, (groups, channels // groups, inner))
    columns = matmul(swapaxes(matrix, -1, -2), rows)
    shown = reshape(columns, (examples, depth * groups, *slide.sizes, *places))
    whole = [
        (n - 1) * stride + span + extra
        for n, stride, span, extra in zip(places, slide.strides, slide.spans, more, strict=True)
    ]
    found = OverlapAdd(slide.strides, slide.dilations)(shown, *whole)
    cut = [slice(low, n - high) for n, (low, high) in zip(whole, pads, strict=True)]
    return found[(..., *cut)]


def _plus_one(given: Any) -> Any:
    return given + 1 if isinstance(given, int) else [n + 1 for n in given]
