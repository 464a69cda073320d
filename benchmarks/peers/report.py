"""What was found, as text: the tables of the README, and a plot."""

import re
from pathlib import Path

from peers.cases import NEAR

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def shown(seconds):
    """Return seconds in a sensible unit, or the words that stand in their place."""
    if isinstance(seconds, str):
        return seconds
    size, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    value = seconds / size
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def fastest(times, kinds, *wanted):
    """Return the name and the time of the fastest system of some kinds, or None."""
    found = {name: t for name, t in times.items() if kinds.get(name) in wanted}
    name = min(found, key=found.__getitem__, default=None)
    return None if name is None else (name, found[name])


def ratio(times, kinds):
    """Return how many times longer the best peer took than gradcore, or None."""
    own, peer = fastest(times, kinds, "gradcore"), fastest(times, kinds, "peer")
    return peer[1] / own[1] if own and peer else None


def reached(case, kinds):
    """Return whether gradcore is as fast as a case's row says it is meant to be."""
    own, limit = fastest(case["times"], kinds, "gradcore"), fastest(case["times"], kinds, "limit")
    near = own is not None and limit is not None and own[1] <= NEAR * limit[1]
    return near or (ratio(case["times"], kinds) or 0) >= case["aim"]


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _head(cells):
    return [_row(cells), f"|{'---|' * len(cells)}"]


def printed(head, systems, rows, show):
    """Print a table as its rows are measured, and return the seconds by row and system.

    rows : pairs of a label and the seconds of each system that has it.
    show : what writes seconds.

    The last column is the time of the best of the others over gradcore's.
    """
    found = {}
    print("\n".join(_head([head, *systems, "best of the others / gradcore"])))
    for label, seconds in rows:
        found[label] = seconds
        cells = [show(seconds[name]) if name in seconds else "-" for name in systems]
        others = [t for name, t in seconds.items() if name != "gradcore"]
        known = others and "gradcore" in seconds
        ratio = f"{min(others) / seconds['gradcore']:.2f}" if known else "-"
        print(_row([label, *cells, ratio]), flush=True)
    return found


def summary(found):
    """Yield the table: a case a line."""
    kinds = found["kinds"]
    modes = [name for name, kind in kinds.items() if kind == "gradcore"]
    yield from _head(["work", *modes, "best peer", "ratio", "C by hand", "other peers"])
    for case in found["cases"].values():
        times = case["times"]
        best, limit = fastest(times, kinds, "peer"), fastest(times, kinds, "limit")
        factor = ratio(times, kinds)
        own = fastest(times, kinds, "gradcore")
        strong = "**" if reached(case, kinds) else ""
        others = sorted(
            (t, name) for name, t in times.items()
            if kinds[name] in ("peer", "unchecked") and (best is None or name != best[0])
        )  # fmt: skip
        rest = [f"{name} {shown(t)}" for t, name in others]
        rest += [f"{name}: {why}" for name, why in case["wrong"].items() if name not in modes]
        yield _row([
            case["title"],
            *(shown(times[m]) if m in times else case["wrong"].get(m, "") for m in modes),
            f"{best[0]} {shown(best[1])}" if best else "",
            f"{strong}{factor:.2g}{strong}" if factor else "",
            f"{shown(limit[1])} ({own[1] / limit[1]:.2g}x)" if limit and own else "",
            ", ".join(rest),
        ])  # fmt: skip


def first(found):
    """Yield the table of compile times: cold, and warm in a new process."""
    systems = list(dict.fromkeys(name for row in found.values() for name in row))
    yield from _head(["to the first result, cold / warm", *systems])
    for title, row in found.items():
        cells = [row.get(name, ("", "")) for name in systems]
        yield _row([
            title, *(c[0] if c[0] == c[1] else " / ".join(map(shown, c)) for c in cells)
        ])  # fmt: skip


def sizes(found):
    """Yield the table of compile times of long graphs, and how they grow."""
    systems = list(dict.fromkeys(name for row in found.values() for name in row))
    yield from _head(["nodes of the graph, cold", *systems])
    for nodes, row in found.items():
        yield _row([f"{int(nodes):,}", *(shown(row.get(name, "")) for name in systems)])


def batches(found):
    """Yield the table of many batch sizes."""
    systems = list(found["times"])
    yield from _head([found["title"], *systems])
    yield _row(["all calls and all compilation", *(shown(t) for t in found["times"].values())])
    yield _row(["the same calls again", *(shown(t) for t in found["again"].values())])


def machine(found):
    """Yield a sentence about where and when."""
    versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    threads = ", ".join(f"{k} {v}" for k, v in found["threads"].items())
    yield (
        f"{found['date']}, {found['cpu']}, {found['cores']} cores, {found['memory']}, "
        f"{found['system']}, Python {found['python']}, {found['compiler']}; {versions}. "
        f"Threads: {threads}."
    )


def text(found):
    """Yield the lines of the whole report."""
    yield from machine(found["machine"])
    yield ""
    yield from summary(found)
    for name, table in (("batches", batches), ("first", first), ("sizes", sizes)):
        if found.get(name):
            yield ""
            yield from table(found[name])


def write(path: Path, lines):
    """Put lines between the markers of a page."""
    image = "![Time of the best peer over the time of gradcore](results/compare.png)"
    block = "\n".join(("<!-- compare -->", image, "", *lines, "<!-- end -->"))
    page = re.sub(
        r"<!-- compare -->.*?<!-- end -->", lambda _: block, path.read_text(), flags=re.DOTALL
    )
    path.write_text(page)


def plot(found, path):
    """Draw the ratio of every case; returns whether there is matplotlib to draw it with."""
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - an optional dependency
    except ImportError:
        return False
    kinds = found["kinds"]
    rows = [(c["title"], c["times"], ratio(c["times"], kinds)) for c in found["cases"].values()]
    rows = [row for row in reversed(rows) if row[2]]
    figure, axes = plt.subplots(figsize=(9, 0.34 * len(rows) + 1.4), layout="constrained")
    places = range(len(rows))
    factors = [factor for _, _, factor in rows]
    colours = ["#2a6f97" if f >= 1 else "#bc4749" for f in factors]
    axes.barh(places, [f - 1 for f in factors], left=1, color=colours, height=0.7)
    axes.set_xscale("log")
    axes.set_yticks(places, [title for title, _, _ in rows], fontsize=8)
    for place, (_, times, factor) in zip(places, rows, strict=True):
        name = fastest(times, kinds, "peer")[0]
        axes.annotate(
            f"{factor:.2g}x {name}", (max(factor, 1), place), (4, 0), textcoords="offset points",
            va="center", fontsize=7,
        )  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8)
    axes.axvline(2, color="grey", linewidth=0.8, linestyle=":")
    low, high = min(1, *factors), max(2, *factors)
    axes.set_xlim(low / 1.3, high * 3)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low / 1.3 <= t <= high * 3]
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set_xlabel("time of the best peer / time of gradcore")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return True
