"""How long the scripts written for Theano wait for compilation: gradcore beside PyTensor.

Run it: ``python benchmarks/theano_scripts.py [NAME ...]``.  Each of ``examples/theano_scripts``
runs for one epoch in a fresh process, with an empty cache of compiled code (cold) and with that
which the first run left (warm).  What counts is the seconds in ``theano.function`` and in the first
call of each function that it returned: imports, data and training are not waiting for a compiler.
A table is printed, best of three.

For PyTensor, ``theano`` and its modules mean those of PyTensor that have the same names, and `NNET`
and `Streams` the few names that it has no more.  A script that needs others is left out, with what
it lacks.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import json
import operator
import os
import runpy
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from time import perf_counter

from peers.first import CACHES

SCRIPTS = Path(__file__).parents[1] / "examples/theano_scripts"
SYSTEMS = ("gradcore", "pytensor")
ROUNDS = 3
LONG = 20
"""Seconds of a script that is run once."""

LIMIT = 300
"""Seconds after which a process is ended."""


# in the process of a script ---------------------------------------------------------------------
class Renamed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of PyTensor under Theano's names."""

    def find_spec(self, name, path=None, target=None):
        """Return how a module of Theano's is found."""
        if name.partition(".")[0] != "theano":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        """Return PyTensor's module of that name."""
        return importlib.import_module("pytensor" + spec.name.removeprefix("theano"))

    def exec_module(self, module):
        """Do nothing: it has been run."""


NNET = {
    "sigmoid": "sigmoid", "softplus": "softplus", "softmax": "special.softmax",
    "relu": lambda T: lambda x: T.maximum(x, 0),
    "categorical_crossentropy": lambda T: lambda p, y: -T.log(p[T.arange(y.shape[0]), y]),
}  # fmt: skip
"""Theano's ``tensor.nnet``: for each name that of PyTensor, or what makes it."""


def as_theano(pytensor):
    """Let ``theano`` mean PyTensor, with the names that it has no more."""
    sys.meta_path.insert(0, Renamed())
    T = importlib.import_module("pytensor.tensor")
    importlib.import_module("pytensor.tensor.special")
    stream = importlib.import_module("pytensor.tensor.random.utils").RandomStream

    class Streams(stream):
        """Streams whose draws take Theano's arguments."""

        def __init__(self, seed=None):
            super().__init__(seed)

        def binomial(self, size=None, n=1, p=0.5, dtype="int64"):
            """Return draws of a binomial distribution."""
            return self.gen(T.random.binomial, n, p, size=size).astype(dtype)

        def uniform(self, size=None, low=0.0, high=1.0):
            """Return draws between two numbers."""
            return self.gen(T.random.uniform, low, high, size=size)

        def normal(self, size=None, avg=0.0, std=1.0):
            """Return draws of a normal distribution."""
            return self.gen(T.random.normal, avg, std, size=size)

    T.nnet = types.ModuleType("theano.tensor.nnet")
    for name, what in NNET.items():
        found = operator.attrgetter(what)(T) if isinstance(what, str) else what(T)
        setattr(T.nnet, name, found)
    T.shared_randomstreams = types.ModuleType("theano.tensor.shared_randomstreams")
    T.shared_randomstreams.RandomStreams = Streams
    T.Rop = pytensor.gradient.Rop
    for module in (T.nnet, T.shared_randomstreams):
        sys.modules[module.__name__] = module
    return pytensor


class Timed:
    """A compiled function whose first call is timed."""

    def __init__(self, function, spent):
        self.function = function
        self.spent = spent
        self.called = False

    def __call__(self, *args, **kwargs):
        """Call it."""
        if self.called:
            return self.function(*args, **kwargs)
        self.called = True
        start = perf_counter()
        found = self.function(*args, **kwargs)
        self.spent.append(perf_counter() - start)
        return found

    def __getattr__(self, name):
        """Return an attribute of the function."""
        return getattr(self.function, name)


def run(system, name):
    """Run a script, and print the seconds that it waited."""
    if system == "gradcore":
        importlib.import_module("gradcore.theano").install()
        theano = importlib.import_module("theano")
    else:
        theano = as_theano(importlib.import_module("pytensor"))
    spent = []
    compiled = theano.function

    def function(*args, **kwargs):
        start = perf_counter()
        found = compiled(*args, **kwargs)
        spent.append(perf_counter() - start)
        return Timed(found, spent)

    theano.function = function
    sys.argv = [name, "--epochs", "1"]
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    print(json.dumps(sum(spent)))


# all of them ------------------------------------------------------------------------------------
def waited(system, name, folder):
    """Return the seconds that a script waits in a process of its own, or why it does not run."""
    environment = os.environ | {k: v.format(folder) for k, v in CACHES.items()}
    command = [sys.executable, __file__, "--run", system, name]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"more than {LIMIT} s"
    if done.returncode:
        return (done.stderr.strip().split("\n") or ["it failed"])[-1][:100]
    return json.loads(done.stdout.strip().split("\n")[-1])


def cold_and_warm(system, name):
    """Return the least seconds with an empty cache, and with one that is not; or why not."""
    cold, warm = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            for seconds in (cold, warm):
                found = waited(system, name, folder)
                if isinstance(found, str):
                    return found
                seconds.append(found)
        if cold[-1] > LONG:
            break
    return min(cold), min(warm)


def main(names):
    """Print a row a script."""
    titles = [f"{system}, {kind}" for system in SYSTEMS for kind in ("cold", "warm")]
    print("| script |", " | ".join(titles), "|")
    print("|---|" + "--:|" * len(titles))
    for name in names or sorted(path.stem for path in SCRIPTS.glob("*.py")):
        row = []
        for system in SYSTEMS:
            found = cold_and_warm(system, name)
            row += [found, ""] if isinstance(found, str) else [f"{s:.2f} s" for s in found]
        print(f"| `{name}` |", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="scripts; all")
    parser.add_argument("--run", metavar="SYSTEM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.names[0])
    else:
        main(options.names)
