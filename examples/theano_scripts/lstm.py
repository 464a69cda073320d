"""An LSTM that learns to write a rhyme, letter by letter: a scan through time, and Adadelta."""

import argparse
from collections import OrderedDict

import numpy

import theano
import theano.tensor as T

floatX = theano.config.floatX

TEXT = (
    "one small step and then one more, two long waves upon the shore, "
    "three old boats and four new sails, five grey gulls and six white whales, "
)


def ortho_weight(rng, ndim):
    """Return an orthogonal matrix."""
    u, _, _ = numpy.linalg.svd(rng.randn(ndim, ndim))
    return u.astype(floatX)


def init_params(rng, n_words, dim):
    """Return the parameters, by name."""
    params = OrderedDict()
    params["Wemb"] = (0.1 * rng.randn(n_words, dim)).astype(floatX)
    params["lstm_W"] = numpy.concatenate([ortho_weight(rng, dim) for _ in range(4)], axis=1)
    params["lstm_U"] = numpy.concatenate([ortho_weight(rng, dim) for _ in range(4)], axis=1)
    params["lstm_b"] = numpy.zeros((4 * dim,)).astype(floatX)
    params["U"] = (0.1 * rng.randn(dim, n_words)).astype(floatX)
    params["b"] = numpy.zeros((n_words,)).astype(floatX)
    return OrderedDict((k, theano.shared(v, name=k)) for k, v in params.items())


def lstm_layer(tparams, state_below, dim, mask):
    """Return the hidden states, of shape (steps, samples, dim)."""
    nsteps = state_below.shape[0]
    n_samples = state_below.shape[1]

    def _slice(_x, n):
        return _x[:, n * dim : (n + 1) * dim]

    def _step(m_, x_, h_, c_):
        preact = T.dot(h_, tparams["lstm_U"]) + x_
        i = T.nnet.sigmoid(_slice(preact, 0))
        f = T.nnet.sigmoid(_slice(preact, 1))
        o = T.nnet.sigmoid(_slice(preact, 2))
        c = T.tanh(_slice(preact, 3))
        c = f * c_ + i * c
        c = m_[:, None] * c + (1.0 - m_)[:, None] * c_
        h = o * T.tanh(c)
        h = m_[:, None] * h + (1.0 - m_)[:, None] * h_
        return h, c

    state_below = T.dot(state_below, tparams["lstm_W"]) + tparams["lstm_b"]
    rval, _ = theano.scan(
        _step,
        sequences=[mask, state_below],
        outputs_info=[
            T.alloc(numpy.asarray(0.0, dtype=floatX), n_samples, dim),
            T.alloc(numpy.asarray(0.0, dtype=floatX), n_samples, dim),
        ],
        name="lstm__layers",
        n_steps=nsteps,
    )
    return rval[0]


def adadelta(tparams, grads, x, mask, y, cost, rho=0.95, epsilon=1e-6):
    """Return a function that computes the cost and its gradients, and one that updates."""

    def zeros(kind):
        return [theano.shared(p.get_value() * 0.0, name="%s_%s" % (p.name, kind)) for p in tparams]

    zipped_grads, running_up2, running_grads2 = zeros("grad"), zeros("rup2"), zeros("rgrad2")
    zgup = [(zg, g) for zg, g in zip(zipped_grads, grads)]
    rg2up = [(rg2, rho * rg2 + (1 - rho) * (g**2)) for rg2, g in zip(running_grads2, grads)]
    f_grad_shared = theano.function([x, mask, y], cost, updates=zgup + rg2up)
    updir = [
        -T.sqrt(ru2 + epsilon) / T.sqrt(rg2 + epsilon) * zg
        for zg, ru2, rg2 in zip(zipped_grads, running_up2, running_grads2)
    ]
    ru2up = [(ru2, rho * ru2 + (1 - rho) * (ud**2)) for ru2, ud in zip(running_up2, updir)]
    param_up = [(p, p + ud) for p, ud in zip(tparams, updir)]
    f_update = theano.function([], [], updates=ru2up + param_up, on_unused_input="ignore")
    return f_grad_shared, f_update


def minibatch(rng, codes, steps, size):
    """Return parts of the text of several lengths, their masks, and the letters that follow."""
    x = numpy.zeros((steps, size), dtype="int64")
    y = numpy.zeros((steps, size), dtype="int64")
    mask = numpy.zeros((steps, size), dtype=floatX)
    for k in range(size):
        length = rng.randint(steps // 2, steps + 1)
        start = rng.randint(len(codes))
        part = codes[(start + numpy.arange(length + 1)) % len(codes)]
        x[:length, k], y[:length, k], mask[:length, k] = part[:-1], part[1:], 1.0
    return x, mask, y


def main():
    """Train, report, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--dim", type=int, default=48)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()

    rng = numpy.random.RandomState(123)
    letters = sorted(set(TEXT))
    codes = numpy.array([letters.index(letter) for letter in TEXT])
    tparams = init_params(rng, len(letters), args.dim)

    x, y = T.matrix("x", dtype="int64"), T.matrix("y", dtype="int64")
    mask = T.matrix("mask", dtype=floatX)
    emb = tparams["Wemb"][x.flatten()].reshape([x.shape[0], x.shape[1], args.dim])
    hidden = lstm_layer(tparams, emb, args.dim, mask)
    logit = T.dot(hidden, tparams["U"]) + tparams["b"]
    pred = T.nnet.softmax(logit.reshape([x.shape[0] * x.shape[1], len(letters)]))
    off = 1e-8
    picked = pred[T.arange(y.flatten().shape[0]), y.flatten()]
    cost = -(T.log(picked + off) * mask.flatten()).sum() / mask.sum()
    grads = T.grad(cost, wrt=list(tparams.values()))
    f_grad_shared, f_update = adadelta(list(tparams.values()), grads, x, mask, y, cost)
    f_pred = theano.function([x, mask], pred[-1], name="f_pred")

    for epoch in range(args.epochs):
        costs = []
        for _ in range(20):
            costs.append(f_grad_shared(*minibatch(rng, codes, args.steps, 16)))
            f_update()
        print("epoch %d, cost %f" % (epoch, numpy.mean(costs)))

    written = "one small "
    for _ in range(40):
        part = numpy.array([[letters.index(letter)] for letter in written[-args.steps :]])
        written += letters[int(f_pred(part, numpy.ones(part.shape, dtype=floatX)).argmax())]
    print(written)


if __name__ == "__main__":
    main()
