"""The suite on the backend, and what it does not claim."""

import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import UnsupportedError


def test_conformance():
    suite = ["--pyargs", "gradcore.conformance", "-q", "--gradcore-backend", "array_api"]
    assert pytest.main([*suite, "--level", "core", "--numprocesses", "2"]) == 0


def test_the_derivative_of_a_loop():
    x = T.dscalar("x")
    powers, _ = gradcore.scan(lambda y: y * x, outputs_info=x, n_steps=3)
    slope = gradcore.function([x], T.grad(powers[-1], x), mode="array_api")
    assert slope(2.0) == 32


def test_what_the_standard_lacks_is_said():
    x = T.dvector("x")
    with pytest.raises(UnsupportedError, match="has no kernel for erf") as info:
        gradcore.function([x], T.erf(T.sort(x)), mode="array_api")
    assert "where NaN is sorted to" in str(info.value)
