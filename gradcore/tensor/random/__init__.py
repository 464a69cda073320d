"""Random draws, as functions of keys, and streams that draw anew in each call: ``T.random``.

A draw takes a key, the parameters without a default, the shape, the parameters with one, and the
dtype: ``gamma(key, a, shape, scale)``, ``choice(key, a, shape, replace, p)``, and, as all of its
parameters have a default, ``uniform(key, shape, low, high)``.  Parameters are in NumPy's order.

As far as the shape, that is the order of ``jax.random``, where it has the function; only its
``lognormal`` takes ``sigma`` before the shape.  As there, ``categorical(key, logits, axis, shape)``
has the shape behind the axis.
"""

from gradcore.errors import no_attribute
from gradcore.tensor.random.continuous import cauchy as cauchy
from gradcore.tensor.random.continuous import exponential as exponential
from gradcore.tensor.random.continuous import gumbel as gumbel
from gradcore.tensor.random.continuous import laplace as laplace
from gradcore.tensor.random.continuous import logistic as logistic
from gradcore.tensor.random.continuous import lognormal as lognormal
from gradcore.tensor.random.continuous import normal as normal
from gradcore.tensor.random.continuous import truncated_normal as truncated_normal
from gradcore.tensor.random.continuous import uniform as uniform
from gradcore.tensor.random.counts import binomial as binomial
from gradcore.tensor.random.counts import multinomial as multinomial
from gradcore.tensor.random.counts import negative_binomial as negative_binomial
from gradcore.tensor.random.counts import poisson as poisson
from gradcore.tensor.random.discrete import bernoulli as bernoulli
from gradcore.tensor.random.discrete import categorical as categorical
from gradcore.tensor.random.discrete import geometric as geometric
from gradcore.tensor.random.discrete import integers as integers
from gradcore.tensor.random.gammas import beta as beta
from gradcore.tensor.random.gammas import chisquare as chisquare
from gradcore.tensor.random.gammas import dirichlet as dirichlet
from gradcore.tensor.random.gammas import gamma as gamma
from gradcore.tensor.random.gammas import standard_t as standard_t
from gradcore.tensor.random.keys import bits as bits
from gradcore.tensor.random.keys import fold_in as fold_in
from gradcore.tensor.random.keys import key as key
from gradcore.tensor.random.keys import split as split
from gradcore.tensor.random.orders import choice as choice
from gradcore.tensor.random.orders import permutation as permutation
from gradcore.tensor.random.orders import shuffle as shuffle
from gradcore.tensor.random.streams import RandomStream as RandomStream
from gradcore.tensor.random.vectors import multivariate_normal as multivariate_normal
from gradcore.tensor.random.vectors import vonmises as vonmises

__getattr__ = no_attribute(__name__, globals())
