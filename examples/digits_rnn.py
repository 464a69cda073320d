"""A recurrent network that reads handwritten digits row by row: a scan, and its gradient.

Run it: ``python examples/digits_rnn.py``.  The digits come with scikit-learn.
"""

import argparse

import numpy as np
from progress import epochs
from sklearn.datasets import load_digits

import gradcore
import gradcore.tensor as T


def build(width, hidden, classes, rate, momentum, seed):
    """Return two functions: a step of training that returns the loss, and the accuracy.

    The images come as (row, image, column): a sequence of rows, one row of every image a step.
    """
    draw = np.random.default_rng(seed)

    def weights(rows, columns, name):
        return gradcore.shared(draw.normal(0, rows**-0.5, (rows, columns)), name)

    images, labels = T.dtensor3("images"), T.lvector("labels")
    W_in, W, W_out = (
        weights(width, hidden, "W_in"), weights(hidden, hidden, "W"),
        weights(hidden, classes, "W_out"),
    )  # fmt: skip
    b, b_out = gradcore.shared(np.zeros(hidden), "b"), gradcore.shared(np.zeros(classes), "b_out")

    def step(row, h):
        return T.tanh(T.dot(row, W_in) + T.dot(h, W) + b)

    start = T.zeros((images.shape[1], hidden))
    states, _ = gradcore.scan(step, sequences=images, outputs_info=start)
    scores = T.dot(states[-1], W_out) + b_out
    rows = T.arange(labels.shape[0])
    loss = T.mean(T.logsumexp(scores, axis=1) - scores[rows, labels])

    parameters = [W_in, W, W_out, b, b_out]
    updates = {}
    for p, g in zip(parameters, T.grad(loss, parameters), strict=True):
        speed = gradcore.shared(np.zeros_like(p.get_value()))
        updates[speed] = momentum * speed - rate * T.clip(g, -1, 1)
        updates[p] = p + updates[speed]
    train = gradcore.function([images, labels], loss, updates=updates, name="train")
    right = T.mean(T.eq(T.argmax(scores, axis=1), labels))
    return train, gradcore.function([images, labels], right, name="accuracy")


def main(rounds=20, batch=50, hidden=48, rate=0.05, momentum=0.9, seed=0):
    """Train, and return the mean loss of every round and the accuracy on images held back."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8).transpose(1, 0, 2)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, training = order[:300], order[300:]
    train, accuracy = build(8, hidden, 10, rate, momentum, seed)
    losses = []
    with epochs("recurrent network", rounds) as show:
        for _ in range(rounds):
            parts = [training[i : i + batch] for i in range(0, len(training), batch)]
            losses.append(float(np.mean([train(images[:, p], labels[p]) for p in parts])))
            show(losses[-1])
    return losses, float(accuracy(images[:, test], labels[test]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="times through the data")
    losses, right = main(parser.parse_args().rounds)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {right:.1%} on 300 new digits")
