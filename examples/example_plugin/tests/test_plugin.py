"""All that an author has to write: the suite on the backend, and what the plugin adds."""

import numpy as np
import pytest
from gradcore_numexpr.log_cosh import log_cosh

import gradcore
import gradcore.tensor as T


def test_conformance():
    suite = ["--pyargs", "gradcore.conformance", "--gradcore-backend", "numexpr", "-q"]
    assert pytest.main(suite) == 0


def test_the_rule_keeps_a_large_number_finite():
    x = T.dscalar("x")
    f = gradcore.function([x], [T.log(T.cosh(x)), T.grad(log_cosh(x), x)], mode="numexpr")
    assert np.allclose(f(1000), [1000 - np.log(2), 1])
    assert "log_cosh_of" in {fired.rule for fired in f.maker.trace}
    assert gradcore.pp(log_cosh(x)) == "log_cosh(x)"
