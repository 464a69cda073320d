"""What the CUDA backend does on a device: is it right, and how fast beside its peers.

Run it on a machine with a GPU: ``python benchmarks/cuda.py`` (``pip install "gradcore[cuda,test]"
torch jax[cuda12]``, or only what gradcore needs beside a checkout; a peer that is missing is left
out, and said).  In one run it checks the device
(conformance at level core, the tutorial, both under compute-sanitizer where there is one), measures
the bandwidth of a copy, and times gradcore beside torch (eager, compiled) and JAX, all on arrays on
the device.  It prints tables and writes ``results/cuda-CARD-DATE.json``.

``--runtime host --quick`` runs all of it where there is no device: gradcore on the CPU through the
host shim, on small arrays, so that the script itself is known to work; nothing is written, and what
such a run leaves out is said.

A time is that of many calls that are given to the device one after another and waited for once, the
least of several rounds; results are compared with NumPy's in double precision, on small arrays, and
with one another on the large ones.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np
import peers.checkout  # noqa: F401 - before gradcore: it need not be installed
from peers import gradcore as words
from peers import numpy as by_hand
from peers import theano
from peers.report import shown
from rich.console import Console
from rich.table import Table

import gradcore
import gradcore.tensor as T

FOLDER = Path(__file__).resolve().parent
# CuPy imports a package called cuda, which must not be this file.
sys.path[:] = [place for place in sys.path if Path(place).resolve() != FOLDER]
TOLERANCE = {"float32": 2e-3, "float64": 1e-8}
"""How far results may be from the reference, as a share of its largest element."""
CONSOLE = Console(width=150)


# cases ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Case:
    """A program that all systems run.

    name : of the functions in `peers` that build it.
    title : what it is; sizes are filled in.
    small, large : sizes.
    inputs : takes a random generator and sizes; returns arrays.
    moved : takes the arrays; returns the bytes that must move at least, for a share of the
        bandwidth; None: it is not bound by it.
    aim : what is meant to be reached, for the table.
    sizes : what the functions that build it take.
    """

    name: str
    title: str
    small: tuple
    large: tuple
    inputs: Callable
    aim: str
    moved: Callable | None = None
    sizes: tuple = ()

    def drawn(self, small):
        """Return the arrays, the same ones every time."""
        return self.inputs(np.random.default_rng(0), *(self.small if small else self.large))


def _floats(draw, *shapes, scale=1.0, dtype="float32"):
    return tuple(
        (draw.standard_normal(size=s, dtype="float32") * scale).astype(dtype) for s in shapes
    )


def _labelled(draw, rows, classes):
    return (*_floats(draw, (rows, classes)), draw.integers(0, classes, rows))


def _layer_norm(draw, rows, columns):
    return _floats(draw, (rows, columns), (columns,), (columns,), (rows, columns))


def _gmm(draw, n):
    x, a, mu, s = _floats(draw, (n, 8), (10,), (10, 8), (10, 8), dtype="float64")
    return x, a, mu, s / 4


def _mlp(draw, batch, hidden):
    x, *weights = _floats(draw, (batch, 784), (784, hidden), (hidden,), (hidden, 10), (10,))
    return x, draw.integers(0, 10, batch), *(w / np.float32(28) for w in weights)


def _transformer(draw, batch, length, width):
    (x,) = _floats(draw, (batch, length, width))
    square, wide, back = (width, width), (width, 4 * width), (4 * width, width)
    return x, *_floats(draw, *[square] * 4, wide, back, scale=width**-0.5)


def _lstm(draw, steps, batch, width):
    (x,) = _floats(draw, (steps, batch, width))
    shapes = (width, 4 * width), (width, 4 * width), (4 * width,)
    return x, *_floats(draw, *shapes, scale=width**-0.5)


def _regression(draw, n, d):
    X, w, v = _floats(draw, (n, d), (d,), (d,), dtype="float64")
    return X, (draw.random(n) < 0.5).astype("float64"), w / 10, v


def _bytes(arrays, times=1):
    return times * sum(a.nbytes for a in arrays)


BAND, PEERS, JAX = (
    "85% of copy bandwidth",
    "faster than torch.compile and JAX",
    "not slower than JAX",
)
CASES = (
    Case("chain_f32", "a*b + c*exp(-a), 3 x {} f32", (1000,), (10**8,),
         lambda draw, n: _floats(draw, *[(n,)] * 3), BAND, lambda a: _bytes(a) * 4 // 3),
    Case("logistic", "gradient of sum(1/(1+exp(-x))), {}x{} f64", (20, 30), (8192, 8192),
         lambda draw, *s: _floats(draw, s, dtype="float64"), BAND, lambda a: _bytes(a, 2)),
    Case("cross_entropy", "softmax cross-entropy + gradient, {}x{} f32", (8, 100), (4096, 32000),
         _labelled, PEERS, lambda a: 2 * a[0].nbytes),
    Case("layer_norm", "layer norm + gradient, {}x{} f32", (8, 64), (16384, 4096), _layer_norm,
         PEERS, lambda a: 3 * a[0].nbytes),
    Case("gmm", "GMM value + gradient, N={} K=10 D=8 f64", (50,), (10**6,), _gmm, PEERS),
    Case("mlp", "MLP training step, {}x784-{}-10 f32", (8, 16), (1024, 2048), _mlp, JAX),
    Case("transformer", "transformer block training step, {}x{}x{} f32", (2, 6, 8), (16, 512, 512),
         _transformer, JAX),
    Case("lstm", "LSTM gradient, T={} B={} H={} f32", (5, 2, 4), (512, 32, 256), _lstm,
         "2x faster than JAX"),
    Case("jacobian_dense", "Jacobian of tanh(W x), n={} f32", (6,), (4096,),
         lambda draw, n: _floats(draw, (n,), (n, n), scale=n**-0.5), "against JAX"),
    Case("jacobian_diagonal", "Jacobian of exp(-x^2), n={} f32", (7,), (8192,),
         lambda draw, n: _floats(draw, (n,)), "against JAX"),
    Case("hvp", "Hessian of a logistic regression @ v, {}x{} f64", (40, 5), (10**6, 100),
         _regression, "against JAX"),
    Case("call_scalar", "call: d(x^2)/dx of a scalar", (), (), lambda draw: (np.array(4.0),),
         "call under 10 us"),
)  # fmt: skip
"""Every case, in the order of the table."""


# systems ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Built:
    """A case, built for a system.

    call : gives a call to the device; returns its results, not waited for.
    arrays : the arguments, on the device.
    wait : waits for results.
    numpy : a result as an array of NumPy.
    """

    call: Callable
    arrays: tuple
    wait: Callable
    numpy: Callable = np.asarray


def listed(results):
    """Return results as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


