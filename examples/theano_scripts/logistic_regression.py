"""Logistic regression on handwritten digits, by stochastic gradient descent on minibatches.

The data is in shared variables, and a function takes the index of a minibatch: ``givens`` put its
rows in the place of the inputs.
"""

import argparse
import timeit

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T


def shared_dataset(data_x, data_y, borrow=True):
    """Return a data set in shared variables, the labels cast to int32."""
    shared_x = theano.shared(numpy.asarray(data_x, dtype=theano.config.floatX), borrow=borrow)
    shared_y = theano.shared(numpy.asarray(data_y, dtype=theano.config.floatX), borrow=borrow)
    return shared_x, T.cast(shared_y, "int32")


def load_data():
    """Return pairs for training, validation and test."""
    digits = load_digits()
    order = numpy.random.RandomState(1).permutation(len(digits.target))
    x, y = digits.data[order] / 16.0, digits.target[order]
    return [shared_dataset(x[a:b], y[a:b]) for a, b in ((0, 1000), (1000, 1400), (1400, 1797))]


class LogisticRegression(object):
    """A matrix of weights and a vector of biases."""

    def __init__(self, input, n_in, n_out):
        self.W = theano.shared(
            value=numpy.zeros((n_in, n_out), dtype=theano.config.floatX), name="W", borrow=True
        )
        self.b = theano.shared(
            value=numpy.zeros((n_out,), dtype=theano.config.floatX), name="b", borrow=True
        )
        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)
        self.params = [self.W, self.b]
        self.input = input

    def negative_log_likelihood(self, y):
        """Return the mean over a minibatch."""
        return -T.mean(T.log(self.p_y_given_x)[T.arange(y.shape[0]), y])

    def errors(self, y):
        """Return what part of a minibatch is predicted wrong."""
        if y.ndim != self.y_pred.ndim:
            raise TypeError("y should have the same shape as y_pred", (y.type, self.y_pred.type))
        if not y.dtype.startswith("int"):
            raise NotImplementedError
        return T.mean(T.neq(self.y_pred, y))


def main():
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--rate", type=float, default=0.3)
    args = parser.parse_args()

    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = load_data()
    n_batches = train_x.get_value(borrow=True).shape[0] // args.batch

    index = T.lscalar()
    x = T.matrix("x")
    y = T.ivector("y")
    classifier = LogisticRegression(input=x, n_in=8 * 8, n_out=10)
    cost = classifier.negative_log_likelihood(y)

    test_model = theano.function([], classifier.errors(y), givens={x: test_x, y: test_y})
    validate_model = theano.function([], classifier.errors(y), givens={x: valid_x, y: valid_y})

    g_W = T.grad(cost=cost, wrt=classifier.W)
    g_b = T.grad(cost=cost, wrt=classifier.b)
    updates = [
        (classifier.W, classifier.W - args.rate * g_W),
        (classifier.b, classifier.b - args.rate * g_b),
    ]
    train_model = theano.function(
        inputs=[index],
        outputs=cost,
        updates=updates,
        givens={
            x: train_x[index * args.batch : (index + 1) * args.batch],
            y: train_y[index * args.batch : (index + 1) * args.batch],
        },
    )

    best = numpy.inf
    start = timeit.default_timer()
    for epoch in range(args.epochs):
        costs = [train_model(i) for i in range(n_batches)]
        valid = float(validate_model())
        best = min(best, valid)
        print("epoch %d, cost %f, validation error %f %%" % (epoch, numpy.mean(costs), valid * 100))
    print("test error %f %%" % (test_model() * 100))
    print("best validation error %f %%, %.1fs" % (best * 100, timeit.default_timer() - start))


if __name__ == "__main__":
    main()
