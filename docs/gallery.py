"""Writes the page of the examples, and, with ``--pictures``, runs them and draws what they find.

The page follows from the docstrings, and a test compares: ``nox -s pages``.  The pictures take a
minute, and matplotlib and scikit-learn: ``nox -s gallery``.
"""

from __future__ import annotations

import ast
import re
import runpy
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/gallery.md"
PICTURES = ROOT / "docs/pictures"
SIZE = (6.4, 3.6)
"""Of a picture, in inches of 80 pixels."""

Drawing = Callable[[dict[str, Any], Path], None]


def pyplot() -> Any:
    """Return matplotlib, which draws into files."""
    import_module("matplotlib").use("agg")
    return import_module("matplotlib.pyplot")


def saved(path: Path, draw: Callable[[Any], None]) -> None:
    """Write a picture of what ``draw`` draws into axes."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    draw(axes)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def own(run: str, count: int) -> Drawing:
    """Return a drawing by the example's own `draw`, of the first results of its function."""

    def drawn(example: dict[str, Any], path: Path) -> None:
        pyplot()
        found = example[run]()
        example["draw"](*found[:count], path)

    return drawn


def training(example: dict[str, Any], path: Path) -> None:
    """Draw how the loss falls, with the accuracy that is reached."""
    losses, accuracy = example["main"]()

    def draw(axes: Any) -> None:
        axes.semilogy(range(1, len(losses) + 1), losses, marker="o")
        title = f"{accuracy:.1%} of other digits are read"
        axes.set(xlabel="times through the data", ylabel="loss", title=title)

    saved(path, draw)


def digits(example: dict[str, Any], path: Path) -> None:
    """Draw the digits that an autoencoder has drawn."""
    _, drawn = example["main"]()

    def draw(axes: Any) -> None:
        axes.imshow(np.hstack(drawn.reshape(-1, 8, 8)), cmap="gray_r")
        axes.set_axis_off()
        axes.set_title("digits that nobody has written")

    saved(path, draw)


def process(example: dict[str, Any], path: Path) -> None:
    """Draw a Gaussian process, with two standard deviations."""
    places, values = example["observations"]()
    scales, _ = example["fitted"](places, values)
    wanted = np.linspace(0, 10, 200)
    mean, spread = example["predicted"](places, values, scales, wanted)

    def draw(axes: Any) -> None:
        axes.fill_between(wanted, mean - 2 * spread, mean + 2 * spread, alpha=0.25)
        axes.plot(wanted, mean, label="the process, and twice its spread")
        axes.plot(wanted, np.sin(wanted), "k:", label="the sine behind it")
        axes.plot(places, values, "k.", label="what was seen")
        axes.legend(fontsize="small")

    saved(path, draw)


def kalman(example: dict[str, Any], path: Path) -> None:
    """Draw what a filter makes of what was seen."""
    gradcore, tensor = import_module("gradcore"), import_module("gradcore.tensor")
    states, observed = example["simulated"]()
    scales, _, _ = example["fitted"](observed)
    seen, logs = tensor.dmatrix("seen"), tensor.dvector("logs")
    means = gradcore.function([seen, logs], example["filtered"](seen, logs)[0])(observed, scales)
    part = slice(100, 160)

    def draw(axes: Any) -> None:
        axes.plot(observed[part, 0], "k.", label="seen")
        axes.plot(states[part, 0], "k:", label="the truth")
        axes.plot(means[part, 0], label="filtered")
        axes.set(xlabel="step", ylabel="place")
        axes.legend(fontsize="small")

    saved(path, draw)


def balance(example: dict[str, Any], path: Path) -> None:
    """Draw the way of a cart and its pendulum to where they are to stay."""
    states = example["simulated"](example["controller"]())

    def draw(axes: Any) -> None:
        seconds = [k * example["STEP"] for k in range(len(states))]
        axes.plot(seconds, states[:, 0], label="place (m)")
        axes.plot(seconds, states[:, 1], label="angle")
        axes.set(xlabel="seconds")
        axes.legend(fontsize="small")

    saved(path, draw)