def built_gradcore(case, inputs, runtime):
    """Return a case in mode "cuda"."""
    made = getattr(theano, case.name)(words.WORDS, T, *case.sizes)
    if runtime == "host":
        f = gradcore.function(*made, mode=gradcore.Mode("cuda", runtime="host"))
        return Built(f, inputs, lambda results: None)
    cupy = import_module("cupy")
    f = gradcore.function(*made, mode="cuda")
    return Built(
        f, tuple(map(cupy.asarray, inputs)),
        lambda results: cupy.cuda.get_current_stream().synchronize(), cupy.asnumpy,
    )  # fmt: skip


def built_torch(case, inputs, kind, device):
    """Return a case in torch."""
    torch = import_module("torch")
    program = import_module("peers.torch").build(case, inputs, kind, device)
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    return Built(
        program.call, tuple(program.take(*inputs)), lambda results: wait(),
        lambda t: t.detach().cpu().numpy(),
    )  # fmt: skip


def built_jax(case, inputs):
    """Return a case in JAX, on its default device."""
    jax = import_module("jax")
    peer = import_module("peers.jax")
    function = peer._function(case.name, case.sizes)  # noqa: SLF001 - the peer's own
    compiled = jax.jit(lambda *arrays: peer._flat(function(*arrays)))  # noqa: SLF001 - the same
    arrays = tuple(jax.device_put(a) for a in inputs)
    return Built(compiled, arrays, jax.block_until_ready)


