"""A logistic regression on handwritten digits, by gradient descent.

Run it: ``python examples/digits_logistic.py``.  The digits come with scikit-learn.
"""

import argparse

import numpy as np
from progress import epochs
from sklearn.datasets import load_digits

import gradcore
import gradcore.tensor as T


def build(features, classes, rate):
    """Return two functions: a step of training that returns the loss, and the accuracy."""
    images, labels = T.dmatrix("images"), T.lvector("labels")
    W = gradcore.shared(np.zeros((features, classes)), "W")
    b = gradcore.shared(np.zeros(classes), "b")
    scores = T.dot(images, W) + b
    rows = T.arange(labels.shape[0])
    loss = T.mean(T.logsumexp(scores, axis=1) - scores[rows, labels])
    updates = {p: p - rate * g for p, g in zip([W, b], T.grad(loss, [W, b]), strict=True)}
    train = gradcore.function([images, labels], loss, updates=updates, name="train")
    right = T.mean(T.eq(T.argmax(scores, axis=1), labels))
    return train, gradcore.function([images, labels], right, name="accuracy")


def main(rounds=30, batch=50, rate=0.5, seed=0):
    """Train, and return the mean loss of every round and the accuracy on images held back."""
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    order = np.random.default_rng(seed).permutation(len(images))
    test, training = order[:300], order[300:]
    train, accuracy = build(images.shape[1], 10, rate)
    losses = []
    with epochs("logistic regression", rounds) as show:
        for _ in range(rounds):
            parts = [training[i : i + batch] for i in range(0, len(training), batch)]
            losses.append(float(np.mean([train(images[p], labels[p]) for p in parts])))
            show(losses[-1])
    return losses, float(accuracy(images[test], labels[test]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="times through the data")
    losses, right = main(parser.parse_args().rounds)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {right:.1%} on 300 new digits")