def posterior(example: dict[str, Any], path: Path) -> None:
    """Draw what is known of a population, beside the truth."""
    table, _ = example["main"]()
    truth = example["TRUTH"]

    def draw(axes: Any) -> None:
        means, deviations, _ = zip(*table.values(), strict=True)
        axes.errorbar(means, range(len(table)), xerr=np.array(deviations) * 2, fmt="o", capsize=4)
        axes.plot(list(truth.values()), range(len(table)), "kx", label="the truth")
        axes.set_yticks(range(len(table)), list(table))
        axes.set(xlabel="mean, and two standard deviations")
        axes.legend(fontsize="small")

    saved(path, draw)


def chain(example: dict[str, Any], path: Path) -> None:
    """Draw the chain that the optimizers agree on."""
    found = example["main"]()

    def draw(axes: Any) -> None:
        for (name, (_, _, (x, y))), style in zip(found.items(), ("o-", "x:", "+:"), strict=False):
            axes.plot([0, *x, 1], [0, *y, 0], style, label=name)
        axes.axhline(example["TABLE"], color="k")
        axes.set(aspect="equal")
        axes.legend(fontsize="small")

    saved(path, draw)


DRAWINGS: Mapping[str, Drawing | None] = {
    "gaussian_process": process,
    "kalman_filter": kalman,
    "controller": balance,
    "hierarchical_hmc": posterior,
    "log_density": None,
    "hanging_chain": chain,
    "bratu": own("solved", 1),
    "sparse_fem": own("found", 5),
    "spectral_flow": own("found", 3),
    "phase_retrieval": own("retrieved", 3),
    "digits_logistic": training,
    "digits_rnn": training,
    "digits_convnet": training,
    "digits_transformer": training,
    "digits_vae": digits,
    "sklearn_estimator": None,
    "two_workers": None,
    "tutorial": None,
}
"""How each example is drawn, in the order of the page; None: it prints, and draws nothing."""


# the page ---------------------------------------------------------------------------------------
def said(name: str) -> tuple[str, str]:
    """Return the title of an example, and what its docstring says besides."""
    doc = ast.get_docstring(ast.parse((ROOT / f"examples/{name}.py").read_text())) or ""
    title, _, rest = doc.partition("\n\n")
    rest = re.sub(r"Run it: ``.*?``\.\s*", "", rest)
    rest = re.sub(r"Where matplotlib is installed, [^.]*``\.", "", rest.replace("\n", " \n"))
    return " ".join(title.split()).rstrip("."), rest.replace("``", "`").replace(" \n", "\n").strip()


def page() -> str:
    """Return the page."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield from ("# Gallery", "")
    yield "Whole programs, each a page of code in the folder `examples`, and what they find."
    yield ""
    for name, draw in DRAWINGS.items():
        title, text = said(name)
        yield from (f"## {title}", "")
        if draw is not None:
            alt = textwrap.shorten(re.split("[:,]", title)[0], 50, placeholder="")
            yield from (f"![{alt}](pictures/{name}.png)", "")
        yield from (_wrapped(text), "") if text else ()
        yield from (f"<!-- source: examples/{name}.py -->", f"`python examples/{name}.py`", "")
    yield from ("## Programs for Theano, and plugins", "")
    yield "`examples/theano_scripts` has twelve programs in the style of 2015, which run [as they"
    yield "are](theano.md); `examples/example_plugin` and `examples/array_api_backend` are"
    yield "distributions with a [backend](backends.md), a rule and an op of their own."


def _wrapped(text: str) -> str:
    """Return paragraphs whose lines are no longer than those of other pages."""
    return "\n\n".join(textwrap.fill(" ".join(p.split()), 100) for p in text.split("\n\n"))


def draw_all(names: list[str]) -> None:
    """Run examples, all or those that are named, and write their pictures."""
    sys.path.insert(0, str(ROOT / "examples"))
    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        if draw is not None and (not names or name in names):
            draw(runpy.run_path(str(ROOT / f"examples/{name}.py")), PICTURES / f"{name}.png")
            sys.stdout.write(f"drew {name}\n")


if __name__ == "__main__":
    if "--pictures" in sys.argv:
        draw_all(sys.argv[sys.argv.index("--pictures") + 1 :])
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE}\n")