def systems(runtime):
    """Return what builds a case, by name, and a sentence for each system that is left out."""
    device = "cpu" if runtime == "host" else "cuda"
    found = {"gradcore": lambda case, inputs: built_gradcore(case, inputs, runtime)}
    left_out = []
    for package in ("torch", "jax"):
        try:
            version(package)
            library = import_module(package)
        except (PackageNotFoundError, ImportError) as error:
            left_out.append(f"{package}: it is not installed ({error})")
            continue
        if package == "torch":
            if device == "cuda" and not library.cuda.is_available():
                left_out.append("torch: this build sees no CUDA device")
                continue
            for name, kind in (("torch", "eager"), ("torch.compile", "compile")):
                if not (runtime == "host" and kind == "compile"):
                    found[name] = lambda case, inputs, kind=kind: built_torch(
                        case, inputs, kind, device
                    )
            if runtime == "host":
                left_out.append(
                    "torch.compile: it takes long to compile, and times mean nothing here"
                )
        else:
            if device == "cuda" and library.default_backend() != "gpu":
                left_out.append("JAX: this build sees no CUDA device")
                continue
            found["JAX"] = built_jax
    return found, left_out


# right ------------------------------------------------------------------------------------------
def reference(case, inputs):
    """Return NumPy's results in double precision, by hand or by gradcore's own reference."""
    exact = [a.astype("float64") if a.dtype == "float32" else a for a in inputs]
    if hasattr(by_hand, case.name):
        return listed(by_hand.build(case, exact).call(*exact))
    made = getattr(theano, case.name)(words.WORDS, T, *case.sizes)
    return listed(gradcore.function(*made, mode="numpy")(*inputs))


def difference(results, wanted, dtype):
    """Return what is wrong with results, or None."""
    if len(results) != len(wanted):
        return f"{len(results)} results, not {len(wanted)}"
    for k, (have, want) in enumerate(zip(results, wanted, strict=True)):
        if have.size != want.size:
            return f"result {k} has shape {have.shape}, not {want.shape}"
        far = np.max(np.abs(have.reshape(want.shape) - want)) / np.max(np.abs(want))
        if not far <= TOLERANCE[dtype]:
            return f"result {k} is off by {far:.1e} of its largest element"
    return None


def run_pytest(arguments, runtime, tool=(), timeout=3600):
    """Run tests in mode "cuda"; return their last line, and whether they passed."""
    environment = dict(os.environ)
    command = [*tool, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=timeout,
            cwd=FOLDER.parent,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"passed": False, "message": f"ended after {timeout} s"}
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if tool:
        lines += [x for x in (done.stdout + done.stderr).splitlines() if "ERROR SUMMARY" in x]
    return {"passed": done.returncode == 0, "message": lines[-1] if lines else "nothing"}


