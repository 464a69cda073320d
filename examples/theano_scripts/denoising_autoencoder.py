"""A denoising autoencoder on handwritten digits: pixels are dropped, and put back."""

import argparse

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T
from theano.tensor.shared_randomstreams import RandomStreams


class dA(object):
    """An encoder and a decoder that share their weights."""

    def __init__(self, numpy_rng, theano_rng=None, input=None, n_visible=64, n_hidden=32):
        self.n_visible = n_visible
        self.n_hidden = n_hidden
        if not theano_rng:
            theano_rng = RandomStreams(numpy_rng.randint(2**30))
        bound = 4 * numpy.sqrt(6.0 / (n_hidden + n_visible))
        initial_W = numpy.asarray(
            numpy_rng.uniform(low=-bound, high=bound, size=(n_visible, n_hidden)),
            dtype=theano.config.floatX,
        )
        self.W = theano.shared(value=initial_W, name="W", borrow=True)
        self.b = theano.shared(numpy.zeros(n_hidden, theano.config.floatX), name="b", borrow=True)
        self.b_prime = theano.shared(
            value=numpy.zeros(n_visible, dtype=theano.config.floatX), borrow=True
        )
        self.W_prime = self.W.T
        self.theano_rng = theano_rng
        self.x = T.dmatrix(name="input") if input is None else input
        self.params = [self.W, self.b, self.b_prime]

    def get_corrupted_input(self, input, corruption_level):
        """Return the input with some of its elements at 0."""
        mask = self.theano_rng.binomial(
            size=input.shape, n=1, p=1 - corruption_level, dtype=theano.config.floatX
        )
        return mask * input

    def get_hidden_values(self, input):
        """Return the code."""
        return T.nnet.sigmoid(T.dot(input, self.W) + self.b)

    def get_reconstructed_input(self, hidden):
        """Return what the code says of the input."""
        return T.nnet.sigmoid(T.dot(hidden, self.W_prime) + self.b_prime)

    def get_cost_updates(self, corruption_level, learning_rate):
        """Return the cost of a minibatch and one step of gradient descent."""
        tilde_x = self.get_corrupted_input(self.x, corruption_level)
        z = self.get_reconstructed_input(self.get_hidden_values(tilde_x))
        L = -T.sum(self.x * T.log(z) + (1 - self.x) * T.log(1 - z), axis=1)
        cost = T.mean(L)
        gparams = T.grad(cost, self.params)
        updates = [
            (param, param - learning_rate * gparam) for param, gparam in zip(self.params, gparams)
        ]
        return cost, updates


def main():
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--corruption", type=float, default=0.3)
    args = parser.parse_args()

    data = numpy.asarray(load_digits().data / 16.0, dtype=theano.config.floatX)
    train_set_x = theano.shared(data, borrow=True)
    n_batches = data.shape[0] // args.batch

    index = T.lscalar()
    x = T.matrix("x")
    rng = numpy.random.RandomState(123)
    theano_rng = RandomStreams(rng.randint(2**30))
    da = dA(numpy_rng=rng, theano_rng=theano_rng, input=x)
    cost, updates = da.get_cost_updates(corruption_level=args.corruption, learning_rate=0.1)
    train_da = theano.function(
        [index],
        cost,
        updates=updates,
        givens={x: train_set_x[index * args.batch : (index + 1) * args.batch]},
    )
    for epoch in range(args.epochs):
        costs = [train_da(i) for i in range(n_batches)]
        print("epoch %d, cost %f" % (epoch, numpy.mean(costs, dtype="float64")))


if __name__ == "__main__":
    main()
