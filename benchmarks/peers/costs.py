"""The cases in NumPy's words, which JAX and autograd both speak.

A function here takes the array module, its logsumexp and the inputs, and returns what is to be
differentiated.  `WRT` says with respect to which inputs; `ONLY_GRADIENT`, where the value itself is
not asked for.
"""

from peers.chain import chain as chain_of

WRT = {
    "call_scalar": (0,), "chain": (0,), "logistic": (0,), "cross_entropy": (0,),
    "scan_scalar": (0, 1, 2), "rnn": (1, 2, 3), "lstm": (1, 2, 3), "gmm": (1, 2, 3),
    "gmm_full": (1, 2, 3), "layer_norm": (0, 1, 2), "mlp": (2, 3, 4, 5), "hvp": (2,),
    "transformer": (1, 2, 3, 4, 5, 6),
}  # fmt: skip
ONLY_GRADIENT = ("call_scalar", "logistic", "hvp")


def call_scalar(np, logsumexp, x):
    """Its derivative is the tutorial's first example."""
    return x**2


def call_ten(np, logsumexp, *a):
    """Little work for many arguments."""
    return sum(a[1:], a[0])


def logistic(np, logsumexp, x):
    """The tutorial's logistic function."""
    return np.sum(1 / (1 + np.exp(-x)))


def chain_f32(np, logsumexp, a, b, c):
    """Elementwise ops in a row."""
    return a * b + c * np.exp(-a)


chain_f64 = chain_f32


def chain(np, logsumexp, x, length):
    """A long graph."""
    return chain_of(np, x, length)


def cross_entropy(np, logsumexp, x, labels):
    """The mean of -log softmax(x)[label]."""
    return np.mean(logsumexp(x, axis=1) - x[np.arange(len(labels)), labels])


def gmm(np, logsumexp, x, a, mu, s):
    """The log-likelihood of points under K normal distributions with diagonal precisions."""
    z = (x[:, None, :] - mu[None, :, :]) * np.exp(s)[None, :, :]
    inner = a + np.sum(s, axis=1) - 0.5 * np.sum(z**2, axis=2)
    return np.sum(logsumexp(inner, axis=1)) - x.shape[0] * logsumexp(a)


def gmm_full(np, logsumexp, x, a, mu, q):
    """The same with full precisions; the diagonal of the root holds logarithms."""
    eye = np.eye(q.shape[1])
    s = np.sum(q * eye, axis=2)
    root = np.tril(q, -1) + np.exp(s)[:, :, None] * eye
    z = np.matmul(x[None, :, :] - mu[:, None, :], np.swapaxes(root, 1, 2))
    inner = (a + np.sum(s, axis=1))[:, None] - 0.5 * np.sum(z**2, axis=2)
    return np.sum(logsumexp(inner, axis=0)) - x.shape[0] * logsumexp(a)


def layer_norm(np, logsumexp, x, gain, bias, t):
    """Of every row, with gain and bias, pulled back."""
    centred = x - np.mean(x, axis=1, keepdims=True)
    variance = np.mean(centred**2, axis=1, keepdims=True)
    return np.sum((centred / np.sqrt(variance + 1e-5) * gain + bias) * t)


def mlp(np, logsumexp, x, labels, W1, b1, W2, b2):
    """Cross-entropy of two layers."""
    return cross_entropy(np, logsumexp, np.dot(np.tanh(np.dot(x, W1) + b1), W2) + b2, labels)


def hvp(np, logsumexp, X, y, w):
    """The cost of a logistic regression."""
    scores = np.dot(X, w)
    return np.mean(np.logaddexp(0.0, scores) - y * scores)


def gemm_f32(np, logsumexp, a, b):
    """One product."""
    return np.dot(a, b)


gemm_f64 = gemm_f32


def transformer(np, logsumexp, x, Wq, Wk, Wv, Wo, W1, W2):
    """The mean of squares of what a block returns: attention of one head, and two layers."""
    q, k, v = np.matmul(x, Wq), np.matmul(x, Wk), np.matmul(x, Wv)
    scores = np.matmul(q, np.swapaxes(k, 1, 2)) / q.shape[2] ** 0.5
    weights = np.exp(scores - logsumexp(scores, axis=2)[:, :, None])
    h = x + np.matmul(np.matmul(weights, v), Wo)
    return np.mean((h + np.matmul(np.tanh(np.matmul(h, W1)), W2)) ** 2)


def jacobian_dense(np, logsumexp, x, W):
    """What it is of."""
    return np.tanh(np.dot(W, x))


def jacobian_diagonal(np, logsumexp, x):
    """What it is of."""
    return np.exp(-(x**2))
