"""Balance a pendulum on a cart by model predictive control, and export the controller as C.

Run it: ``python examples/controller.py [FOLDER]``.  In each step the controller takes the state
that is measured and improves its plan of pushes by one Gauss-Newton step on the squared errors over
a horizon of a second (a "real-time iteration"), within the limits of the motor; the first push is
made, and the plan moves on by one.  The model is a `scan`, its Jacobian is derived through it.
With a folder the controller is written there: C11 without Python, whose plan is the caller's array.

M. Diehl, H. G. Bock and J. P. Schloeder, "A Real-Time Iteration Scheme for Nonlinear Optimization
in Optimal Feedback Control" (SIAM J. Control Optim. 43, 2005).
"""

import sys

import numpy as np

import gradcore
import gradcore.tensor as T

HORIZON, STEP, LIMIT = 20, 0.05, 10.0
"""Pushes that are planned, seconds of each, and newtons of the strongest."""
CART, POLE, LENGTH, GRAVITY = 1.0, 0.1, 0.5, 9.81
"""Masses (kg), the length of the pendulum (m), and gravity (m / s^2)."""
WEIGHTS = np.array([1.0, 3.0, 0.3, 0.3])
"""Of errors of place, angle, speed and angular speed; a newton weighs ``EFFORT``."""
EFFORT = 0.03


def slope(state, push, sin=T.sin, cos=T.cos):
    """Return the derivative by time of place, angle (0: upright), speed and angular speed."""
    _, angle, speed, turning = state
    s, c = sin(angle), cos(angle)
    force = push + POLE * LENGTH * turning**2 * s
    total = CART + POLE
    bend = (GRAVITY * s - c * force / total) / (LENGTH * (4 / 3 - POLE * c**2 / total))
    return speed, turning, (force - POLE * LENGTH * bend * c) / total, bend


def moved(state, push, derivative=slope):
    """Return the state after a step of the classical Runge-Kutta method."""
    k1 = derivative(state, push)
    k2 = derivative([a + STEP / 2 * k for a, k in zip(state, k1, strict=True)], push)
    k3 = derivative([a + STEP / 2 * k for a, k in zip(state, k2, strict=True)], push)
    k4 = derivative([a + STEP * k for a, k in zip(state, k3, strict=True)], push)
    return [
        a + STEP / 6 * (p + 2 * q + 2 * r + s)
        for a, p, q, r, s in zip(state, k1, k2, k3, k4, strict=True)
    ]


def controller(mode=None):
    """Return the controller: of the state, to a push; its plan is a shared variable."""
    state = T.TensorType("float64", (4,))("state")
    plan = gradcore.shared(np.zeros(HORIZON), "plan", shape=(HORIZON,))

    def step(push, *before):
        return moved(before, push)

    start = [state[k] for k in range(4)]
    path, _ = gradcore.scan(step, sequences=plan, outputs_info=start)
    errors = [weight * states for weight, states in zip(WEIGHTS, path, strict=True)]
    errors = T.concatenate([*errors, EFFORT * plan])
    jacobian = T.jacobian(errors, plan)
    better = plan - T.linalg.solve(T.dot(jacobian.T, jacobian), T.dot(jacobian.T, errors))
    better = T.clip(better, -LIMIT, LIMIT)
    later = T.concatenate([better[1:], better[-1:]])
    return gradcore.function(
        [state], {"push": better[0]}, updates={plan: later}, mode=mode, name="controller"
    )


def simulated(control, steps=100, start=(0.0, 0.5, 0.0, 0.0)):
    """Return the states that a controller leads through, of shape (steps + 1, 4)."""

    def plain(state, push):
        return slope(state, push, np.sin, np.cos)

    states = [np.array(start)]
    for _ in range(steps):
        push = float(control(states[-1])["push"])
        states.append(np.array(moved(states[-1], push, plain)))
    return np.array(states)


def main():
    """Balance, print where cart and pendulum are, and export if a folder is given."""
    control = controller()
    print(" time    place    angle")
    for k, state in enumerate(simulated(control)):
        if k % 10 == 0:
            print(f"{k * STEP:5.1f} {state[0]:8.4f} {state[1]:8.4f}")
    for folder in sys.argv[1:]:
        fresh = controller()
        print(*gradcore.export(fresh, folder), sep="\n")


if __name__ == "__main__":
    main()