def checked(runtime, quick):
    """Return what tests of the device found, by name, and what did not run."""
    backend = "cuda:runtime=host" if runtime == "host" else "cuda"
    level = "smoke" if quick else "core"
    found, left_out = {}, []
    CONSOLE.print(f"conformance, level {level}, on {backend} ...")
    suite = ["--pyargs", "gradcore.conformance", "--gradcore-backend", backend, "--level", level]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "cuda.json")
        selected = ["-k", "tanh or softmax or sum or matmul"] if quick else []
        found[f"conformance ({level})"] = run_pytest(
            [*suite, *selected, "--gradcore-report", str(report)], runtime
        )
        if runtime != "host" and report.exists() and not quick:
            shutil.copy(report, FOLDER.parent / "docs" / "reports" / "cuda.json")
    if quick:
        left_out.append("conformance: only some ops, at level smoke (--quick)")
    tool = shutil.which("compute-sanitizer")
    if runtime == "host":
        left_out.append("the tutorial and compute-sanitizer: they are for a device")
        return found, left_out
    program = [str(FOLDER.parent / "examples" / "tutorial.py")]
    os.environ["GRADCORE_FLAGS"] = "mode=cuda"
    tutorial = ["tests/test_tutorial.py"]
    found["tutorial"] = run_pytest(tutorial, runtime)
    if tool is None:
        left_out.append("compute-sanitizer: it is not on the PATH (it comes with the CUDA toolkit)")
    else:
        for check in ("memcheck", "racecheck"):
            done = subprocess.run(
                [tool, "--tool", check, "--error-exitcode", "9", sys.executable, *program],
                capture_output=True, text=True, check=False, timeout=1800,
            )  # fmt: skip
            message = [x for x in done.stdout.splitlines() if "SUMMARY" in x]
            found[f"compute-sanitizer {check}"] = {
                "passed": done.returncode == 0,
                "message": message[-1] if message else f"status {done.returncode}",
            }
    del os.environ["GRADCORE_FLAGS"]
    return found, left_out


# fast -------------------------------------------------------------------------------------------
def per_call(built, seconds, rounds):
    """Return the seconds a call takes: many are given, and waited for once."""
    start = perf_counter()
    built.wait(built.call(*built.arrays))
    once = perf_counter() - start
    calls = max(1, min(1000, int(seconds / max(once, 1e-6))))
    best = once
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(calls):
            results = built.call(*built.arrays)
        built.wait(results)
        best = min(best, (perf_counter() - start) / calls)
    return best


def overhead(built, calls=200):
    """Return the seconds that Python takes to give a call to the device."""
    best = float("inf")
    for _ in range(20):
        built.wait(built.call(*built.arrays))
        start = perf_counter()
        for _ in range(calls):
            results = built.call(*built.arrays)
        best = min(best, (perf_counter() - start) / calls)
        built.wait(results)
    return best


def copy_bandwidth(runtime, quick):
    """Return the bytes a second of a copy on the device: those read and those written."""
    size = 2**20 if quick else 2**30
    if runtime == "host":
        source = np.ones(size, np.uint8)
        target = np.empty_like(source)
        work, wait = lambda: np.copyto(target, source), lambda: None
    else:
        cupy = import_module("cupy")
        source = cupy.ones(size, "uint8")
        target = cupy.empty_like(source)
        stream = cupy.cuda.get_current_stream()
        work = lambda: target.data.copy_from_device_async(source.data, size)  # noqa: E731 - as above
        wait = stream.synchronize
    best = float("inf")
    for _ in range(10):
        wait()
        start = perf_counter()
        for _ in range(10):
            work()
        wait()
        best = min(best, (perf_counter() - start) / 10)
    return 2 * size / best


def timed(case, builders, quick, bandwidth):
    """Return a case's row: times, what is wrong, the share of the bandwidth."""
    row = {"title": "", "aim": case.aim, "times": {}, "wrong": {}, "share": None}
    small = case.drawn(small=True)
    dtype = "float32" if any(a.dtype == "float32" for a in small) else "float64"
    right = reference(case, small)
    inputs = small if quick else case.drawn(small=False)
    row["title"] = case.title.format(*(case.small if quick else case.large))
    first = None
    for name, build in builders.items():
        try:
            built = build(case, small)
            results = listed(built.call(*built.arrays))
            off = difference([built.numpy(r) for r in results], right, dtype)
            if off is None and not quick:
                built = build(case, inputs)
                results = [built.numpy(r) for r in listed(built.call(*built.arrays))]
                first = results if first is None else first
                off = difference(results, first, dtype)
        except Exception as error:  # noqa: BLE001 - of any library; the table says so
            off = (f"{type(error).__name__}: {error}".split("\n")[0])[:160].rstrip(": ")
        if off is not None:
            row["wrong"][name] = off
            continue
        row["times"][name] = per_call(built, *((0.01, 2) if quick else (0.3, 7)))
        if case.name == "call_scalar":
            row.setdefault("overhead", {})[name] = overhead(built, 10 if quick else 200)
    if case.moved is not None and "gradcore" in row["times"]:
        row["share"] = case.moved(inputs) / row["times"]["gradcore"] / bandwidth
    return row


