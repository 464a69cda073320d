"""Sessions for developers: ``nox --list`` names them, ``nox -s NAME`` runs one."""

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types", "snippets"]
nox.options.default_venv_backend = "venv"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
EXAMPLES = ["example_plugin", "array_api_backend"]
BACKENDS = ["numpy", "c", "jax", "torch"]
PINNED = {"jax": (), "torch": ("torch==2.13.0",)}  # a torch for the CPU, where there is one
LOWEST = ["numpy==2.0.*", "scipy==1.13.*", "pluggy==1.5.*", "rich==13.*", "platformdirs==4.0.*"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests."""
    session.install("-e", ".[test]")
    command = ("pytest", "--exhaustive", "--numprocesses", "auto", "--dist", "worksteal")
    session.run(*command, *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run all tests with the lowest versions of what gradcore needs."""
    session.install("-e", ".[test]", *LOWEST)
    session.run("pytest", "--numprocesses", "auto", "--dist", "worksteal", *session.posargs)


@nox.session
def random(session: nox.Session) -> None:
    """Run the tests on random graphs, many more of them."""
    session.install("-e", ".[test]")
    files = "tests/test_random_graphs.py", "tests/test_random_jacobians.py"
    session.run("pytest", *files, "--hypothesis-profile", "many", *session.posargs)


@nox.session
@nox.parametrize("backend", BACKENDS)
def conformance(session: nox.Session, backend: str) -> None:
    """Run the conformance suite on a backend, alone in its environment; writes its report."""
    extras = f"test,{backend}" if backend in PINNED else "test"
    session.install("-e", f".[{extras}]", *PINNED.get(backend, ()))
    whole = ["--level", "full", "--gradcore-report", f"docs/reports/{backend}.json"]
    session.run(
        "pytest", "--pyargs", "gradcore.conformance", "--gradcore-backend", backend,
        "--numprocesses", "auto", "-q", *(session.posargs or whole),
    )  # fmt: skip
    own = [str(path) for path in Path("tests").glob(f"test_{backend}.py")]
    session.run("pytest", *own, "tests/test_random_graphs.py", "--numprocesses", "auto", "-q")
    tutorial = ["pytest", "tests/test_tutorial.py", "-q"]
    session.run(*tutorial, env={"GRADCORE_FLAGS": f"mode={backend}"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Run random graphs on every backend, with and without the optimizer; a seed is a graph."""
    session.install("-e", ".[test,jax,torch]", *PINNED["torch"])
    every = ["numpy", "c", "cuda:runtime=host,threads=32,order=mixed", "jax", "torch"]
    command = ["python", "-m", "gradcore.conformance.fuzz", "--processes", str(os.cpu_count())]
    backends = [word for backend in every for word in ("--backend", backend)]
    session.run(*command, *(session.posargs or ("--graphs", "20000", *backends)))


@nox.session
def sanitize(session: nox.Session) -> None:
    """Check generated C, and CUDA's kernels on the CPU, for errors of memory and behaviour."""
    session.install("-e", ".[test]")
    compiler = os.environ.get("CC", "gcc")
    found = (
        session.run(compiler, f"-print-file-name={name}.so", external=True, silent=True)
        for name in ("libasan", "libubsan", "libstdc++")  # SciPy's C++ throws
    )
    environment = {
        "CC": compiler,
        "GRADCORE_CFLAGS": "-fsanitize=address,undefined -fno-sanitize-recover=all -O1 -g1",
        "GRADCORE_CACHE_DIR": str(Path(session.create_tmp(), "cache").resolve()),
        "LD_PRELOAD": " ".join(path.strip() for path in found),
        # Python leaves what lives until its end; a size that is too large is an error, no crash
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    given = session.posargs or ("--level", "core", "--numprocesses", "2")
    suite = ["python", "-m", "pytest", "--pyargs", "gradcore.conformance", "-q", *given]
    for backend in ("c", "cuda:runtime=host,threads=7,order=mixed"):
        session.run(*suite, "--gradcore-backend", backend, env=environment)
    subjects = ("test_c", "test_c_text", "test_c_concurrency", "test_c_sums", "test_c_reuse")
    files = [f"tests/{subject}.py" for subject in subjects]
    session.run("python", "-m", "pytest", "-q", *files, env=environment)
    session.run(
        "python", "-m", "gradcore.conformance.fuzz", "--graphs", "2000", "--backend", "c",
        "--processes", str(os.cpu_count()), env=environment,
    )  # fmt: skip


@nox.session
def threads(session: nox.Session) -> None:
    """Run the C backend with every loop that threads may share shared by three, however short."""
    session.install("-e", ".[test]")
    suite = ["python", "-m", "pytest", "--pyargs", "gradcore.conformance", "--level", "core", "-q"]
    given = session.posargs or ("--numprocesses", "2")
    session.run(
        *suite, "--gradcore-backend", "c:threads=3", *given,
        env={"GRADCORE_CFLAGS": "-DGC_THREAD_WORK=1"},
    )  # fmt: skip


@nox.session
def distributed(session: nox.Session) -> None:
    """Run the tests of clusters: workers are processes, of which some are killed."""
    session.install("-e", ".[test,dask]")
    tests = ("pytest", "tests/test_distributed.py", *session.posargs)
    session.run(*tests, env={"GRADCORE_CLUSTER": "1"})


@nox.session
def cuda(session: nox.Session) -> None:
    """Run the kernels of the suite's level core on the CPU, after NVRTC has compiled them."""
    session.install("-e", ".[test]", "nvidia-cuda-nvrtc-cu12")
    suite = ["python", "-m", "pytest", "--pyargs", "gradcore.conformance", "--level", "core", "-q"]
    given = session.posargs or ("--numprocesses", "2")
    session.run(
        *suite, "--gradcore-backend", "cuda:runtime=host", *given,
        env={"GRADCORE_CUDA_CHECK": "nvrtc"},
    )  # fmt: skip
    for options in ("threads=1,order=backward", "threads=7,order=mixed", "threads=128,order=mixed"):
        session.run(*suite, "--gradcore-backend", f"cuda:runtime=host,{options}", *given)
    session.run("python", "-m", "pytest", "-q", "tests/test_cuda.py")


@nox.session
def pages(session: nox.Session) -> None:
    """Write what is made from code, declarations, reports and benchmarks into the pages."""
    session.install("-e", ".")
    for script in ("ops", "matrix", "house", "words", "theano_names", "gallery"):
        session.run("python", f"docs/{script}.py")


@nox.session
@nox.parametrize("example", EXAMPLES)
def example_plugin(session: nox.Session, example: str) -> None:
    """Install gradcore and an example of a plugin as wheels, and run the plugin's tests."""
    folder = session.create_tmp()
    shutil.rmtree(folder, ignore_errors=True)
    session.install("build")
    for source in (".", f"examples/{example}"):
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, source)
    session.install(*map(str, Path(folder).glob("*.whl")), "pytest")
    session.run("gradcore", "backends")
    session.chdir(f"examples/{example}")
    session.run("python", "-P", "-m", "pytest", "-q")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff>=0.8")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".[dev]")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation, with warnings as errors, into build/docs/html."""
    session.install("-e", ".[docs]")
    session.run("python", "docs/web/build.py", *session.posargs)


@nox.session
def snippets(session: nox.Session) -> None:
    """Run every snippet of the pages and the docstrings."""
    session.install("-e", ".[test]")
    session.run("pytest", "README.md", "CONTRIBUTING.md", "docs", "gradcore")


@nox.session
def gallery(session: nox.Session) -> None:
    """Run the examples and draw what they find, for the gallery of the documentation."""
    session.install("-e", ".[examples,dask]", "matplotlib")
    session.run("python", "docs/gallery.py", "--pictures", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Test pictures of graphs in a browser; with ``--pictures``, draw those of the documentation.

    It takes Chromium or Chrome where that is installed, or what GRADCORE_BROWSER names.
    """
    session.install("-e", ".[test]", "playwright")
    files = ("tests/test_viewing_browser.py", "tests/test_viewing.py")
    if session.posargs == ["--pictures"]:
        session.run("python", "docs/viewer.py")
    else:
        session.run("pytest", "--exhaustive", "-q", *files, *session.posargs)


@nox.session
def vendor(session: nox.Session) -> None:
    """Renew the library in the pages of `gradcore.view`: the newest release, or ``-- VERSION``."""
    session.run("python", "docs/vendor.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time gradcore beside its peers; prints tables."""
    session.install("-e", ".", "jax", "pytensor", "torch==2.13.0")
    session.install("casadi", "numexpr", "autograd", "matplotlib", "threadpoolctl")
    session.run("python", "benchmarks/startup.py")
    session.run("python", "benchmarks/growth.py")
    session.run("python", "benchmarks/compare.py")
    session.run("python", "benchmarks/models.py")


@nox.session
def ecosystem(session: nox.Session) -> None:
    """Run what is said of other libraries' arrays, tables, estimators and samplers, with them."""
    session.install("-e", ".[test,all]", *PINNED["torch"])
    session.install("pandas", "polars", "xarray", "blackjax", "nutpie", "arviz")
    files = "tests/test_ecosystem.py", "tests/test_optimize_operators.py", "tests/test_samplers.py"
    session.run("pytest", *files, "docs/howto", *session.posargs)


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Build the wheel of a Python, and run the tutorial with nothing but it installed."""
    folder = session.create_tmp()
    shutil.rmtree(folder, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", folder)
    (built,) = Path(folder).glob(f"*-cp{str(session.python).replace('.', '')}-*.whl")
    session.run("python", "-m", "pip", "uninstall", "--yes", "--quiet", "build")
    session.install(str(built))
    session.run("python", "-P", "examples/tutorial.py")
    session.run("gradcore", "backends")
