"""Writes the table of words by name into `docs/words.md`: what of other libraries is here.

Run it: ``python docs/words.py``; the libraries must be installed, but for Theano, whose names stand
in `docs/absent_words.py` with the reasons why others are no words.  A test sees to it that each
function of a library is a word, or stands there, and how many everyday ones are absent.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from absent_words import ABSENT, NOT_EVERYDAY, OTHER_NAMES, THEANO, THEANO_NAMES

import gradcore
from gradcore import tensor

PAGE = Path(__file__).with_suffix(".md")

LIBRARIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "numpy": ("NumPy", ()),
    "numpy.linalg": ("NumPy", ("linalg",)),
    "numpy.fft": ("NumPy", ("fft",)),
    "scipy.special": ("SciPy", ("special",)),
    "scipy.linalg": ("SciPy", ("linalg",)),
    "pytensor.tensor": ("PyTensor", ("special", "linalg", "nn")),
    "theano": ("Theano 1.0's documentation", ("linalg", "nn", "nnet", "nlinalg", "slinalg", "fft")),
    "jax.numpy": ("JAX", ()),
    "jax.nn": ("JAX", ("nn",)),
    "jax.lax": ("JAX", ("special", "linalg", "nn")),
}
"""The namespaces that are compared: the library, and where of ``T`` else their words may be."""

VERSIONS = {"numpy": "2.4.6", "scipy": "1.17.1", "pytensor": "3.0.7", "jax": "0.10.2"}
"""The versions whose names are accounted for."""

MOST_ABSENT = 0.05
"""What part of the everyday names of a library may be absent."""


@dataclass(frozen=True)
class Coverage:
    """The names of a library, sorted.

    here : words of the same name.
    renamed : for other names, where that is here.
    outside : those that are no everyday ones, and why.
    absent : everyday ones that are absent, and why.
    unknown : those of which nothing is said.
    """

    here: set[str]
    renamed: Mapping[str, str]
    outside: Mapping[str, str]
    absent: Mapping[str, str]
    unknown: set[str]

    @property
    def everyday(self) -> int:
        """How many everyday names there are."""
        return len(self.here) + len(self.renamed) + len(self.absent) + len(self.unknown)

    @property
    def share(self) -> float:
        """What part of them is absent."""
        return (len(self.absent) + len(self.unknown)) / self.everyday


def functions(library: ModuleType) -> set[str]:
    """Return the names of the public functions of a namespace."""
    exported: list[str] = getattr(library, "__all__", [])
    listed = set(exported) if library.__name__.startswith("scipy") else None
    return {
        name
        for name in dir(library)
        if not name.startswith("_")
        and callable(value := getattr(library, name))
        and not isinstance(value, (type, ModuleType))
        and (listed is None or name in listed or type(value).__name__ == "ufunc")
    }


def names(module: str) -> set[str]:
    """Return the names of a namespace that are compared."""
    return set(THEANO.split()) if module == "theano" else functions(importlib.import_module(module))


def here(module: str) -> set[str]:
    """Return the words that stand for the names of a namespace."""
    found: set[str] = {*vars(tensor), *vars(gradcore)}
    for room in LIBRARIES[module][1]:
        namespace: ModuleType = getattr(tensor, room)
        found.update(vars(namespace))
    return found


def others(module: str) -> dict[str, str]:
    """Return where names are that have another one here."""
    text = THEANO_NAMES if module == "theano" else OTHER_NAMES.get(module, "")
    if module == "jax.numpy":  # NumPy's names
        text = OTHER_NAMES["numpy"]
    return dict(pair.split("=") for pair in text.split())


def reasons(said: Mapping[str, str]) -> dict[str, str]:
    """Return why, by name."""
    return {name: why for why, several in said.items() for name in several.split()}


def coverage(module: str) -> Coverage:
    """Return what of a namespace is here."""
    every, renamed = names(module), others(module)
    left = every - here(module)
    outside, absent = reasons(NOT_EVERYDAY), reasons(ABSENT)
    return Coverage(
        every - left,
        {name: renamed[name] for name in left if name in renamed},
        {name: outside[name] for name in left - set(renamed) if name in outside},
        {name: absent[name] for name in left - set(renamed) - set(outside) if name in absent},
        left - set(renamed) - set(outside) - set(absent),
    )


def found(place: str) -> Any:
    """Return what stands at a place such as ``nn.conv`` or ``gradcore.map``."""
    value: Any = gradcore if place.startswith("gradcore.") else tensor
    for part in place.removeprefix("gradcore.").split("."):
        value = getattr(value, part)
    return value


# the page ---------------------------------------------------------------------------------------
def row(module: str, of: Coverage) -> str:
    """Return a row of the table."""
    library, _ = LIBRARIES[module]
    version = VERSIONS.get(module.split(".", maxsplit=1)[0])
    title = f"{library} {version}, `{module}`" if version else library
    total = of.everyday + len(of.outside)
    counts = total, len(of.here), len(of.renamed), len(of.outside), len(of.absent)
    return f"| {title} | {' | '.join(map(str, counts))} | {100 * of.share:.1f}% |"


def by_reason(said: Mapping[str, str]) -> str:
    """Return rows of reasons, each with its names."""
    several: dict[str, list[str]] = {}
    for name in sorted(said):
        several.setdefault(said[name], []).append(f"`{name}`")
    return "\n".join(f"| {why} | {', '.join(some)} |" for why, some in sorted(several.items()))


def page() -> str:
    """Return the page."""
    every = {module: coverage(module) for module in LIBRARIES}
    table = "\n".join(row(module, of) for module, of in every.items())
    renamed = {
        name: f"`{'' if place.startswith('gradcore.') else 'T.'}{place}`"
        for of in every.values()
        for name, place in of.renamed.items()
    }
    absent = {name: why for of in every.values() for name, why in of.absent.items()}
    outside = {name: why for of in every.values() for name, why in of.outside.items()}
    return f"""# Words by name

Functions that are here under the name that another library taught: their meaning is NumPy's, except
where Theano's name has another, which the docstring says. What has another name counts as here,
beside it; what is about files, memory, compilers or rare functions is not counted as everyday.
`docs/words.py` counts; a test sees to it that no name is forgotten, and that less than 5 % of all
everyday names are absent.

| library | functions | same name | other name | not everyday | absent | of everyday ones |
|---|---|---|---|---|---|---|
{table}

## Everyday names that are absent

| why | functions |
|---|---|
{by_reason(absent)}

## Other names

| here | functions |
|---|---|
{by_reason(renamed)}

## Names that are not counted

| why | functions |
|---|---|
{by_reason(outside)}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE}\n")
