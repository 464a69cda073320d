"""The examples, the benchmarks and the README, run as a user would run them."""

import importlib
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from exported_c import Exported, compiled

import gradcore
import gradcore.tensor as T
from gradcore.ops.factors import Cholesky

ROOT = Path(__file__).parents[1]


@pytest.fixture
def example(monkeypatch):
    def load(name):
        path = ROOT / name
        monkeypatch.syspath_prepend(str(path.parent))
        return runpy.run_path(str(path))

    return load


def test_tutorial_prints_what_the_tutorial_prints():
    path = ROOT / "examples/tutorial.py"
    ran = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    printed = " ".join(ran.stdout.split())
    gradient = (
        "((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * TensorConstant{2}) * "
        "(x ** (TensorConstant{2} - TensorConstant{1})))"
    )
    for text in (
        f"{gradient} array(8.0) True (2.0 * x)",
        "array([[ 0.25 , 0.19661193], [ 0.19661193, 0.10499359]])",
        "array([[ 8., 0.], [ 0., 8.]]) array([[ 8., 0.], [ 0., 8.]])",
        "jacobian(y, x)",
        "array([[ 2., 0.], [ 0., 2.]]) array([[ 2., 0.], [ 0., 2.]])",
        "array([ 2., 2.])",
        "array([[ 0., 0.], [ 2., 2.]])",
        "array([ 4., 4.]) array([ 4., 4.])",
    ):
        assert text in printed
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("digits_logistic", 0.85), ("digits_rnn", 0.8), ("digits_convnet", 0.9),
        ("digits_transformer", 0.85),
    ],
    ids=["logistic", "rnn", "convnet", "transformer"],
)  # fmt: skip
def test_training_lowers_the_loss(example, name, reached):
    losses, accuracy = example(f"examples/{name}.py")["main"](rounds=4)
    assert all(after < before for before, after in pairwise(losses))
    assert accuracy > reached


def test_newton_solves_on_a_grid(example, tmp_path):
    bratu = example("examples/bratu.py")
    solution, residuals, jacobian = bratu["solved"](points=12)
    assert residuals[-1] < 1e-12 < residuals[0] and len(residuals) < 8
    assert jacobian.nnz == 5 * 12**2 - 4 * 12 and sum(jacobian.products) < 10
    assert solution.min() > 0 and (abs(solution - solution.T) < 1e-12).all()
    if find_spec("matplotlib"):
        bratu["draw"](solution, tmp_path / "bratu.png")
        assert (tmp_path / "bratu.png").stat().st_size > 1000


def test_a_conductivity_is_found_from_a_temperature(example, tmp_path):
    fem = example("examples/sparse_fem.py")
    *plate, costs = fem["found"](cells=10, steps=40)
    points, triangles, truth, logarithm, temperature = plate
    assert (len(points), len(triangles)) == (11**2, 2 * 10**2)
    assert costs[-1] < costs[0] / 100 and temperature.max() < 0.075
    assert abs(logarithm - truth).mean() < 0.75 * abs(truth).mean()
    if find_spec("matplotlib"):
        fem["draw"](*plate, tmp_path / "sparse_fem.png")
        assert (tmp_path / "sparse_fem.png").stat().st_size > 1000


def test_the_beginning_of_a_flow_is_found_through_its_steps(example, tmp_path):
    spectral = example("examples/spectral_flow.py")
    truth, known, start, costs, slopes = spectral["found"](n=16, steps=10, iterations=12)
    assert costs[-1] < costs[0] / 50 and slopes[0] == pytest.approx(slopes[1], rel=1e-5)
    assert np.linalg.norm(start - truth) < np.linalg.norm(known - truth) / 3
    if find_spec("matplotlib"):
        spectral["draw"](truth, known, start, tmp_path / "flow.png")
        assert (tmp_path / "flow.png").stat().st_size > 1000


def test_an_image_is_found_from_the_brightness_of_its_transforms(example, tmp_path):
    retrieval = example("examples/phase_retrieval.py")
    truth, guess, found, costs = retrieval["retrieved"](n=16)
    assert costs[-1] < 1e-5 < 1e-2 < costs[0]
    errors = [np.linalg.norm(x - truth) / np.linalg.norm(truth) for x in (guess, found)]
    assert errors[1] < 0.01 < 0.2 < errors[0]
    if find_spec("matplotlib"):
        retrieval["draw"](truth, guess, found, tmp_path / "phase.png")
        assert (tmp_path / "phase.png").stat().st_size > 1000


def test_benchmarks_of_functions_and_transforms_compare_values(example, capsys):
    transforms = example("benchmarks/fourier.py")
    for peer in ("JAX", "torch"):
        transforms["SYSTEMS"].pop(peer)
    cases = [(what, (8, 8), "float64") for what in ("convolution", "rfft2")]
    cases.append(("product", (3, 3), "complex64"))
    assert len(transforms["main"](1, 1, cases)) == 3
    functions = example("benchmarks/special_functions.py")
    found = functions["main"](["jv", "lambertw"], ["gradcore", "SciPy"], 1, 1)
    assert [sorted(best) for best in found.values()] == [["SciPy", "gradcore"]] * 2
    assert "| `jv` |" in capsys.readouterr().out


def test_a_gaussian_process_is_fitted_with_one_factor(example):
    process = example("examples/gaussian_process.py")
    x, y, scales = T.dvectors("x", "y", "scales")
    cost = process["evidence"](x, y, scales)
    outputs = [cost, T.grad(cost, scales), T.hessian(cost, scales)]
    f = gradcore.function([x, y, scales], outputs, mode="numpy")
    assert sum(isinstance(node.op, Cholesky) for node in f.maker.fgraph.nodes) == 1
    found, history = process["main"]()
    costs = np.array([before for before, _ in history])
    assert (np.diff(costs) < 1e-9).all() and history[-1][1] < 1e-8 and len(history) < 12
    places, values = process["observations"]()
    mean, spread = process["predicted"](places, values, found, places)
    assert (np.abs(mean - np.sin(places)) < 4 * spread).all()


