"""A Gaussian mixture with full covariances: a scan over components, triangles by set_subtensor."""

import argparse

import numpy
from sklearn.datasets import load_iris

import theano
import theano.tensor as T


def log_sum_exp(x, axis):
    """Return the logarithm of the sum of exponentials."""
    largest = T.max(x, axis=axis, keepdims=True)
    total = T.log(T.sum(T.exp(x - largest), axis=axis, keepdims=True)) + largest
    return T.sum(total, axis=axis)


def inverse_factor(logs, below, dim):
    """Return the factor of a precision: exp(logs) on the diagonal, ``below`` under it."""
    rows, cols = numpy.tril_indices(dim, -1)
    factor = T.zeros((dim, dim))
    factor = T.set_subtensor(factor[rows, cols], below)
    return T.set_subtensor(factor[numpy.arange(dim), numpy.arange(dim)], T.exp(logs))


def negative_log_likelihood(data, alphas, means, logs, below):
    """Return that of each point, on average, with a weak prior of the factors."""
    dim = data.get_value().shape[1]

    def component(alpha, mean, log, under):
        factor = inverse_factor(log, under, dim)
        whitened = T.dot(data - mean, factor.T)
        return alpha + T.sum(log) - 0.5 * T.sum(T.sqr(whitened), axis=1)

    terms, _ = theano.scan(component, sequences=[alphas, means, logs, below])
    likelihood = T.mean(log_sum_exp(terms, 0)) - T.sum(log_sum_exp(alphas, 0))
    prior = 1e-3 * (T.sum(T.exp(2 * logs)) + T.sum(T.sqr(below)))
    return prior - likelihood


def check(cost, variables):
    """Compare derivatives along a direction with differences of the cost."""
    gradients = theano.function([], T.grad(cost, variables))()
    value = theano.function([], cost)
    step, rng = 1e-6, numpy.random.RandomState(0)
    for variable, gradient in zip(variables, gradients):
        point = variable.get_value()
        along = rng.normal(size=point.shape)
        variable.set_value(point + step * along)
        above = value()
        variable.set_value(point - step * along)
        below = value()
        variable.set_value(point)
        numpy.testing.assert_allclose(
            (above - below) / (2 * step), numpy.sum(gradient * along), rtol=1e-5, atol=1e-8
        )


def main(epochs, components=3, rate=0.05, momentum=0.8, steps=20):
    """Fit measures of irises by gradients with momentum."""
    theano.config.floatX = "float64"
    points = load_iris().data
    points = (points - points.mean(axis=0)) / points.std(axis=0)
    dim = points.shape[1]
    rng = numpy.random.RandomState(1)
    data = theano.shared(points, "data")
    alphas = theano.shared(numpy.zeros(components), "alphas")
    means = theano.shared(points[rng.permutation(len(points))[:components]], "means")
    logs = theano.shared(numpy.zeros((components, dim)), "logs")
    below = theano.shared(0.1 * rng.normal(size=(components, dim * (dim - 1) // 2)), "below")
    variables = [alphas, means, logs, below]
    cost = negative_log_likelihood(data, *variables)
    check(cost, variables)
    updates = []
    for variable, gradient in zip(variables, T.grad(cost, variables)):
        velocity = theano.shared(numpy.zeros_like(variable.get_value()))
        new = momentum * velocity - rate * gradient
        updates += [(velocity, new), (variable, variable + new)]
    train = theano.function([], cost, updates=updates)
    for epoch in range(epochs):
        for _ in range(steps):
            value = train()
        print("epoch %d, cost %f" % (epoch, value))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
