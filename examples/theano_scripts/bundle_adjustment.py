"""Bundle adjustment: a scan over observations, with an ifelse and a jacobian in each step.

Cameras have 11 numbers (rotation, centre, focal length, principal point, distortion) and points
three.  Normal equations are summed in the scan, block by block, by inc_subtensor.
"""

import argparse

import numpy

import theano
import theano.tensor as T
from theano.ifelse import ifelse

CAMERA, POINT = 11, 3


def cross(a, b):
    """Return the vector product of two vectors of three numbers."""
    return T.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def rotated(rotation, x):
    """Return a vector turned by an axis times an angle; by small angles, in first order."""
    square = T.sum(T.sqr(rotation))
    angle = T.sqrt(T.switch(T.gt(square, 1e-16), square, 1.0))
    axis = rotation / angle
    c, s = T.cos(angle), T.sin(angle)
    turned = x * c + cross(axis, x) * s + axis * T.sum(axis * x) * (1 - c)
    return ifelse(T.gt(square, 1e-16), turned, x + cross(rotation, x))


def projected(camera, x):
    """Return where a camera sees a point."""
    seen = rotated(camera[:3], x - camera[3:6])
    flat = seen[:2] / seen[2]
    square = T.sum(T.sqr(flat))
    lens = 1 + camera[9] * square + camera[10] * T.sqr(square)
    return flat * lens * camera[6] + camera[7:9]


def residual(parameters, which, seen):
    """Return the error of one observation; ``parameters`` are those of a camera and a point."""
    return projected(parameters[:CAMERA], parameters[CAMERA:]) - seen


def equations(unknowns, places, seen):
    """Return the matrix and right side of Gauss and Newton's equations, and the cost."""
    n = unknowns.shape[0]

    def step(which, observed, matrix, right, cost, unknowns):
        own = unknowns[which]
        error = residual(own, which, observed)
        slope = theano.gradient.jacobian(error, own)
        matrix = T.inc_subtensor(matrix[which.dimshuffle(0, "x"), which], T.dot(slope.T, slope))
        right = T.inc_subtensor(right[which], T.dot(error, slope))
        return matrix, right, cost + 0.5 * T.sum(T.sqr(error))

    start = [T.zeros((n, n)), T.zeros((n,)), T.zeros(())]
    (matrices, rights, costs), _ = theano.scan(
        step, sequences=[places, seen], outputs_info=start, non_sequences=unknowns
    )
    return matrices[-1], rights[-1], costs[-1]


def scene(cameras, points, rng):
    """Return unknowns, which numbers each observation is of, and noise to start from."""
    views = numpy.zeros((cameras, CAMERA))
    views[:, :3] = 0.2 * rng.normal(size=(cameras, 3))
    views[0, :3] = 0  # a small angle
    views[:, 3:6] = 0.3 * rng.normal(size=(cameras, 3)) - [0, 0, 4]
    views[:, 6] = 2.0
    views[:, 9:] = 0.01
    things = rng.uniform(-1, 1, size=(points, POINT))
    places = [
        numpy.r_[CAMERA * c : CAMERA * (c + 1), CAMERA * cameras + POINT * p + numpy.arange(3)]
        for c in range(cameras)
        for p in range(points)
    ]
    unknowns = numpy.concatenate([views.ravel(), things.ravel()])
    return unknowns, numpy.array(places)


def main(epochs, cameras=3, points=10, damping=1e-3):
    """Find cameras and points again from what the cameras see."""
    theano.config.floatX = "float64"
    rng = numpy.random.RandomState(0)
    truth, which = scene(cameras, points, rng)
    places, seen, unknowns = T.lmatrix("places"), T.dmatrix("seen"), T.dvector("unknowns")
    observed, _ = theano.scan(
        lambda own, unknowns: projected(unknowns[own][:CAMERA], unknowns[own][CAMERA:]),
        sequences=places,
        non_sequences=unknowns,
    )
    images = theano.function([unknowns, places], observed)(truth, which)
    matrix, right, cost = equations(unknowns, places, seen)
    step = T.dot(T.nlinalg.matrix_inverse(matrix + damping * T.eye(matrix.shape[0])), right)
    solve = theano.function([unknowns, places, seen], [cost, unknowns - step, right])
    now = truth + 0.02 * rng.normal(size=truth.shape)
    now[:3] = 0

    # The right side is the gradient of the cost: differences must agree.
    _, _, gradient = solve(now, which, images)
    along, small = rng.normal(size=now.shape), 1e-6
    along[:3] = 0
    above, below = (solve(now + sign * small * along, which, images)[0] for sign in (1, -1))
    numpy.testing.assert_allclose((above - below) / (2 * small), gradient.dot(along), rtol=1e-5)
    turns = numpy.eye(len(now))[:3]  # of the camera that is not turned
    above, below = ([solve(now + s * 1e-5 * e, which, images)[0] for e in turns] for s in (1, -1))
    numpy.testing.assert_allclose(
        (numpy.array(above) - below) / 2e-5, gradient[:3], rtol=1e-4, atol=1e-8
    )

    for epoch in range(epochs):
        value, now, _ = solve(now, which, images)
        print("epoch %d, cost %.12f" % (epoch, value))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    main(parser.parse_args().epochs)
