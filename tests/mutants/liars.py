"""What mutants are made of: the reference, and a lie."""

from collections.abc import Callable

import numpy as np

import gradcore_numpy
from gradcore.execute import straight_line


class Mutant(gradcore_numpy.NumpyBackend):
    """A backend that is the reference but for one lie.

    ops : what it is run on: ops, loops and programs.
    threads : whether it is run in several threads at once, as at level full.
    """

    name = "mutant"
    ops: tuple[str, ...] = ()
    threads = False

    def kernel(self, node):
        return node.op.kernel(node)

    def compile(self, graph, profile=None, fallback=()):
        run = straight_line(graph, self.kernel)

        def execute(*values):
            with np.errstate(all="ignore"):
                return self.finish(run(*values), values)

        return execute

    def finish(self, outputs, values):
        return gradcore_numpy.owned(outputs, values)


def lies(*ops: str) -> Callable[..., type[Mutant]]:
    """Make a mutant of a function that returns what an op computes: ``lie(node, right)``.

    ops : the ops that it lies about.
    """

    def made(lie):
        def kernel(self, node):
            right = Mutant.kernel(self, node)
            return lie(node, right) if node.op.label() in ops else right

        name = "".join(word.capitalize() for word in lie.__name__.split("_"))
        return type(name, (Mutant,), {"__doc__": lie.__doc__, "ops": ops, "kernel": kernel})

    return made


def is_of(x, kind):
    """Return whether an array is of a dtype."""
    return np.asarray(x).dtype == kind
