"""The systems that are compared, and the programs that they run.

A system is a module here with a function ``build(case, inputs, ...)``; a case is a row of
`peers.cases`.  What gradcore and PyTensor run is the same source, and so is what JAX and autograd
differentiate.  A module is imported when it is used: not every system is installed everywhere.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class System:
    """Something that runs cases.

    name : for the table.
    module : of this package.
    options : for the module's ``build``.
    kind : "gradcore", "peer", "limit" (C written by hand), or "unchecked" (a peer without the
        checks of its arguments, which takes no part in the ratio).
    package : what must be installed; empty: nothing.
    slow : whether it takes many seconds to compile a case.
    """

    name: str
    module: str
    options: tuple[str, ...] = ()
    kind: str = "peer"
    package: str = ""
    slow: bool = False

    def version(self):
        """Return the version of what it needs, "" if it needs nothing, None if it is not here."""
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            return None

    def build(self, case, inputs):
        """Return a case's program."""
        return import_module(f"peers.{self.module}").build(case, inputs, *self.options)


PEERS = (
    System("NumPy", "numpy", package="numpy"),
    System("JAX", "jax", package="jax"),
    System("torch", "torch", ("eager",), package="torch"),
    System("torch.compile", "torch", ("compile",), package="torch", slow=True),
    System("PyTensor C", "pytensor", ("c",), package="pytensor", slow=True),
    System("PyTensor numba", "pytensor", ("numba",), package="pytensor", slow=True),
    System(
        "PyTensor C unchecked", "pytensor", ("c", "unchecked"), "unchecked", "pytensor", slow=True
    ),
    System("CasADi", "casadi", package="casadi"),
    System("numexpr", "numexpr", package="numexpr"),
    System("autograd", "autograd", package="autograd"),
    System("C by hand", "c", kind="limit"),
)


def in_mode(mode):
    """Return the system that is gradcore in a mode."""
    return System(f"gradcore {mode}", "gradcore", (mode,), "gradcore", "gradcore")
