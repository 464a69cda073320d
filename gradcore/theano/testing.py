"""``theano.tests.unittest_tools``: what tests of programs take from it."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.gradient import verify_grad as verified
from gradcore.language import listed
from gradcore.theano.flags import CONFIG
from gradcore.theano.functions import function, mode_of


def seed_of(pseed: Any = None) -> int:
    """Return a seed: ``pseed``, or what ``config.unittests.rseed`` says."""
    seed = CONFIG.get("unittests.rseed") if pseed is None else pseed
    return int(np.random.SeedSequence().generate_state(1)[0]) if seed == "random" else int(seed)


def seed_rng(pseed: Any = None) -> int:
    """Seed NumPy's global source of random numbers, and return the seed."""
    seed = seed_of(pseed)
    np.random.seed(seed)  # noqa: NPY002 - the one that tests of Theano draw from
    return seed


def verify_grad(
    fun: Any,
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Compare gradients with differences, along directions of ``rng``, or of a fixed seed.

    Raises GradientMismatchError.
    """
    source = np.random.default_rng(seed_of()) if rng is None else rng
    verified(fun, pt, n_tests, source, eps, abs_tol, rel_tol, mode_of(mode), forward=False)


def assert_allclose(expected: Any, value: Any, rtol: Any = None, atol: Any = None) -> None:
    """Raise AssertionError for arrays that differ, by the tolerances of the less precise."""
    a, b = np.asarray(expected), np.asarray(value)
    single = any(x.dtype.name in ("float32", "complex64") for x in (a, b))
    np.testing.assert_allclose(
        b, a, rtol=rtol or (1e-5 if single else 1e-7), atol=atol or (1e-5 if single else 1e-8)
    )


class InferShapeTester(unittest.TestCase):
    """A test case of an op of one's own: whether its shapes are what it computes.

    Of an op whose ``infer_shape`` is right, shapes are known without computing it.
    """

    def setUp(self) -> None:
        """Seed NumPy's global source of random numbers."""
        seed_rng()

    def _compile_and_check(
        self,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        numeric_inputs: Sequence[Any],
        cls: Any,
        excluding: Any = None,
        warn: bool = True,
        check_topo: bool = True,
    ) -> None:
        """Compare shapes with those of values, and look for an op among what computes shapes.

        cls : its class, or several, or an op.
        excluding, warn : accepted as in Theano.
        check_topo : whether it must not be computed for its shape.

        Raises AssertionError.
        """
        values = function(inputs, outputs)(*numeric_inputs)
        shapes = function(inputs, [v.shape for v in outputs], on_unused_input="ignore")
        for value, shape in zip(values, shapes(*numeric_inputs), strict=True):
            if value.shape != tuple(shape):
                raise AssertionError(f"the shape is {tuple(shape)}, of values {value.shape}")
        nodes = shapes.maker.fgraph.nodes if check_topo else ()
        kinds: list[Any] = listed(cls)
        for node in nodes:
            if any(isinstance(node.op, k) if isinstance(k, type) else node.op == k for k in kinds):
                raise AssertionError(f"{node.op} is computed for its shape")
