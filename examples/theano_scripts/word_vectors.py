"""Word vectors by skip-grams with negative samples, on sentences of a made-up language.

The gradient is taken in the rows that a minibatch reads, and ``inc_subtensor`` adds it to these
rows alone: the matrices of all words are never touched as a whole.
"""

import argparse

import numpy

import theano
import theano.tensor as T

floatX = theano.config.floatX
TOPICS = (
    "sea ship sail wave wind shore gull anchor",
    "bread oven flour salt dough crust baker yeast",
    "string bow drum flute song choir horn note",
    "field plough seed rain corn barn ox hay",
)


def sentences(rng, count):
    """Return sentences, each of words of one topic."""
    return [rng.choice(TOPICS[rng.randint(len(TOPICS))].split(), 6) for _ in range(count)]


def skip_grams(corpus, index, window):
    """Return pairs of words that stand near each other."""
    pairs = []
    for sentence in corpus:
        codes = [index[word] for word in sentence]
        for k, word in enumerate(codes):
            around = codes[max(0, k - window) : k] + codes[k + 1 : k + 1 + window]
            pairs += [(word, other) for other in around]
    return numpy.array(pairs, dtype="int32")


def build(n_words, dim, rng, rate):
    """Return the vectors, and a function that takes a step on pairs of words."""
    bound = 0.5 / dim
    vectors = theano.shared(
        rng.uniform(-bound, bound, (n_words, dim)).astype(floatX), name="vectors"
    )
    contexts = theano.shared(numpy.zeros((n_words, dim), dtype=floatX), name="contexts")
    word, context = T.ivectors("word", "context")
    negative = T.imatrix("negative")

    w, c, n = vectors[word], contexts[context], contexts[negative]
    positive_score = T.nnet.softplus(-(w * c).sum(axis=1))
    negative_score = T.nnet.softplus((w[:, None, :] * n).sum(axis=2)).sum(axis=1)
    cost = (positive_score + negative_score).mean()
    g_w, g_c, g_n = T.grad(cost * word.shape[0].astype(floatX), [w, c, n])
    step = theano.function(
        [word, context, negative],
        cost,
        updates=[
            (vectors, T.inc_subtensor(w, -rate * g_w)),
            (
                contexts,
                T.inc_subtensor(T.inc_subtensor(c, -rate * g_c)[negative], -rate * g_n),
            ),
        ],
    )
    return vectors, step


def main():
    """Train, report, and list which words are near."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()

    rng = numpy.random.RandomState(7)
    words = sorted(" ".join(TOPICS).split())
    index = dict((word, k) for k, word in enumerate(words))
    pairs = skip_grams(sentences(rng, 300), index, window=2)
    vectors, step = build(len(words), args.dim, rng, rate=numpy.asarray(0.05, dtype=floatX))

    for epoch in range(args.epochs):
        rng.shuffle(pairs)
        costs = []
        for start in range(0, len(pairs) - args.batch + 1, args.batch):
            part = pairs[start : start + args.batch]
            negative = rng.randint(len(words), size=(args.batch, 4)).astype("int32")
            costs.append(step(part[:, 0], part[:, 1], negative))
        print("epoch %d, cost %f" % (epoch, numpy.mean(costs)))

    table = vectors.get_value()
    table /= numpy.sqrt((table**2).sum(axis=1, keepdims=True))
    for word in ("sea", "bread", "song", "corn"):
        near = numpy.argsort(-table.dot(table[index[word]]))[1:5]
        print("%s: %s" % (word, ", ".join(words[k] for k in near)))


if __name__ == "__main__":
    main()
