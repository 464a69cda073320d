"""The cases in Theano's words, which gradcore and PyTensor both speak.

A function here takes the library and its tensor language, and returns inputs and outputs of a
function that is still to be compiled.  The derivatives are the library's own.
"""

from peers.chain import chain as chain_of


def call_scalar(lib, T):
    """The tutorial's first example."""
    x = T.dscalar("x")
    return [x], [T.grad(x**2, x)]


def call_ten(lib, T):
    """Little work for many arguments."""
    a = [T.dvector(f"a{i}") for i in range(10)]
    return a, [sum(a[1:], a[0])]


def logistic(lib, T):
    """The tutorial's logistic function."""
    x = T.dmatrix("x")
    return [x], [T.grad(T.sum(1 / (1 + T.exp(-x))), x)]


def _chain(T, vector):
    a, b, c = vector("a"), vector("b"), vector("c")
    return [a, b, c], [a * b + c * T.exp(-a)]


def chain_f32(lib, T):
    """Elementwise ops in a row."""
    return _chain(T, T.fvector)


def chain_f64(lib, T):
    """Elementwise ops in a row."""
    return _chain(T, T.dvector)


def chain(lib, T, length):
    """A long graph, with its gradient."""
    x = T.dvector("x")
    cost = chain_of(T, x, length)
    return [x], [cost, T.grad(cost, x)]


def cross_entropy(lib, T):
    """The mean of -log softmax(x)[label]."""
    x, labels = T.fmatrix("x"), T.lvector("labels")
    rows = T.arange(labels.shape[0])
    cost = -T.mean(lib.log_softmax(x, axis=1)[rows, labels])
    return [x, labels], [cost, T.grad(cost, x)]


def scan_scalar(lib, T):
    """The sum of all states."""
    x, a, b = T.dscalar("x"), T.dscalar("a"), T.dscalar("b")
    states = lib.scan(
        lambda x, a, b: T.tanh(a * x + b), outputs_info=[x], non_sequences=[a, b], n_steps=10_000
    )
    cost = T.sum(states)
    return [x, a, b], [cost, *T.grad(cost, [x, a, b])]


def rnn(lib, T):
    """The sum of squares of all states."""
    x, U, W, b = T.dtensor3("x"), T.dmatrix("U"), T.dmatrix("W"), T.dvector("b")

    def step(row, h, U, W, b):
        return T.tanh(T.dot(row, U) + T.dot(h, W) + b)

    start = T.zeros((x.shape[1], W.shape[0]))
    h = lib.scan(step, sequences=[x], outputs_info=[start], non_sequences=[U, W, b])
    cost = T.sum(h**2)
    return [x, U, W, b], [cost, *T.grad(cost, [U, W, b])]


def lstm(lib, T):
    """The sum of squares of all outputs; the gates are input, forget, output, candidate."""
    x, U, W, b = T.ftensor3("x"), T.fmatrix("U"), T.fmatrix("W"), T.fvector("b")
    n = W.shape[0]

    def step(row, h, c, U, W, b):
        gates = T.dot(row, U) + T.dot(h, W) + b
        i, f, o = (T.sigmoid(gates[:, k * n : (k + 1) * n]) for k in range(3))
        c_next = f * c + i * T.tanh(gates[:, 3 * n :])
        return o * T.tanh(c_next), c_next

    start = T.zeros((x.shape[1], n), dtype="float32")
    h, _ = lib.scan(step, sequences=[x], outputs_info=[start, start], non_sequences=[U, W, b])
    cost = T.sum(h**2)
    return [x, U, W, b], [cost, *T.grad(cost, [U, W, b])]


def gmm(lib, T):
    """The log-likelihood of points under K normal distributions with diagonal precisions."""
    x, a, mu, s = T.dmatrix("x"), T.dvector("a"), T.dmatrix("mu"), T.dmatrix("s")
    z = (x[:, None, :] - mu[None, :, :]) * T.exp(s)[None, :, :]
    inner = a + T.sum(s, axis=1) - 0.5 * T.sum(z**2, axis=2)
    cost = T.sum(T.logsumexp(inner, axis=1)) - x.shape[0] * T.logsumexp(a)
    return [x, a, mu, s], [cost, *T.grad(cost, [a, mu, s])]


