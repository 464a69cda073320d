"""A variational autoencoder, which learns to draw handwritten digits.

Run it: ``python examples/digits_vae.py``.  The digits come with scikit-learn.  Noise comes from a
stream of random numbers, another in each call; derivatives go through it to what it is scaled by.

D. Kingma and M. Welling, "Auto-encoding variational Bayes" (2014).
"""

import argparse

import numpy as np
from progress import epochs
from sklearn.datasets import load_digits

import gradcore
import gradcore.tensor as T
from gradcore.tensor import nn

SHADES = " .:-=+*#%@"


def build(codes, hidden, rate, seed):
    """Return two functions: a step of training, and what draws as many new images as are asked for.

    A step returns the two parts of the cost of an image: the bits of it that are missing, and those
    that its code takes, both in nats.
    """
    draw = np.random.default_rng(seed)
    noise = T.random.RandomStream(seed)
    parameters = []

    def layer(inputs, outputs):
        """Return a linear map with parameters of its own."""
        values = draw.normal(0, inputs**-0.5, (inputs, outputs)), np.zeros(outputs)
        W, b = (gradcore.shared(v.astype("float32"), shape=v.shape) for v in values)
        parameters.extend([W, b])
        return lambda x: x @ W + b

    encode = [layer(64, hidden), layer(hidden, 2 * codes)]
    decode = [layer(codes, hidden), layer(hidden, 64)]

    def decoded(code):
        return decode[1](nn.relu(decode[0](code)))

    images, count = T.fmatrix("images"), T.lscalar("count")
    found = encode[1](nn.relu(encode[0](images)))
    mean, log_scale = found[:, :codes], found[:, codes:]
    code = noise.normal(loc=mean, scale=T.exp(log_scale))
    missing = nn.sigmoid_cross_entropy(decoded(code), images).sum(1).mean()
    taken = (mean**2 + T.exp(2 * log_scale) - 1 - 2 * log_scale).sum(1).mean() / 2

    updates = nn.adam(missing + taken, parameters, rate)
    train = gradcore.function([images], [missing, taken], updates=updates, name="train")
    new = nn.sigmoid(decoded(noise.normal(size=(count, codes), dtype="float32")))
    return train, gradcore.function([count], new, name="draw")


def pictured(images):
    """Return images of 8 x 8 numbers from 0 to 1 side by side, as text."""
    shades = (images.reshape(-1, 8, 8) * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("  ".join("".join(SHADES[s] for s in row) for row in rows)
                     for rows in shades.transpose(1, 0, 2))  # fmt: skip


def main(rounds=40, batch=50, codes=8, hidden=128, rate=0.002, seed=0):
    """Train, print a table and new digits; return the cost after every round, and the digits."""
    images = (load_digits().data / 16.0).astype("float32")
    order = np.random.default_rng(seed)
    train, new = build(codes, hidden, rate, seed)
    costs = []
    with epochs("variational autoencoder", rounds) as show:
        for _ in range(rounds):
            parts = np.array_split(order.permutation(len(images)), len(images) // batch)
            costs.append(np.mean([train(images[part]) for part in parts], axis=0))
            show(float(costs[-1].sum()))
    print("round   missing   code    sum, nats an image")
    for k in sorted({0, *range(4, rounds, 5), rounds - 1}):
        missing, taken = costs[k]
        print(f"{k + 1:5}   {missing:7.2f}   {taken:5.2f}   {missing + taken:5.2f}")
    drawn = new(6)
    print(pictured(drawn))
    return [float(cost.sum()) for cost in costs], drawn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="times through the data")
    main(parser.parse_args().rounds)
