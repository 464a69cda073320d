"""What ``theano.tensor.nnet`` and ``signal`` mean otherwise than `gradcore.tensor.nn`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore import tensor
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several
from gradcore.tensor import nn, nnet
from gradcore.tensor.nn.windows import Slide, padded, windows


# softmax ----------------------------------------------------------------------------------------
def _rows(c: Any) -> Variable:
    """Return a matrix; of a vector, a matrix of one row."""
    variable = as_variable(c)
    if variable.ndim not in (1, 2):
        raise GraphTypeError(f"softmax takes a vector or a matrix, not {variable.type}", here())
    return variable.dimshuffle("x", 0) if variable.ndim == 1 else variable


def softmax(c: Any) -> Variable:
    """Return the softmax of each row; of a vector it is a matrix of one row, as in Theano."""
    return nn.softmax(_rows(c), -1)


def logsoftmax(c: Any) -> Variable:
    """Return the logarithm of `softmax`."""
    return nn.log_softmax(_rows(c), -1)


def softmax_with_bias(x: Any, b: Any) -> Variable:
    """Return the softmax of the rows of ``x + b``."""
    return softmax(as_variable(x) + b)


def crossentropy_softmax_1hot(x: Any, y_idx: Any, **options: Any) -> tuple[Variable, Variable]:
    """Return the negative log-likelihoods of labels by logits, and the softmax of these."""
    rows = _rows(x)
    return nn.softmax_cross_entropy(rows, y_idx), nn.softmax(rows, -1)


def crossentropy_softmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any, **options: Any
) -> tuple[Variable, Variable]:
    """Return what `crossentropy_softmax_1hot` returns, of ``x + b``."""
    return crossentropy_softmax_1hot(as_variable(x) + b, y_idx)


def crossentropy_softmax_argmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any, **options: Any
) -> tuple[Variable, Variable, Variable]:
    """Return what `crossentropy_softmax_1hot_with_bias` returns, and the most probable labels."""
    logits = _rows(as_variable(x) + b)
    return (*crossentropy_softmax_1hot(logits, y_idx), tensor.argmax(logits, -1))


def crossentropy_softmax_max_and_argmax_1hot(
    x: Any, y_idx: Any, **options: Any
) -> tuple[Variable, Variable, Variable, Variable]:
    """Return losses and softmax, and for each row the largest probability and where it is."""
    loss, chances = crossentropy_softmax_1hot(x, y_idx)
    return (loss, chances, *tensor.max_and_argmax(chances, -1))


def prepend_scalar_to_each_row(val: Any, mat: Any) -> Variable:
    """Return a matrix with ``val`` before each row."""
    rows = as_variable(mat)
    front = tensor.alloc(as_variable(val).astype(rows.dtype), rows.shape[0], 1)
    return tensor.concatenate([front, rows], 1)


def confusion_matrix(actual: Any, pred: Any) -> list[Variable]:
    """Return how often each label was predicted for each, and the labels, in order."""
    labels = tensor.unique(tensor.concatenate([as_variable(actual), as_variable(pred)]))
    rows, columns = (tensor.eq(labels.dimshuffle(0, "x"), v) for v in (actual, pred))
    return [tensor.dot(rows.astype("int64"), columns.astype("int64").T), labels]


def h_softmax(
    x: Any,
    batch_size: Any,
    n_outputs: Any,
    n_classes: Any,
    n_outputs_per_class: Any,
    W1: Any,  # noqa: N803 - Theano's name
    b1: Any,
    W2: Any,  # noqa: N803 - Theano's name
    b2: Any,
    target: Any = None,
) -> Variable:
    """Return the probabilities of targets, or of all outputs, by a softmax of two levels.

    x : examples, in rows.
    W1, b1 : of the classes: (features, classes), and a vector.
    W2, b2 : of the outputs in each class: (classes, features, outputs per class), and a matrix.
    target : an output for each example; None: the result has a column for each output.
    """
    rows = as_variable(x)
    classes = nn.softmax(tensor.dot(rows, W1) + b1, -1)
    if target is None:
        each = tensor.tensordot(rows, W2, [[1], [1]]) + b2
        both = classes.dimshuffle(0, 1, "x") * nn.softmax(each, -1)
        return both.reshape((rows.shape[0], -1))[:, :n_outputs]
    label = as_variable(target).flatten()
    group, place = label // n_outputs_per_class, label % n_outputs_per_class
    within = tensor.batched_dot(rows.dimshuffle(0, "x", 1), as_variable(W2)[group])[:, 0, :]
    chances = nn.softmax(within + as_variable(b2)[group], -1)
    row = tensor.arange(rows.shape[0])
    return classes[row, group] * chances[row, place]


# normalization ----------------------------------------------------------------------------------
def batch_normalization(
    inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem"
) -> Variable:
    """Return ``(inputs - mean) / std * gamma + beta``."""
    return (as_variable(inputs) - mean) * (as_variable(gamma) / std) + beta


def _axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that are averaged over."""
    if axes == "per-activation":
        return (0,)
    if axes == "spatial":
        return (0, *range(2, ndim))
    return tuple(axes) if is_several(axes) else (int(axes),)


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> tuple[Variable, ...]:
    """Return normalized inputs, their means and inverse deviations, and the running averages.

    axes : "per-activation" (the first), "spatial" (all but the second), or a tuple of them.
    running_mean, running_var : averages so far, of the shape of ``gamma``; None: they are not
        returned, either.
    """
    x = as_variable(inputs)
    over = _axes(axes, x.ndim)
    mean, var = tensor.mean(x, over, keepdims=True), tensor.var(x, over, keepdims=True)
    invstd = 1 / tensor.sqrt(var + epsilon)
    found = [(x - mean) * (gamma * invstd) + beta, mean, invstd]
    if running_mean is not None:
        f = running_average_factor
        found.append(as_variable(running_mean) * (1 - f) + mean * f)
    if running_var is not None:
        f = running_average_factor
        extents = extents_of(x)
        m = tensor.cast(tensor.prod(tensor.stack([extents[a] for a in over])), x.dtype)
        found.append(as_variable(running_var) * (1 - f) + m / (m - 1) * var * f)
    return tuple(found)


