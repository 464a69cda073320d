"""A graph to look at: a page for a browser, which needs no network.

`view` makes a `View`, which shows itself in notebooks and is saved as one file of HTML: the graph
as it was written and as it runs, every firing of the optimizer between, the generated code, and a
profile if there is one.

====================  ==============================================================================
module                what it is
====================  ==============================================================================
`description`         what is shown, as plain data: the schema of the JSON in a page
`history`             the states of a graph while it is compiled, as changes
`recording`           a graph compiled again, for its history
`lines`               which lines of generated code compute a node
`describing`          from all that to a `description.Description`
`pages`               from a description to HTML
====================  ==============================================================================

The decision: nothing of it is noted when a function is compiled; a function is compiled again when
it is viewed.  What draws is plain JavaScript in ``page``, with one library beside it, dagre, for
the layout (MIT licence), committed as it was released, so that an editable install needs neither
Node.js nor a network; ``nox -s vendor`` renews it, and a test compares its checksum.  Rejected: to
bundle it when a wheel is built, which would need npm there; ELK, whose layouts are better and whose
1.6 MB would be in every page; a framework, for a page of one picture and one panel.
"""

from __future__ import annotations

import pkgutil
from typing import Any

from gradcore.language import word


@word
def view(graph: Any) -> Any:
    """Return a picture of a graph that can be walked through: a `gradcore.viewing.views.View`.

    graph : a compiled function, a variable, or a list of variables.  Of a function it is the graph
        that runs, with the code that was generated and, with ``profile=True``, what was measured
        so far; of variables, what a function of them without a mode would be.

    The result shows itself in a notebook; ``.save(path)`` writes it as one file of HTML, which
    needs no network, ``.open()`` opens that in a browser, and ``.description`` is what it shows, as
    data.  The graph is compiled again for it, without running the compiler of C.

    Raises TypeError: it is none of these.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], T.log(1 + T.exp(x)), name="f")
    >>> gradcore.view(f)
    <view of f(x): 3 nodes as written, 1 as it runs, 2 steps>
    >>> [step.rule for step in f.view().description.steps if step.rule]
    ['log1p_of', 'softplus_of']
    """
    return pkgutil.resolve_name("gradcore.viewing.views:View")(graph)
