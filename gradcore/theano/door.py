"""The door: modules named ``theano`` ... that are made of tables when they are imported.

`install` puts a finder before those of Python; what it finds are `StandIn` modules, in whose tables
(`gradcore.theano.tables`) a name is what gradcore has.  A name that Theano has and gradcore has not
can be imported, and raises, with the reason, when it is used (`Absent`); a name that neither has is
an ImportError or an AttributeError, which says what is nearest.

The decision: importing an absent name works, since programs import at their top what a branch that
nobody takes needs.  A name that Theano has not either must raise at once: programs ask for one name
and take another if there is none.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from gradcore.errors import AbsentNameError, AlreadyImportedError, GraphValueError
from gradcore.graph import here
from gradcore.language import LANGUAGE
from gradcore.theano.absent import ABSENT, LATER, LATER_MODULES, MODULES
from gradcore.theano.flags import CONFIG
from gradcore.theano.successors import tables
from gradcore.theano.tables import THEANO, Table, found
from gradcore.theano.tensors import truth

TABLES = {
    **{name: Table(()) for name in MODULES},
    **{root + name: Table(()) for root in ("pytensor", "aesara") for name in LATER_MODULES},
    **THEANO,
    **tables("pytensor"),
    **tables("aesara"),
}
"""All modules, of all packages."""

PACKAGES = {"theano": "THEANO_FLAGS", "pytensor": "PYTENSOR_FLAGS", "aesara": "AESARA_FLAGS"}
"""The packages whose place can be taken, each with the variable that has its settings."""


class Absent:
    """What stands for a name that is not here: whatever is done with it raises.

    Nothing is an instance of it.

    Raises AbsentNameError.
    """

    __slots__ = ("_name", "_why")

    def __init__(self, name: str, why: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_why", why)

    def _refuse(self) -> NoReturn:
        raise AbsentNameError(f"{self._name} is not here: {self._why}", here())

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse; what Python asks of every object is just not there."""
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __getitem__(self, key: Any) -> NoReturn:
        """Refuse."""
        self._refuse()

    def __iter__(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def __mro_entries__(self, bases: Any) -> NoReturn:
        """Refuse to be the base of a class."""
        self._refuse()

    def __instancecheck__(self, value: Any) -> bool:
        """Return False."""
        return False

    def __repr__(self) -> str:
        """Return the name."""
        return f"<{self._name}, which is not here>"


class StandIn(ModuleType):
    """A module that stands in for one of Theano's; submodules are imported when they are used."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a submodule does not hide a function of its name, as in Theano."""
        table = TABLES.get(self.__name__)
        if isinstance(value, StandIn) and table is not None and name in vars(self):
            return
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        """Return a submodule, or what stands for a name that is not here.

        Raises AttributeError: Theano has no such name, either.
        """
        full = f"{self.__name__}.{name}"
        if full in TABLES:
            return importlib.import_module(full)
        why = reason(self.__name__, name)
        if why is not None:
            return Absent(full, why)
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}{self._near(name)}"
        )

    def __dir__(self) -> list[str]:
        """Return the names, of submodules too."""
        inner = (name.rpartition(".") for name in TABLES)
        return sorted({*super().__dir__(), *(n for above, _, n in inner if above == self.__name__)})

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, [n for n in dir(self) if n[0] != "_"], 1)
        return f"; did you mean {near[0]!r}?" if near else ""


def reason(module: str, name: str) -> str | None:
    """Return why a name of Theano's is not here; None: Theano has none of this name there."""
    root, _, inner = module.partition(".")
    names = ABSENT if root == "theano" else LATER
    place = module if root == "theano" else f".{inner}" if inner else ""
    full = f"{place}.{name}"
    if full in names or name.startswith("__"):
        return names.get(full)
    return names.get(f"{place}.*")