def batch_normalization_test(
    inputs: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
) -> Variable:
    """Return ``(inputs - mean) / sqrt(var + epsilon) * gamma + beta``."""
    return (as_variable(inputs) - mean) * (gamma / tensor.sqrt(var + epsilon)) + beta


# convolution ------------------------------------------------------------------------------------
def conv2d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    image_shape: Any = None,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
    **options: Any,
) -> Variable:
    """Return the convolution of images with filters, as `gradcore.tensor.nnet.conv2d` says.

    image_shape : an older name of ``input_shape``.

    Raises GraphValueError: ``unshared`` filters.
    """
    if unshared:
        raise GraphValueError("filters that are not shared by the places are not here", here())
    shape = input_shape if input_shape is not None else image_shape
    return nnet.conv2d(
        input,
        filters,
        shape,
        filter_shape,
        border_mode,
        subsample,
        filter_flip,
        filter_dilation,
        num_groups,
    )


def old_conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: Any = (1, 1),
    **options: Any,
) -> Variable:
    """Return ``theano.tensor.nnet.conv.conv2d``, whose third argument is the shape of images."""
    return nnet.conv2d(input, filters, image_shape, filter_shape, border_mode, subsample)


def signal_conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: Any = (1, 1),
    **options: Any,
) -> Variable:
    """Return the convolution of each matrix with each filter, matrices or stacks of them."""
    x, w = as_variable(input), as_variable(filters)
    if x.ndim not in (2, 3) or w.ndim not in (2, 3):
        raise GraphTypeError(f"conv2d takes matrices or stacks, not {x.type}, {w.type}", here())
    images = x.dimshuffle(*("x",) * (3 - x.ndim), *range(x.ndim)).dimshuffle(0, "x", 1, 2)
    kernels = w.dimshuffle(*("x",) * (3 - w.ndim), *range(w.ndim)).dimshuffle(0, "x", 1, 2)
    found = nnet.conv2d(images, kernels, None, None, border_mode, subsample)
    if x.ndim == 2:
        return found[0, 0] if w.ndim == 2 else found[0]
    return found[:, 0] if w.ndim == 2 else found


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    input_dilation: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """Return the transpose of `conv2d`: what takes its results to images of ``output_shape``.

    input_dilation : the ``subsample`` of that convolution.
    """
    shape = list(output_shape)
    x, w = as_variable(input), as_variable(filters)
    spans = [(n - 1) * d + 1 for n, d in zip(extents_of(w)[2:], filter_dilation, strict=True)]
    shortest = nn.conv_transpose(
        x, w, border_mode, input_dilation, filter_dilation, num_groups, 0, filter_flip
    )
    known = extents_of(x)[2:]
    more = [
        n - ((k - 1) * s + span - 2 * _pad(border_mode, axis, span))
        for axis, (n, k, s, span) in enumerate(
            zip(shape[2:], known, input_dilation, spans, strict=True)
        )
    ]
    if all(isinstance(n, int) for n in more) and any(more):
        return nn.conv_transpose(
            x, w, border_mode, input_dilation, filter_dilation, num_groups, more, filter_flip
        )
    return tensor.specify_shape(shortest, [None, None, *shape[2:]])


