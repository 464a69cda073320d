"""Hybrid Monte Carlo: leapfrog steps are a scan, each with a gradient inside, for many chains."""

import argparse

import numpy

import theano
import theano.tensor as T

sharedX = lambda X, name: theano.shared(numpy.asarray(X, dtype=theano.config.floatX), name=name)


def kinetic_energy(vel):
    """Return the kinetic energy of each chain."""
    return 0.5 * (vel**2).sum(axis=1)


def hamiltonian(pos, vel, energy_fn):
    """Return the sum of potential and kinetic energy."""
    return energy_fn(pos) + kinetic_energy(vel)


def metropolis_hastings_accept(energy_prev, energy_next, s_rng):
    """Return which chains accept their proposals."""
    ediff = energy_prev - energy_next
    return (T.exp(ediff) - s_rng.uniform(size=energy_prev.shape)) >= 0


def simulate_dynamics(initial_pos, initial_vel, stepsize, n_steps, energy_fn):
    """Return positions and velocities at the end of a trajectory."""

    def leapfrog(pos, vel, step):
        dE_dpos = T.grad(energy_fn(pos).sum(), pos)
        new_vel = vel - step * dE_dpos
        new_pos = pos + step * new_vel
        return [new_pos, new_vel], {}

    initial_energy = energy_fn(initial_pos)
    dE_dpos = T.grad(initial_energy.sum(), initial_pos)
    vel_half_step = initial_vel - 0.5 * stepsize * dE_dpos
    pos_full_step = initial_pos + stepsize * vel_half_step
    (all_pos, all_vel), scan_updates = theano.scan(
        leapfrog,
        outputs_info=[{"initial": pos_full_step}, {"initial": vel_half_step}],
        non_sequences=[stepsize],
        n_steps=n_steps - 1,
    )
    final_pos = all_pos[-1]
    final_vel = all_vel[-1]
    assert not scan_updates
    energy = energy_fn(final_pos)
    final_vel = final_vel - 0.5 * stepsize * T.grad(energy.sum(), final_pos)
    return final_pos, final_vel


class HMC_sampler(object):
    """Chains whose step size is adapted to the rate at which they accept."""

    def __init__(self, shared_positions, energy_fn, n_steps=20, seed=12345, target=0.9):
        self.positions = shared_positions
        self.stepsize = sharedX(0.01, "stepsize")
        self.avg_acceptance_rate = sharedX(target, "avg_acceptance_rate")
        s_rng = T.shared_randomstreams.RandomStreams(seed)
        initial_vel = s_rng.normal(size=shared_positions.shape)
        final_pos, final_vel = simulate_dynamics(
            initial_pos=shared_positions,
            initial_vel=initial_vel,
            stepsize=self.stepsize,
            n_steps=n_steps,
            energy_fn=energy_fn,
        )
        accept = metropolis_hastings_accept(
            energy_prev=hamiltonian(shared_positions, initial_vel, energy_fn),
            energy_next=hamiltonian(final_pos, final_vel, energy_fn),
            s_rng=s_rng,
        )
        accept_matrix = accept.dimshuffle(0, *(("x",) * (final_pos.ndim - 1)))
        new_positions = T.switch(accept_matrix, final_pos, shared_positions)
        new_rate = T.cast(0.9 * self.avg_acceptance_rate + 0.1 * accept.mean(), self.stepsize.dtype)
        grown = T.switch(
            self.avg_acceptance_rate > target, self.stepsize * 1.02, self.stepsize * 0.98
        )
        self.simulate = theano.function(
            [],
            accept.mean(),
            updates=[
                (self.positions, new_positions),
                (self.stepsize, T.clip(grown, 0.001, 0.25)),
                (self.avg_acceptance_rate, new_rate),
            ],
        )

    def draw(self):
        """Return the positions after a trajectory."""
        self.simulate()
        return self.positions.get_value(borrow=False)


def main():
    """Sample from a normal distribution, and compare its moments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--chains", type=int, default=50)
    args = parser.parse_args()

    rng = numpy.random.RandomState(123)
    dim = 3
    mu = numpy.array(rng.rand(dim) * 10, dtype=theano.config.floatX)
    cov = numpy.array(rng.rand(dim, dim), dtype=theano.config.floatX)
    cov = (cov + cov.T) / 2.0
    cov[numpy.arange(dim), numpy.arange(dim)] = 1.0 + rng.rand(dim)
    cov_inv = numpy.linalg.inv(cov)

    def gaussian_energy(x):
        return 0.5 * (T.dot((x - mu), cov_inv) * (x - mu)).sum(axis=1)

    position = sharedX(rng.randn(args.chains, dim), "position")
    sampler = HMC_sampler(position, gaussian_energy)
    for _ in range(50):
        sampler.draw()
    samples = []
    for epoch in range(args.epochs):
        samples += [sampler.draw() for _ in range(20)]
        flat = numpy.concatenate(samples)
        error = abs(flat.mean(axis=0) - mu).max()
        print("epoch %d, error of the mean %f" % (epoch, error))
    print("covariance\n%s\nof the samples\n%s" % (cov, numpy.cov(flat.T)))
    print("acceptance %.2f" % sampler.avg_acceptance_rate.get_value())


if __name__ == "__main__":
    main()
