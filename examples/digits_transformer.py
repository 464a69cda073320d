"""A small transformer that reads handwritten digits, each row of an image a token.

Run it: ``python examples/digits_transformer.py``.  The digits come with scikit-learn.

A. Vaswani et al., "Attention is all you need" (2017), with the normalization in front of each part,
as R. Xiong et al., "On layer normalization in the transformer architecture" (2020).
"""

import argparse

import numpy as np
from progress import epochs
from sklearn.datasets import load_digits

import gradcore
import gradcore.tensor as T
from gradcore.tensor import nn


def build(width, heads, blocks, rate, seed):
    """Return two functions: a step of training that returns the loss, and the accuracy."""
    draw = np.random.default_rng(seed)
    parameters = []

    def parameter(*shape, value=None):
        """Return weights, drawn if no value is given."""
        drawn = draw.normal(0, shape[0] ** -0.5, shape) if value is None else np.full(shape, value)
        parameters.append(gradcore.shared(drawn.astype("float32"), shape=shape))
        return parameters[-1]

    def normalized(x):
        return nn.layer_norm(x, parameter(width, value=1), parameter(width, value=0))

    def attended(x):
        """Return what each token takes from all tokens, several heads side by side."""
        split = [*x.shape[:2], heads, width // heads]
        q, k, v = (
            (x @ parameter(width, width)).reshape(split).dimshuffle(0, 2, 1, 3) for _ in range(3)
        )
        seen = nn.attention(q, k, v).dimshuffle(0, 2, 1, 3)
        return seen.reshape(x.shape) @ parameter(width, width)

    def layers(x):
        hidden = nn.gelu(x @ parameter(width, 2 * width) + parameter(2 * width, value=0))
        return hidden @ parameter(2 * width, width)

    images, labels = T.ftensor3("images"), T.lvector("labels")
    tokens = images @ parameter(8, width) + parameter(8, width)
    for _ in range(blocks):
        tokens = tokens + attended(normalized(tokens))
        tokens = tokens + layers(normalized(tokens))
    logits = normalized(tokens).mean(axis=1) @ parameter(width, 10)

    loss = nn.softmax_cross_entropy(logits, labels).mean()
    updates = nn.adamw(loss, parameters, rate)
    train = gradcore.function([images, labels], loss, updates=updates, name="train")
    right = T.mean(T.eq(T.argmax(logits, axis=1), labels))
    return train, gradcore.function([images, labels], right, name="accuracy")


def main(rounds=20, batch=50, width=32, heads=4, blocks=1, rate=0.003, seed=0):
    """Train, and return the mean loss of every round and the accuracy on images held back."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8).astype("float32")
    order = np.random.default_rng(seed).permutation(len(labels))
    test, training = order[:300], order[300:]
    train, accuracy = build(width, heads, blocks, rate, seed)
    losses = []
    with epochs("transformer", rounds) as show:
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