def gmm_full(lib, T):
    """The same with full precisions; the diagonal of the root holds logarithms."""
    x, a, mu, q = T.dmatrix("x"), T.dvector("a"), T.dmatrix("mu"), T.dtensor3("q")
    eye = T.eye(q.shape[1])
    s = T.sum(q * eye, axis=2)
    root = lib.tril(q, -1) + T.exp(s)[:, :, None] * eye
    z = lib.batched_dot(x[None, :, :] - mu[:, None, :], root.dimshuffle(0, 2, 1))
    inner = (a + T.sum(s, axis=1))[:, None] - 0.5 * T.sum(z**2, axis=2)
    cost = T.sum(T.logsumexp(inner, axis=0)) - x.shape[0] * T.logsumexp(a)
    return [x, a, mu, q], [cost, *T.grad(cost, [a, mu, q])]


def logsumexp(lib, T):
    """Of every row."""
    x = T.dmatrix("x")
    return [x], [T.logsumexp(x, axis=1)]


def layer_norm(lib, T):
    """Of every row, with gain and bias, pulled back."""
    x, gain, bias, t = T.fmatrix("x"), T.fvector("gain"), T.fvector("bias"), T.fmatrix("t")
    centred = x - T.mean(x, axis=1, keepdims=True)
    variance = T.mean(centred**2, axis=1, keepdims=True)
    y = centred / T.sqrt(variance + 1e-5) * gain + bias
    cost = T.sum(y * t)
    return [x, gain, bias, t], [cost, *T.grad(cost, [x, gain, bias])]


def mlp(lib, T):
    """Cross-entropy of two layers."""
    x, labels = T.fmatrix("x"), T.lvector("labels")
    W1, b1, W2, b2 = T.fmatrix("W1"), T.fvector("b1"), T.fmatrix("W2"), T.fvector("b2")
    scores = T.dot(T.tanh(T.dot(x, W1) + b1), W2) + b2
    cost = -T.mean(lib.log_softmax(scores, axis=1)[T.arange(labels.shape[0]), labels])
    weights = [W1, b1, W2, b2]
    return [x, labels, *weights], [cost, *T.grad(cost, weights)]


def hvp(lib, T):
    """Forward over reverse."""
    X, y, w, v = T.dmatrix("X"), T.dvector("y"), T.dvector("w"), T.dvector("v")
    scores = T.dot(X, w)
    cost = T.mean(T.softplus(scores) - y * scores)
    return [X, y, w, v], [lib.Rop(T.grad(cost, w), w, v)]


def gemm_f32(lib, T):
    """One product."""
    a, b = T.fmatrix("a"), T.fmatrix("b")
    return [a, b], [T.dot(a, b)]


def gemm_f64(lib, T):
    """One product."""
    a, b = T.dmatrix("a"), T.dmatrix("b")
    return [a, b], [T.dot(a, b)]


def transformer(lib, T):
    """The mean of squares of what a block returns: attention of one head, and two layers."""
    x = T.ftensor3("x")
    weights = [T.fmatrix(name) for name in ("Wq", "Wk", "Wv", "Wo", "W1", "W2")]
    Wq, Wk, Wv, Wo, W1, W2 = weights
    q, k, v = T.dot(x, Wq), T.dot(x, Wk), T.dot(x, Wv)
    scores = lib.batched_dot(q, k.dimshuffle(0, 2, 1)) / T.sqrt(T.cast(Wq.shape[1], "float32"))
    shares = T.exp(scores - T.logsumexp(scores, axis=2, keepdims=True))
    h = x + T.dot(lib.batched_dot(shares, v), Wo)
    cost = T.mean((h + T.dot(T.tanh(T.dot(h, W1)), W2)) ** 2)
    return [x, *weights], [cost, *T.grad(cost, weights)]


def jacobian_dense(lib, T):
    """Of a layer."""
    x, W = T.fvector("x"), T.fmatrix("W")
    return [x, W], [lib.jacobian(T.tanh(T.dot(W, x)), x)]


def jacobian_diagonal(lib, T):
    """Of something elementwise."""
    x = T.fvector("x")
    return [x], [lib.jacobian(T.exp(-(x**2)), x)]
