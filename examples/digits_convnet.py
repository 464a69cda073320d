"""A convolutional network in the manner of LeNet, which reads handwritten digits.

Run it: ``python examples/digits_convnet.py``.  The digits come with scikit-learn.

Y. LeCun et al., "Gradient-based learning applied to document recognition" (1998).
"""

import argparse

import numpy as np
from progress import epochs
from sklearn.datasets import load_digits

import gradcore
import gradcore.tensor as T
from gradcore.tensor import nn


def build(rate, seed):
    """Return two functions: a step of training that returns the loss, and the accuracy."""
    draw = np.random.default_rng(seed)
    parameters = []

    def parameter(*shape):
        """Return weights (of filters or of a matrix), or the zeros of a bias."""
        inputs = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        value = draw.normal(0, (2 / inputs) ** 0.5, shape) if len(shape) > 1 else np.zeros(shape)
        parameters.append(gradcore.shared(value.astype("float32"), shape=shape))
        return parameters[-1]

    def convolution(x, channels, results):
        """Return filters, a bias, and the largest of 2 x 2 places, rectified."""
        maps = nn.conv2d(x, parameter(results, channels, 3, 3), padding="same")
        return nn.max_pool(nn.relu(maps + parameter(results)[:, None, None]), 2)

    images, labels = T.ftensor4("images"), T.lvector("labels")
    maps = convolution(convolution(images, 1, 8), 8, 16)
    features = maps.reshape((images.shape[0], 16 * 2 * 2))
    hidden = nn.relu(T.dot(features, parameter(64, 32)) + parameter(32))
    logits = T.dot(hidden, parameter(32, 10)) + parameter(10)

    loss = nn.softmax_cross_entropy(logits, labels).mean()
    updates = nn.adam(loss, parameters, rate)
    train = gradcore.function([images, labels], loss, updates=updates, name="train")
    right = T.mean(T.eq(T.argmax(logits, axis=1), labels))
    return train, gradcore.function([images, labels], right, name="accuracy")


def main(rounds=20, batch=50, rate=0.003, seed=0):
    """Train, and return the mean loss of every round and the accuracy on images held back."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 1, 8, 8).astype("float32")
    order = np.random.default_rng(seed).permutation(len(labels))
    test, training = order[:300], order[300:]
    train, accuracy = build(rate, seed)
    losses = []
    with epochs("convolutional network", rounds) as show:
        for _ in range(rounds):
            parts = [training[i : i + batch] for i in range(0, len(training), batch)]
            losses.append(float(np.mean([train(images[p], labels[p]) for p in parts])))
            show(losses[-1])
    return losses, float(accuracy(images[test], labels[test]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="times through the data")
    losses, right = main(parser.parse_args().rounds)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {right:.1%} on 300 new digits")
