"""The programs of `examples/theano_scripts` run as they are, and what they minimize falls."""

import re
import sys
from pathlib import Path

import pytest

import gradcore.theano
from gradcore.theano.__main__ import main

SCRIPTS = Path(__file__).parents[1] / "examples/theano_scripts"

LESS = {
    "logistic_regression": (3, "cost", 0.6), "mlp": (2, "cost", 0.5), "lenet": (2, "cost", 0.7),
    "denoising_autoencoder": (2, "cost", 0.95), "rbm": (2, "cost", 0.9), "lstm": (2, "cost", 0.98),
    "hmc": (3, "error of the mean", 0.9), "word_vectors": (2, "cost", 0.8),
    "custom_op": (2, "cost", 0.5), "gaussian_mixture": (3, "cost", 1.0),
    "bundle_adjustment": (3, "cost", 1e-3), "hand_tracking": (4, "cost", 0.05),
}  # fmt: skip
"""For each how many epochs it runs, what it prints, and to what part of the first that falls."""


@pytest.fixture
def as_theano(monkeypatch):
    """Let a script be run, and leave nothing of it behind."""
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda *arguments: main(arguments)
    gradcore.theano.uninstall()


def test_each_script_is_run():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == set(LESS)


@pytest.mark.parametrize("name", LESS)
def test_a_script_learns(name, as_theano, capsys):
    pytest.importorskip("sklearn")
    epochs, what, part = LESS[name]
    assert as_theano(str(SCRIPTS / f"{name}.py"), "--epochs", str(epochs)) == 0
    printed = capsys.readouterr().out
    values = [float(v) for v in re.findall(rf"epoch \d+, {what} (-?[\d.]+)", printed)]
    assert len(values) == epochs and values[-1] < part * values[0], printed


def test_scripts_do_not_name_gradcore():
    for path in SCRIPTS.glob("*.py"):
        assert "gradcore" not in path.read_text(), "they run with Theano itself, too"