def _pad(border_mode: Any, axis: int, span: Any) -> Any:
    """Return how many zeros a convolution adds on one side."""
    if isinstance(border_mode, str):
        return {"valid": 0, "full": span - 1, "half": span // 2}[border_mode]
    return border_mode[axis] if is_several(border_mode) else border_mode


def images2neibs(
    ten4: Any, neib_shape: Any, neib_step: Any = None, mode: str = "valid"
) -> Variable:
    """Return patches of images as the rows of a matrix.

    ten4 : of shape (examples, channels, rows, columns).
    neib_shape, neib_step : the extents of a patch, and how far patches are from each other.
    mode : "valid", "ignore_borders" (what does not fill a patch is left out), or "half".

    Raises GraphValueError: another mode.
    """
    x = as_variable(ten4)
    sizes = _pair(neib_shape)
    steps = sizes if neib_step is None else _pair(neib_step)
    if mode == "half":
        x = padded(x, [(n // 2, n // 2) for n in sizes])
    elif mode not in ("valid", "ignore_borders"):
        raise GraphValueError(f"mode is valid, ignore_borders or half, not {mode!r}", here())
    found = windows(x, Slide(sizes, steps, (1, 1)))
    return found.dimshuffle(0, 1, 4, 5, 2, 3).reshape((-1, sizes[0] * sizes[1]))


def neibs2images(neibs: Any, neib_shape: Any, original_shape: Any, mode: str = "valid") -> Variable:
    """Return the images that patches, which do not overlap, were cut from."""
    rows, columns = _pair(neib_shape)
    shape = list(original_shape) if is_several(original_shape) else list(_entries(original_shape))
    down, along = shape[2] // rows, shape[3] // columns
    blocks = as_variable(neibs).reshape((shape[0], shape[1], down, along, rows, columns))
    return blocks.dimshuffle(0, 1, 2, 4, 3, 5).reshape(shape)


def _entries(shape: Any) -> Sequence[Any]:
    vector = as_variable(shape)
    return [vector[k] for k in range(4)]


def _pair(given: Any) -> tuple[int, int]:
    """Return two ints of two, or of constants."""
    first, second = (int(getattr(n, "data", n)) for n in given)
    return first, second


# pooling ----------------------------------------------------------------------------------------
def pool_2d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """Return windows of the last two axes as one number each.

    ws, stride, pad : the extents of windows, how far they are from each other, how many places are
        added on each side; ``ds``, ``st`` and ``padding`` are their older names.
    ignore_border : whether what does not fill a window is left out.
    mode : "max", "sum", "average_inc_pad" or "average_exc_pad".

    Raises GraphValueError: another mode, or no extents.
    """
    return _pooled(
        input, ws if ds is None else ds, ignore_border, stride if st is None else st,
        pad if padding is None else padding, mode, 2,
    )  # fmt: skip


def pool_3d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """Return windows of the last three axes as one number each; see `pool_2d`."""
    return _pooled(
        input, ws if ds is None else ds, ignore_border, stride if st is None else st,
        pad if padding is None else padding, mode, 3,
    )  # fmt: skip


def max_pool_2d(
    input: Any,
    ds: Any,
    ignore_border: bool | None = None,
    st: Any = None,
    padding: Any = (0, 0),
    mode: str = "max",
) -> Variable:
    """Return `pool_2d`, under the name and with the arguments of ``downsample``."""
    return _pooled(input, ds, ignore_border, st, padding, mode, 2)


def max_pool_2d_same_size(input: Any, patch_size: Any) -> Variable:
    """Return matrices in which of each patch only the largest element is left, the rest is 0."""
    x = as_variable(input)
    rows, columns = patch_size
    best = pool_2d(x, patch_size, ignore_border=False)
    spread = tensor.repeat(tensor.repeat(best, rows, -2), columns, -1)
    return tensor.switch(tensor.eq(x, spread[..., : x.shape[-2], : x.shape[-1]]), x, 0)


_POOLS: dict[str, Callable[..., Variable]] = {
    "max": nn.max_pool,
    "sum": nn.sum_pool,
    "average_inc_pad": nn.average_pool,
    "average_exc_pad": nn.average_pool,
}


def _pooled(
    input: Any,
    ws: Any,
    ignore_border: bool | None,
    stride: Any,
    pad: Any,
    mode: str,
    rank: int,
) -> Variable:
    x = as_variable(input)
    if ws is None:
        raise GraphValueError("pooling needs ws, the extents of a window", here())
    if mode not in _POOLS:
        raise GraphValueError(f"mode is one of {', '.join(_POOLS)}, not {mode!r}", here())
    if x.ndim < rank:
        raise GraphTypeError(f"pooling takes {rank} axes or more, not {x.type}", here())
    lead = x.ndim - rank
    shape = extents_of(x)
    whole = x.dimshuffle(*("x",) * (2 - lead), *range(x.ndim)) if lead < 2 else x
    if lead > 2:
        whole = x.reshape((-1, 1, *shape[lead:]))
    options: dict[str, Any] = {"ceil": not ignore_border}
    if mode == "average_exc_pad":
        options["include_padding"] = False
    found = _POOLS[mode](
        whole, _ints(ws), None if stride is None else _ints(stride), _ints(pad), **options
    )
    if lead == 2:
        return found
    if lead < 2:
        return found[(0,) * (2 - lead)]
    return found.reshape((*shape[:lead], *extents_of(found)[2:]))


def _ints(given: Any) -> tuple[int, ...]:
    return tuple(int(getattr(n, "data", n)) for n in given)


# functions of the logistic function -------------------------------------------------------------
def ctc(activations: Any, labels: Any, input_lengths: Any) -> Variable:
    """Return the CTC loss of each example; blank is class 0, and labels of -1 are not there."""
    given = as_variable(labels)
    there = tensor.sum(tensor.ge(given, 0), 1)
    return nn.ctc_loss(activations, tensor.maximum(given, 0), input_lengths, there)