# reports ----------------------------------------------------------------------------------------
def machine(runtime):
    """Return what this ran on."""
    found = {"date": datetime.now(UTC).date().isoformat(), "python": sys.version.split()[0]}
    for package in ("gradcore", "numpy", "cupy-cuda12x", "torch", "jax"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    backend = next(b for b in gradcore.backends() if b.name == "cuda")
    found["card"] = "none: the host shim" if runtime == "host" else backend.version
    return found


def show(rows, names):
    """Print the table of times."""
    table = Table("work", *names, "share of copy", "meant to be", title="seconds a call")
    for row in rows.values():
        cells = [
            shown(row["times"][n]) if n in row["times"] else row["wrong"].get(n, "") for n in names
        ]
        share = "" if row["share"] is None else f"{row['share']:.0%}"
        table.add_row(row["title"], *cells, share, row["aim"])
    CONSOLE.print(table)
    for row in rows.values():
        for name, seconds in row.get("overhead", {}).items():
            CONSOLE.print(f"Python's part of a call, {name}: {shown(seconds)}")


def main(options):
    """Run what was asked for."""
    runtime = options.runtime
    if runtime != "host":
        reason = next(b for b in gradcore.backends() if b.name == "cuda").reason
        if reason is not None:
            CONSOLE.print(f"Nothing has run: {reason}")
            CONSOLE.print("--runtime host --quick tries this script without a device.")
            return 1
    found = {"machine": machine(runtime), "runtime": runtime, "quick": options.quick}
    builders, left_out = systems(runtime)
    if not options.no_checks:
        found["checks"], more = checked(runtime, options.quick)
        left_out += more
        for name, result in found["checks"].items():
            CONSOLE.print(
                f"{name}: {'passed' if result['passed'] else 'FAILED'} ({result['message']})"
            )
    else:
        left_out.append("conformance, the tutorial and compute-sanitizer (--no-checks)")
    bandwidth = found["copy_bandwidth"] = copy_bandwidth(runtime, options.quick)
    CONSOLE.print(f"a copy moves {bandwidth / 1e9:.0f} GB/s")
    wanted = options.only.split(",") if options.only else [case.name for case in CASES]
    rows = found["cases"] = {}
    for case in CASES:
        if case.name in wanted:
            CONSOLE.print(f"  {case.name} ...")
            rows[case.name] = timed(case, builders, options.quick, bandwidth)
    show(rows, list(builders))
    if runtime == "host":
        left_out.append(
            "a device: times and bandwidth above are the CPU's, and say nothing of CUDA"
        )
        left_out.append("cuBLAS, NVRTC, CUDA graphs, streams, CuPy's pool, arrays on a device")
    found["left_out"] = left_out
    CONSOLE.print("\nWhat did not run:" if left_out else "\nEverything has run.")
    for sentence in left_out:
        CONSOLE.print(f"  - {sentence}")
    if runtime != "host" and not options.quick:
        card = "".join(c if c.isalnum() else "-" for c in found["machine"]["card"].split(",")[0])
        path = FOLDER / "results" / f"cuda-{card}-{found['machine']['date']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
        CONSOLE.print(f"written to {path}")
    wrong = any("gradcore" in row["wrong"] for row in rows.values())
    failed = any(not result["passed"] for result in found.get("checks", {}).values())
    return int(wrong or failed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runtime", choices=("cupy", "host"), default="cupy")
    parser.add_argument("--quick", action="store_true", help="small arrays, few rounds")
    parser.add_argument("--only", help="cases, with commas")
    parser.add_argument("--no-checks", action="store_true", help="only the times")
    warnings.simplefilter("ignore")  # of the peers, about themselves
    sys.exit(main(parser.parse_args()))
