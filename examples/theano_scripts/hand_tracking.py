"""Tracking a hand: bones in a scan, whose matrices are set one by one, and Rop in a scan.

A bone is turned against its parent by three angles; skin moves with several bones.  The Jacobian of
the errors is made column by column by Rop, and Gauss and Newton's steps find the angles again.
"""

import argparse

import numpy

import theano
import theano.tensor as T
from theano.ifelse import ifelse

FINGERS, JOINTS = 3, 3
PARENTS = [-1] + [
    0 if joint == 0 else finger * JOINTS + joint
    for finger in range(FINGERS)
    for joint in range(JOINTS)
]
BONES = len(PARENTS)


def turned(angles):
    """Return the rotation by three angles about x, y and z, as a matrix of four rows."""
    c, s = T.cos(angles), T.sin(angles)
    eye = T.eye(4)
    about_x = T.set_subtensor(
        eye[1:3, 1:3], T.stack([T.stack([c[0], -s[0]]), T.stack([s[0], c[0]])])
    )
    about_y = T.set_subtensor(eye[0, 0], c[1])
    about_y = T.set_subtensor(about_y[0, 2], s[1])
    about_y = T.set_subtensor(about_y[2, 0], -s[1])
    about_y = T.set_subtensor(about_y[2, 2], c[1])
    about_z = T.set_subtensor(eye[:2, :2], T.stack([T.stack([c[2], -s[2]]), T.stack([s[2], c[2]])]))
    return T.dot(about_z, T.dot(about_y, about_x))


def poses(angles, rest, parents):
    """Return the matrix of each bone: that of its parent, its place there, and its rotation."""

    def bone(k, parent, own, offset, known):
        local = T.dot(offset, turned(own))
        matrix = ifelse(T.lt(parent, 0), local, T.dot(known[T.maximum(parent, 0)], local))
        return T.set_subtensor(known[k], matrix)

    known, _ = theano.scan(
        bone,
        sequences=[T.arange(BONES), parents, angles, rest],
        outputs_info=T.zeros((BONES, 4, 4)),
    )
    return known[-1]


def skin(angles, rest, parents, inverse, points, weights):
    """Return points, each moved with the bones by weights."""
    matrices = poses(angles, rest, parents)

    def moved(matrix, back, weight):
        return T.dot(points, T.dot(matrix, back).T)[:, :3] * weight.dimshuffle(0, "x")

    parts, _ = theano.scan(moved, sequences=[matrices, inverse, weights.T])
    return parts.sum(axis=0)


def jacobian_by_columns(errors, unknowns):
    """Return the Jacobian, a column a step, by products with unit vectors."""
    columns, _ = theano.scan(
        lambda unit: T.Rop(errors, unknowns, unit), sequences=T.eye(unknowns.shape[0])
    )
    return columns.T


def main(epochs, count=40):
    """Find the angles of a hand again from where its skin is."""
    theano.config.floatX = "float64"
    rng = numpy.random.RandomState(0)
    rest = numpy.tile(numpy.eye(4), (BONES, 1, 1))
    rest[1:, 1, 3] = 1.0
    rest[1::JOINTS, 0, 3] = numpy.arange(FINGERS) - 1.0
    at_rest = theano.function([], poses(T.zeros((BONES, 3)), T.as_tensor_variable(rest), PARENTS))()
    inverse = numpy.linalg.inv(at_rest)
    nearest = rng.randint(BONES, size=count)
    points = numpy.ones((count, 4))
    points[:, :3] = at_rest[nearest, :3, 3] + 0.3 * rng.normal(size=(count, 3))
    weights = (
        0.8 * numpy.eye(BONES)[nearest] + 0.2 * numpy.eye(BONES)[numpy.maximum(nearest - 1, 0)]
    )

    unknowns, targets = T.dvector("unknowns"), T.dmatrix("targets")
    fixed = [T.as_tensor_variable(a) for a in (rest, PARENTS, inverse, points, weights)]
    seen = skin(unknowns.reshape((BONES, 3)), *fixed)
    errors = (seen - targets).flatten()
    slope = jacobian_by_columns(errors, unknowns)
    damped = T.dot(slope.T, slope) + 1e-4 * T.eye(3 * BONES)
    step = T.dot(T.nlinalg.matrix_inverse(damped), T.dot(slope.T, errors))
    cost = 0.5 * T.sum(T.sqr(errors))
    solve = theano.function([unknowns, targets], [cost, unknowns - step])
    truth = 0.3 * rng.normal(size=3 * BONES)
    where = theano.function([unknowns], seen)
    goal = where(truth)
    now = numpy.zeros(3 * BONES)

    # Columns and the gradient, which goes backwards, agree with differences.
    columns, gradient = theano.function([unknowns, targets], [slope, T.grad(cost, unknowns)])(
        truth * 0.5, goal
    )
    along, small = rng.normal(size=now.shape), 1e-6
    change = (where(truth * 0.5 + small * along) - where(truth * 0.5 - small * along)) / (2 * small)
    numpy.testing.assert_allclose(change.ravel(), columns.dot(along), rtol=1e-5, atol=1e-7)
    start = (where(truth * 0.5) - goal).ravel()
    numpy.testing.assert_allclose(gradient, start.dot(columns), rtol=1e-8, atol=1e-10)

    for epoch in range(epochs):
        value, now = solve(now, goal)
        print("epoch %d, cost %.12f" % (epoch, value))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    main(parser.parse_args().epochs)
