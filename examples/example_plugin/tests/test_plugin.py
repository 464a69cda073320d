"""All that an author has to write: the suite on the backend, and what the plugin adds."""

import numpy as np
import pytest
from gradcore_numexpr.log_cosh import log_cosh

import gradcore
import gradcore.tensor as T

SUITE = ["--pyargs", "gradcore.conformance", "-q", "--gradcore-backend"]


def test_conformance():
    assert pytest.main([*SUITE, "numexpr"]) == 0


def test_the_op_runs_in_generated_code():
    c = next(b for b in gradcore.backends() if b.name == "c")
    if not c.available:
        pytest.skip(c.reason)
    assert pytest.main([*SUITE, "c", "-k", "log_cosh"]) == 0


def test_the_rule_keeps_a_large_number_finite():
    x = T.dscalar("x")
    f = gradcore.function([x], [T.log(T.cosh(x)), T.grad(log_cosh(x), x)], mode="numexpr")
    assert np.allclose(f(1000), [1000 - np.log(2), 1])
    assert "log_cosh_of" in {fired.rule for fired in f.maker.trace}
    assert gradcore.pp(log_cosh(x)) == "log_cosh(x)"
