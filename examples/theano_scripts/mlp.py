"""A multilayer perceptron on handwritten digits: one hidden layer, weight decay, momentum."""

import argparse

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T

floatX = theano.config.floatX


class HiddenLayer(object):
    """A layer of units that are fully connected, with a nonlinear activation."""

    def __init__(self, rng, input, n_in, n_out, W=None, b=None, activation=T.tanh):
        self.input = input
        if W is None:
            bound = numpy.sqrt(6.0 / (n_in + n_out))
            values = numpy.asarray(rng.uniform(low=-bound, high=bound, size=(n_in, n_out)), floatX)
            if activation == T.nnet.sigmoid:
                values *= 4
            W = theano.shared(value=values, name="W", borrow=True)
        if b is None:
            b = theano.shared(value=numpy.zeros((n_out,), dtype=floatX), name="b", borrow=True)
        self.W, self.b = W, b
        lin_output = T.dot(input, self.W) + self.b
        self.output = lin_output if activation is None else activation(lin_output)
        self.params = [self.W, self.b]


class MLP(object):
    """A hidden layer and a softmax on top of it."""

    def __init__(self, rng, input, n_in, n_hidden, n_out):
        self.hidden = HiddenLayer(rng, input, n_in, n_hidden, activation=T.tanh)
        self.top = HiddenLayer(rng, self.hidden.output, n_hidden, n_out, activation=None)
        self.p_y = T.nnet.softmax(self.top.output)
        self.L1 = abs(self.hidden.W).sum() + abs(self.top.W).sum()
        self.L2_sqr = (self.hidden.W**2).sum() + (self.top.W**2).sum()
        self.params = self.hidden.params + self.top.params

    def negative_log_likelihood(self, y):
        """Return the mean over a minibatch."""
        return T.nnet.categorical_crossentropy(self.p_y, y).mean()

    def errors(self, y):
        """Return what part of a minibatch is predicted wrong."""
        return T.mean(T.neq(T.argmax(self.p_y, axis=1), y))


def with_momentum(cost, params, rate, momentum):
    """Return updates of parameters and of their velocities."""
    updates = []
    for param in params:
        velocity = theano.shared(
            param.get_value() * numpy.asarray(0.0, dtype=floatX),
            broadcastable=param.broadcastable,
        )
        new = momentum * velocity - rate * T.grad(cost, param)
        updates.append((velocity, new))
        updates.append((param, param + new))
    return updates


def main():
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=50)
    args = parser.parse_args()

    digits = load_digits()
    rng = numpy.random.RandomState(1234)
    order = rng.permutation(len(digits.target))
    data_x = (digits.data[order] / 16.0).astype(floatX)
    data_y = digits.target[order].astype("int32")
    train_x, train_y = data_x[:1400], data_y[:1400]
    test_x, test_y = data_x[1400:], data_y[1400:]

    x, y = T.matrix("x"), T.ivector("y")
    rate = T.scalar("rate")
    model = MLP(rng, x, 64, args.hidden, 10)
    cost = model.negative_log_likelihood(y) + 0.00 * model.L1 + 0.0001 * model.L2_sqr
    train = theano.function(
        [x, y, theano.In(rate, value=0.05)],
        cost,
        updates=with_momentum(cost, model.params, rate, 0.9),
        allow_input_downcast=True,
    )
    test = theano.function([x, y], model.errors(y))

    for epoch in range(args.epochs):
        costs = []
        for start in range(0, len(train_x), args.batch):
            part = slice(start, start + args.batch)
            costs.append(train(train_x[part], train_y[part]))
        error = 100 * float(test(test_x, test_y))
        print("epoch %d, cost %f, test error %f %%" % (epoch, numpy.mean(costs), error))


if __name__ == "__main__":
    main()
