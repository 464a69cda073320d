"""A restricted Boltzmann machine on handwritten digits, by persistent contrastive divergence.

The Gibbs chain is a ``scan``, whose random draws are updates; the gradient is that of a difference
of free energies, at the end of the chain, which counts as constant.
"""

import argparse

import numpy
from sklearn.datasets import load_digits

import theano
import theano.tensor as T
from theano.tensor.shared_randomstreams import RandomStreams

floatX = theano.config.floatX


class RBM(object):
    """Visible and hidden units of two states."""

    def __init__(self, input, n_visible, n_hidden, numpy_rng, theano_rng):
        bound = 4 * numpy.sqrt(6.0 / (n_hidden + n_visible))
        W = numpy.asarray(
            numpy_rng.uniform(low=-bound, high=bound, size=(n_visible, n_hidden)), dtype=floatX
        )
        self.n_visible = n_visible
        self.W = theano.shared(value=W, name="W", borrow=True)
        self.hbias = theano.shared(numpy.zeros(n_hidden, dtype=floatX), name="hbias", borrow=True)
        self.vbias = theano.shared(numpy.zeros(n_visible, dtype=floatX), name="vbias", borrow=True)
        self.input = input
        self.theano_rng = theano_rng
        self.params = [self.W, self.hbias, self.vbias]

    def free_energy(self, v_sample):
        """Return the free energy of each row."""
        wx_b = T.dot(v_sample, self.W) + self.hbias
        vbias_term = T.dot(v_sample, self.vbias)
        hidden_term = T.sum(T.log(1 + T.exp(wx_b)), axis=1)
        return -hidden_term - vbias_term

    def sample_h_given_v(self, v0_sample):
        """Return activations, means and a sample of the hidden units."""
        pre_sigmoid = T.dot(v0_sample, self.W) + self.hbias
        mean = T.nnet.sigmoid(pre_sigmoid)
        sample = self.theano_rng.binomial(size=mean.shape, n=1, p=mean, dtype=floatX)
        return [pre_sigmoid, mean, sample]

    def sample_v_given_h(self, h0_sample):
        """Return activations, means and a sample of the visible units."""
        pre_sigmoid = T.dot(h0_sample, self.W.T) + self.vbias
        mean = T.nnet.sigmoid(pre_sigmoid)
        sample = self.theano_rng.binomial(size=mean.shape, n=1, p=mean, dtype=floatX)
        return [pre_sigmoid, mean, sample]

    def gibbs_hvh(self, h0_sample):
        """Return a step of the chain, from hidden units to hidden units."""
        pre_v, v_mean, v_sample = self.sample_v_given_h(h0_sample)
        pre_h, h_mean, h_sample = self.sample_h_given_v(v_sample)
        return [pre_v, v_mean, v_sample, pre_h, h_mean, h_sample]

    def get_cost_updates(self, lr, persistent, k):
        """Return what to watch, and the updates of a step."""
        (_, _, nv_samples, _, _, nh_samples), updates = theano.scan(
            self.gibbs_hvh,
            outputs_info=[None, None, None, None, None, persistent],
            n_steps=k,
            name="gibbs_hvh",
        )
        chain_end = nv_samples[-1]
        cost = T.mean(self.free_energy(self.input)) - T.mean(self.free_energy(chain_end))
        gparams = T.grad(cost, self.params, consider_constant=[chain_end])
        for gparam, param in zip(gparams, self.params):
            updates[param] = param - gparam * T.cast(lr, dtype=floatX)
        updates[persistent] = nh_samples[-1]
        return self.get_pseudo_likelihood_cost(updates), updates

    def get_pseudo_likelihood_cost(self, updates):
        """Return the logarithm of the pseudo-likelihood, by one pixel that goes round."""
        bit_i_idx = theano.shared(value=0, name="bit_i_idx")
        xi = T.round(self.input)
        fe_xi = self.free_energy(xi)
        xi_flip = T.set_subtensor(xi[:, bit_i_idx], 1 - xi[:, bit_i_idx])
        fe_xi_flip = self.free_energy(xi_flip)
        cost = T.mean(self.n_visible * T.log(T.nnet.sigmoid(fe_xi_flip - fe_xi)))
        updates[bit_i_idx] = (bit_i_idx + 1) % self.n_visible
        return cost


def main():
    """Train, report, and draw from the chain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()

    data = numpy.asarray(load_digits().data > 7, dtype=floatX)
    train_set_x = theano.shared(data, borrow=True)
    n_batches = data.shape[0] // args.batch

    index = T.lscalar()
    x = T.matrix("x")
    rng = numpy.random.RandomState(123)
    theano_rng = RandomStreams(rng.randint(2**30))
    chain = theano.shared(numpy.zeros((args.batch, 48), dtype=floatX), borrow=True)
    rbm = RBM(x, 64, 48, numpy_rng=rng, theano_rng=theano_rng)
    cost, updates = rbm.get_cost_updates(lr=0.05, persistent=chain, k=args.steps)
    train_rbm = theano.function(
        [index],
        cost,
        updates=updates,
        givens={x: train_set_x[index * args.batch : (index + 1) * args.batch]},
        name="train_rbm",
    )
    for epoch in range(args.epochs):
        costs = [train_rbm(i) for i in range(n_batches)]
        print("epoch %d, cost %f" % (epoch, -numpy.mean(costs)))

    persistent_vis = theano.shared(data[:4].copy())
    (_, _, _, _, vis_mfs, vis_samples), updates = theano.scan(
        lambda v: (
            rbm.sample_h_given_v(v)[:2]
            + [rbm.sample_h_given_v(v)[2]]
            + rbm.sample_v_given_h(rbm.sample_h_given_v(v)[2])
        ),
        outputs_info=[None, None, None, None, None, persistent_vis],
        n_steps=50,
    )
    updates.update({persistent_vis: vis_samples[-1]})
    sample_fn = theano.function([], [vis_mfs[-1], vis_samples[-1]], updates=updates)
    means, _ = sample_fn()
    for row in means[0].reshape(8, 8):
        print("".join(" .:+#"[int(4.99 * value)] for value in row))


if __name__ == "__main__":
    main()
