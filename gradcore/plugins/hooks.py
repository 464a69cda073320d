"""The hooks: what a plugin may contribute, and the marks that make a function one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pluggy

from gradcore.backend import Backend, Kernels
from gradcore.errors import PluginError
from gradcore.graph import Op
from gradcore.rewrite import Pass, Rule

GROUP = "gradcore"
"""The entry-point group."""

API = 1
"""The version of the hooks.  A plugin may say which it was written for: ``GRADCORE_API = 1``."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks a function of a plugin as a hook.

>>> from gradcore.plugins import register, registry, unregister
>>> class Listing:
...     @hookimpl
...     def gradcore_exporters(self):
...         return {"listing": "my_package.listing:files"}
>>> register(Listing(), "listing")
>>> registry().exporters["listing"]
'my_package.listing:files'
>>> unregister("listing")
"""


@dataclass(frozen=True)
class KnownFailure:
    """Cases of the conformance suite that a backend is known to fail; a pass is a failure too.

    The fields but for the reason are patterns as of a shell (``*`` matches anything).

    op : the name of an op.
    check : the name of a check.
    reason : why it fails.
    case : the rest of the name of a case: dtype, shape, layout.

    Raises PluginError: a field is no text, or is empty.

    >>> KnownFailure("exp", "value", "it flushes subnormals", "*subnormal*").op
    'exp'
    """

    op: str
    check: str
    reason: str
    case: str = "*"

    def __post_init__(self) -> None:
        """Check the fields."""
        for field in fields(self):
            value: Any = getattr(self, field.name)
            if not isinstance(value, str) or not value.strip():
                raise PluginError(
                    f"a KnownFailure has as its {field.name} {value!r}, no text",
                    fix="its fields are patterns, and the reason a sentence",
                )


class Hooks:
    """The hooks.

    One with an argument is called for each backend or stage that there is.  It may omit the
    argument and return a table instead, by the names of these: then names that there are not
    are found.

    >>> from gradcore.plugins import register, registry, unregister
    >>> class Honest:
    ...     @hookimpl
    ...     def gradcore_known_failures(self, backend):
    ...         return [KnownFailure("exp", "value", "it flushes them")] * (backend == "numpy")
    >>> register(Honest(), "honest")
    >>> registry().known_failures["numpy"][0].reason
    'it flushes them'
    >>> unregister("honest")
    """

    @hookspec
    def gradcore_backends(self) -> Iterable[Backend]:
        """Return backends, usable or not; an unusable one says why."""
        return ()

    @hookspec
    def gradcore_ops(self) -> Iterable[Op | type[Op]]:
        """Return ops declared outside the core: elementwise ops, and classes with samples.

        The conformance suite runs them on every backend.
        """
        return ()

    @hookspec
    def gradcore_kernels(self, backend: str) -> Kernels:
        """Return kernels for ``backend`` of ops that are not its own; see `gradcore.backend`.

        It is asked only for backends that work here.
        """
        return {}

    @hookspec
    def gradcore_lowerings(self, backend: str) -> Mapping[Any, Any]:
        """Return what a backend that generates code needs for ops that are not its own.

        Under a class of ops a rule, ``rule(lowering, node)``, which places loops
        (`gradcore.kernel.lowering`); under the name of an `Op.extern` the function of that name,
        as the backend takes it: a `gradcore_c.externs.Source` for "c", for "cuda" a function
        ``(xp, *operands)`` of arrays on the device that returns a list of such, where ``xp`` is
        CuPy (NumPy on the host).

        It is asked for each backend when plugins are read, whether or not that works here.
        """
        return {}

    @hookspec
    def gradcore_rules(self, stage: str) -> Iterable[Rule | Pass]:
        """Return rules to add to a stage of the optimizer, and passes to run after it.

        Each declares what it may change on floats (`gradcore.rewrite.Changes`); the default is
        nothing, and what re-associates, cancels or loses the sign of a zero runs by choice.
        """
        return ()

    @hookspec
    def gradcore_exporters(self) -> Mapping[str, Any]:
        """Return targets of `gradcore.export`: under the name of each a function.

        Or, as text, where it is: ``"module:function"``, imported when it is first used.  It is
        called with a `gradcore.exporting.Exportable` and the user's options, and returns a table
        of the files to write: for each name its text, or bytes.
        """
        return {}

    @hookspec
    def gradcore_known_failures(self, backend: str) -> Iterable[KnownFailure]:
        """Return what ``backend`` is known to fail in the conformance suite."""
        return ()
