"""Draws the pictures of the page about `gradcore.view`: ``nox -s browser -- --pictures``.

With ``--times`` it says how long a page of 10,000 nodes takes instead, as the page reports.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import gradcore
import gradcore.tensor as T  # noqa: N812 - as pages write it

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "examples")]

from browser import browser, opened  # noqa: E402 - tests are no package

PICTURES = ROOT / "docs/pictures/view"


def logistic() -> Any:
    """Return a function of the loss of a logistic regression and its gradient."""
    x, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
    loss = T.mean(T.log(1 + T.exp(-y * T.dot(x, w))))
    return gradcore.function([x, y, w], [loss, T.grad(loss, w)], name="logistic")


def loop() -> Any:
    """Return a function of a recurrent network, with a profile of some calls."""
    x, w = T.dmatrix("x"), T.dmatrix("W")

    def step(row: Any, h: Any) -> Any:
        return T.tanh(row + T.dot(h, w))

    h, _ = gradcore.scan(step, sequences=x, outputs_info=T.zeros_like(x[0]))
    f = gradcore.function([x, w], T.grad(T.sum(h[-1] ** 2), w), profile=True, name="slope")
    for _ in range(10):
        f(np.full((50, 64), 0.1), np.eye(64))
    return f


def draw() -> None:
    """Draw all pictures."""
    script = """
    const go = (op) => viewer.goTo([...viewer.model.all(viewer.step).keys()]
      .find((n) => viewer.model.nodes[n].op === op));
    const step = (rule) => viewer.setStep(viewer.model.steps.findIndex((s) => s.rule === rule) + 1);
    const fit = () => { viewer.touched = false; viewer.drawing.fit(); };
    """
    shots = {
        "view_runs": (logistic, "light", "go('softplus'); fit();"),
        "view_step": (logistic, "light", "step('log1p_of'); viewer.panel.show('steps'); fit();"),
        "view_loop": (loop, "dark", "go('tanh'); fit();"),
    }
    with browser() as found, tempfile.TemporaryDirectory() as folder:
        for name, (make, scheme, action) in shots.items():
            path = gradcore.view(make()).save(Path(folder, name))
            with opened(found, path, 1200, 720, scheme) as (page, _):
                page.evaluate(f"() => {{ {script} {action} }}")
                page.wait_for_timeout(300)
                page.screenshot(path=PICTURES / f"{name}.png")


def times() -> None:
    """Print how long a page of 10,000 nodes takes to be made, opened and used."""
    large = runpy.run_path(str(ROOT / "tests/test_viewing_browser.py"))["large"]
    f = large(10_000)
    start = time.perf_counter()
    view = gradcore.view(f)
    made = time.perf_counter()
    size = len(view.html) / 1e6
    written = time.perf_counter()
    with browser() as found, tempfile.TemporaryDirectory() as folder:
        path = view.save(Path(folder, "large"))
        start_of_page = time.perf_counter()
        with opened(found, path) as (page, _):
            rows = {
                "described": made - start,
                "written": written - made,
                "opened": time.perf_counter() - start_of_page,
            }
            for what, action in {
                "search": "viewer.search('tanh h2500')",
                "shown, scopes opened": "viewer.goTo(viewer.search('tanh h2500')[0])",
                "all unfolded and laid out": "viewer.setFold('none')",
                "a frame drawn, near": "viewer.drawing.drawn()",
                "a frame drawn, all of it": "viewer.drawing.fit(), viewer.drawing.drawn()",
                "a click": "viewer.select(viewer.drawing.flat()[5000].key)",
            }.items():
                timed = "() => {{ const t = performance.now(); {}; return performance.now() - t; }}"
                rows[what] = page.evaluate(timed.format(action)) / 1e3
    sys.stdout.write(f"10,000 nodes, {size:.1f} MB\n")
    for what, seconds in rows.items():
        sys.stdout.write(f"{what:28} {seconds:8.3f} s\n")


if __name__ == "__main__":
    (times if "--times" in sys.argv else draw)()