def test_a_filter_learns_its_noise(example):
    kalman = example("examples/kalman_filter.py")
    scales, deviations, history, (seen, filtered) = kalman["main"]()
    assert (np.diff(history) <= 0).all() and len(history) > 5
    off = np.abs(scales - np.log(list(kalman["TRUTH"].values())))
    assert (off < 3 * deviations).all() and (deviations < 0.2).all()
    assert filtered < 0.6 * seen


def test_an_autoencoder_learns_to_draw(example, capsys):
    costs, drawn = example("examples/digits_vae.py")["main"](rounds=4)
    assert all(after < before for before, after in pairwise(costs))
    assert drawn.shape == (6, 64) and ((drawn > 0) & (drawn < 1)).all()
    assert capsys.readouterr().out.splitlines()[-8].count("  ") >= 5


def test_optimizers_find_the_same_chain(example):
    chain = example("examples/hanging_chain.py")
    found = chain["main"](links=6)
    energies = [energy for energy, _, _ in found.values()]
    assert len(energies) >= 3 and np.ptp(energies) < 1e-5
    for _, stretch, (_, heights) in found.values():
        assert stretch < 1e-6 and heights.min() > chain["TABLE"] - 1e-8


def test_a_sampler_finds_the_population(example, capsys):
    hmc = example("examples/hierarchical_hmc.py")
    table, rate = hmc["main"](draws=1000)
    assert 0.6 < rate < 0.99
    for name, (mean, deviation, ratio) in table.items():
        assert abs(mean - hmc["TRUTH"][name]) < 3 * deviation and ratio < 1.05
    assert capsys.readouterr().out.splitlines()[0].startswith("4 chains of 1000 draws")


def test_benchmarks_run(example):
    growth = example("benchmarks/growth.py")["main"](shortest=20, doublings=1, repeats=1)
    assert list(growth) == [20, 40] and min(growth[40].values()) > 0
    sparse = example("benchmarks/sparse.py")["main"](0.0, "x**2, n = 1000", peers=())
    assert [found[2] for found in sparse.values()] == [1000]
    models = example("benchmarks/models.py")["main"]("equations", quick=True, peers=("NumPy",))
    ((times, setups, wrong),) = models.values()
    assert set(times) == set(setups) == {"gradcore c", "NumPy"} and not wrong
    needs = example("benchmarks/roofline.py")["main"](("call_scalar", "gemm_f32"), seconds=0.0)
    assert (needs["call_scalar"].bytes, needs["call_scalar"].operations) == (16, 1)
    assert needs["gemm_f32"].operations == 2 * 1024**3
    profiles = example("benchmarks/profiles.py")["main"](steps=20, calls=2, repeats=1)
    assert list(profiles) == ["node, NumPy", "nest, C", "call, C"]
    startup = example("benchmarks/startup.py")["main"](repeats=1, only=("numpy", "gradcore"))
    assert len(startup["gradcore"]) == 2 and len(startup["numpy"]) == 1


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_readme_has_two_commands():
    """One sets up and runs the tutorial, one runs the tests; CI runs these two."""
    first, second = blocks((ROOT / "README.md").read_text(), "sh")
    assert "examples/tutorial.py" in first and "-m pytest" in second
    assert first.count("\n") == second.count("\n") == 1


def test_what_the_readme_and_the_guide_name_exists():
    for page in ("README.md", "docs/guide.md"):
        text = (ROOT / page).read_text()
        for path in re.findall(r"\b(?:gradcore|examples|docs|backends|tests)/[\w/.]*\w", text):
            assert (ROOT / path).exists(), f"{page} names {path}"


def test_a_controller_balances_a_pendulum_in_c_as_in_python(example, tmp_path):
    controller = example("examples/controller.py")
    wanted = controller["simulated"](controller["controller"]())
    assert abs(wanted[-1]).max() < 0.1 < abs(wanted[0]).max()
    f = controller["controller"]("numpy")
    gradcore.export(f, tmp_path)
    step = Exported(f, tmp_path, "controller", compiled(tmp_path, ["controller"]))
    memory = np.zeros(step.workspace(wanted[0]), np.uint8)
    step.context.workspace, step.context.size = memory.ctypes.data, memory.size
    found = controller["simulated"](lambda state: {"push": step(state)[0]})
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_samplers_find_what_integrals_say(example):
    """Twenty lines of NumPy, and BlackJAX where it is installed."""
    table, chain = example("examples/log_density.py")["main"](draws=4000)
    assert ("NumPy", "mu") in table and chain.shape == (4000, 10)
    for (_, name), (mean, spread, exact) in table.items():
        assert abs(mean - exact) < (0.5 if name == "mu" else 0.8) and 2 < spread < 5


def test_the_estimator_is_one_of_scikit_learn(example):
    module = example("examples/sklearn_estimator.py")
    truth, robust, plain = module["main"](points=200)
    assert abs(robust.coef_ - truth).max() < 0.05 < abs(plain.coef_ - truth).max()


def test_scikit_learn_checks_its_estimator(monkeypatch):
    """As it stands in a module, since it is pickled."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    checks = importlib.import_module("sklearn.utils.estimator_checks")
    estimator = importlib.import_module("sklearn_estimator").PseudoHuberRegressor()
    done = checks.check_estimator(estimator, on_skip=None)
    passed = [check for check in done if check["status"] == "passed"]
    assert len(passed) > 40 and {check["status"] for check in done} <= {"passed", "skipped"}
