"""An op of one's own, written in Python: hinge losses of all wrong classes, and their gradient."""

import argparse

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T
from theano import gof


class MulticlassHinge(gof.Op):
    """For each row of scores, the sum of what wrong classes have above the right one less 1."""

    __props__ = ("margin",)

    def __init__(self, margin=1.0):
        self.margin = margin

    def make_node(self, scores, labels):
        """Return a node, whose output is a vector."""
        scores = T.as_tensor_variable(scores)
        labels = T.as_tensor_variable(labels)
        if scores.ndim != 2 or labels.ndim != 1:
            raise TypeError("scores are a matrix, labels a vector")
        return gof.Apply(self, [scores, labels], [T.vector(dtype=scores.dtype)])

    def perform(self, node, inputs, output_storage):
        """Compute the losses."""
        scores, labels = inputs
        rows = numpy.arange(len(labels))
        above = scores - scores[rows, labels][:, None] + self.margin
        above[rows, labels] = 0
        output_storage[0][0] = numpy.maximum(above, 0).sum(axis=1).astype(scores.dtype)

    def grad(self, inputs, output_grads):
        """Return the gradient in the scores, by another op; labels have none."""
        scores, labels = inputs
        return [
            MulticlassHingeGrad(self.margin)(scores, labels, output_grads[0]),
            theano.gradient.grad_undefined(self, 1, labels),
        ]

    def infer_shape(self, node, input_shapes):
        """Return the shape of the losses."""
        return [(input_shapes[0][0],)]


class MulticlassHingeGrad(gof.Op):
    """The gradient of `MulticlassHinge`."""

    __props__ = ("margin",)

    def __init__(self, margin):
        self.margin = margin

    def make_node(self, scores, labels, gz):
        """Return a node, whose output is like the scores."""
        return gof.Apply(self, [scores, labels, gz], [scores.type()])

    def perform(self, node, inputs, output_storage):
        """Compute the gradient."""
        scores, labels, gz = inputs
        rows = numpy.arange(len(labels))
        above = (scores - scores[rows, labels][:, None] + self.margin) > 0
        above[rows, labels] = False
        found = above * gz[:, None]
        found[rows, labels] = -found.sum(axis=1)
        output_storage[0][0] = found.astype(scores.dtype)

    def infer_shape(self, node, input_shapes):
        """Return the shape of the scores."""
        return [input_shapes[0]]


def main():
    """Check the gradient, then train a linear classifier of digits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    args = parser.parse_args()

    rng = numpy.random.RandomState(42)
    some = numpy.array([1, 0, 2, 2], dtype="int32")
    theano.gradient.verify_grad(
        lambda scores: MulticlassHinge()(scores, some), [rng.rand(4, 3)], rng=rng
    )
    print("the gradient is that of the differences")

    digits = load_digits()
    data = numpy.asarray(digits.data / 16.0, dtype=theano.config.floatX)
    labels = numpy.asarray(digits.target, dtype="int32")
    x, y = T.matrix("x"), T.ivector("y")
    W = theano.shared(numpy.zeros((64, 10), dtype=theano.config.floatX), name="W")
    b = theano.shared(numpy.zeros(10, dtype=theano.config.floatX), name="b")
    scores = T.dot(x, W) + b
    cost = MulticlassHinge()(scores, y).mean() + 0.001 * (W**2).sum()
    updates = [(p, p - 0.05 * g) for p, g in zip([W, b], T.grad(cost, [W, b]))]
    train = theano.function([x, y], cost, updates=updates)
    errors = theano.function([x, y], T.mean(T.neq(T.argmax(scores, axis=1), y)))
    for epoch in range(args.epochs):
        costs = [train(data[k : k + 50], labels[k : k + 50]) for k in range(0, 1400, 50)]
        wrong = 100 * float(errors(data[1400:], labels[1400:]))
        print("epoch %d, cost %f, test error %f %%" % (epoch, numpy.mean(costs), wrong))


if __name__ == "__main__":
    main()