class Finder(MetaPathFinder, Loader):
    """Finds and loads the modules of `TABLES`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a stand-in; None: the name belongs to somebody else.

        Raises ModuleNotFoundError: Theano has no such module or name.
        """
        if fullname.split(".", maxsplit=1)[0] not in _installed:
            return None
        if fullname in TABLES:
            return ModuleSpec(fullname, self, origin="gradcore", is_package=True)
        above, _, name = fullname.rpartition(".")
        parent = sys.modules.get(above)
        if isinstance(parent, StandIn):
            getattr(parent, name, None)
            raise ModuleNotFoundError(
                f"cannot import {name!r} from {above!r}, which gradcore stands in for"
                f"{parent._near(name)}"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own
            )
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the empty module."""
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module with what its table names."""
        table = TABLES[module.__name__]
        module.__doc__ = f"Stands in for ``{module.__name__}``: names of gradcore."
        members: Mapping[str, Any] = found(table)
        vars(module).update(members)
        if module.__name__ in PACKAGES:
            vars(module)["config"] = CONFIG
        module.__all__ = sorted(n for n in vars(module) if n[0] != "_")  # pyright: ignore[reportAttributeAccessIssue] - what a star takes


_FINDER = Finder()
_MEANINGS = {"theano": {"truth": truth}, "aesara": {"truth": truth}}
"""What the words of operators and methods mean with a package, where that is not gradcore's."""

_installed: set[str] = set()
_before: dict[str, Any] = {}


def is_installed(package: str = "theano") -> bool:
    """Return whether ``import theano``, or another package, means gradcore.

    >>> import gradcore, gradcore.tensor as T
    >>> import gradcore.theano
    >>> gradcore.theano.is_installed()
    False
    """
    return package in _installed


def install(*packages: str) -> None:
    """Make packages and their submodules mean gradcore, in this process, from now on.

    packages : "theano", "pytensor" or "aesara"; none: theano.

    Whatever else is installed under that name is passed over.  Settings are read of the environment
    (``THEANO_FLAGS``, ``PYTENSOR_FLAGS``, ``AESARA_FLAGS``).

    Raises AlreadyImportedError: the real one is imported already.  GraphValueError: another name.

    >>> import gradcore, gradcore.tensor as T
    >>> import gradcore.theano
    >>> gradcore.theano.install()
    >>> import theano
    >>> x = theano.tensor.dscalar("x")
    >>> theano.function([x], theano.grad(x ** 2, x))(4)
    array(8.)
    >>> gradcore.theano.uninstall()
    """
    wanted = packages or ("theano",)
    for package in wanted:
        _refuse(package)
    for package in wanted:
        if package in _installed:
            continue
        CONFIG.read_environment(PACKAGES[package])
        _installed.add(package)
        for word, meaning in _MEANINGS.get(package, {}).items():
            _before.setdefault(word, LANGUAGE[word])
            LANGUAGE[word] = meaning
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _refuse(package: str) -> None:
    """Raise an error for a package whose place cannot be taken."""
    if package not in PACKAGES:
        raise GraphValueError(
            f"gradcore takes the place of {', '.join(PACKAGES)}, not of {package!r}", here()
        )
    present = sys.modules.get(package)
    if present is not None and not isinstance(present, StandIn):
        place = getattr(present, "__file__", None) or "elsewhere"
        raise AlreadyImportedError(
            f"{package} is imported already, from {place}",
            here(),
            f"install gradcore's before the first import of {package}",
        )


def uninstall() -> None:
    """Let the packages mean again what they meant before `install`.

    What a program has imported stays as it is.

    >>> import gradcore, gradcore.tensor as T
    >>> import gradcore.theano
    >>> gradcore.theano.install("pytensor")
    >>> gradcore.theano.uninstall()
    >>> gradcore.theano.is_installed("pytensor")
    False
    """
    if not _installed:
        return
    _installed.clear()
    sys.meta_path.remove(_FINDER)
    LANGUAGE.update(_before)
    _before.clear()
    for name in [name for name, module in sys.modules.items() if isinstance(module, StandIn)]:
        del sys.modules[name]
