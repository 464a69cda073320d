"""A convolutional network of LeNet's kind on handwritten digits of 8 x 8 pixels."""

import argparse

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T
from theano.tensor.nnet import conv2d
from theano.tensor.signal import pool

floatX = theano.config.floatX


class LeNetConvPoolLayer(object):
    """A convolution, the largest of each window, and tanh."""

    def __init__(self, rng, input, filter_shape, image_shape, poolsize=(2, 2)):
        assert image_shape[1] == filter_shape[1]
        fan_in = numpy.prod(filter_shape[1:])
        fan_out = filter_shape[0] * numpy.prod(filter_shape[2:]) // numpy.prod(poolsize)
        bound = numpy.sqrt(6.0 / (fan_in + fan_out))
        self.W = theano.shared(
            numpy.asarray(rng.uniform(low=-bound, high=bound, size=filter_shape), dtype=floatX),
            borrow=True,
        )
        self.b = theano.shared(numpy.zeros((filter_shape[0],), dtype=floatX), borrow=True)
        conv_out = conv2d(
            input=input, filters=self.W, filter_shape=filter_shape, input_shape=image_shape
        )
        pooled_out = pool.pool_2d(input=conv_out, ds=poolsize, ignore_border=True)
        self.output = T.tanh(pooled_out + self.b.dimshuffle("x", 0, "x", "x"))
        self.params = [self.W, self.b]


def dense(rng, n_in, n_out):
    """Return weights and biases of a layer that is fully connected."""
    bound = numpy.sqrt(6.0 / (n_in + n_out))
    W = numpy.asarray(rng.uniform(low=-bound, high=bound, size=(n_in, n_out)), dtype=floatX)
    return theano.shared(W, borrow=True), theano.shared(numpy.zeros(n_out, dtype=floatX))


def main():
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--kernels", type=int, nargs=2, default=[8, 16])
    args = parser.parse_args()
    nkerns, batch = args.kernels, args.batch

    digits = load_digits()
    rng = numpy.random.RandomState(23455)
    order = rng.permutation(len(digits.target))
    data = theano.shared(numpy.asarray(digits.data[order] / 16.0, dtype=floatX), borrow=True)
    labels = T.cast(theano.shared(numpy.asarray(digits.target[order], dtype=floatX)), "int32")

    index = T.lscalar()
    x, y = T.matrix("x"), T.ivector("y")
    layer0_input = x.reshape((batch, 1, 8, 8))
    layer0 = LeNetConvPoolLayer(
        rng, layer0_input, filter_shape=(nkerns[0], 1, 3, 3), image_shape=(batch, 1, 8, 8)
    )  # 8 - 3 + 1 = 6 places, 3 after pooling
    layer1 = LeNetConvPoolLayer(
        rng,
        layer0.output,
        filter_shape=(nkerns[1], nkerns[0], 2, 2),
        image_shape=(batch, nkerns[0], 3, 3),
    )  # 2 places, 1 after pooling
    W2, b2 = dense(rng, nkerns[1], 32)
    W3, b3 = dense(rng, 32, 10)
    hidden = T.nnet.relu(T.dot(layer1.output.flatten(2), W2) + b2)
    p_y = T.nnet.softmax(T.dot(hidden, W3) + b3)
    cost = -T.mean(T.log(p_y)[T.arange(y.shape[0]), y])
    errors = T.mean(T.neq(T.argmax(p_y, axis=1), y))

    params = [W3, b3, W2, b2] + layer1.params + layer0.params
    grads = T.grad(cost, params)
    updates = [(param, param - 0.3 * grad) for param, grad in zip(params, grads)]
    rows = slice(index * batch, (index + 1) * batch)
    givens = {x: data[rows], y: labels[rows]}
    train_model = theano.function([index], cost, updates=updates, givens=givens)
    test_model = theano.function([index], errors, givens=givens)

    n_train, n_all = 1400 // batch, 1797 // batch
    for epoch in range(args.epochs):
        costs = [train_model(i) for i in range(n_train)]
        wrong = [test_model(i) for i in range(n_train, n_all)]
        line = (epoch, numpy.mean(costs), 100 * numpy.mean(wrong))
        print("epoch %d, cost %f, test error %f %%" % line)


if __name__ == "__main__":
    main()
