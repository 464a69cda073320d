"""Programs that are written for Theano: ``import theano`` means gradcore.

``python -m gradcore.theano script.py`` runs a script so; a program does it for itself with

>>> import gradcore.theano
>>> gradcore.theano.install()
>>> import theano
>>> import theano.tensor as T
>>> x = T.dscalar("x")
>>> theano.function([x], T.grad(x ** 2, x))(4.0)
array(8.)
>>> gradcore.theano.uninstall()

Theano's modules are tables (`gradcore.theano.tables`) of names, which mean what gradcore has under
those names, and `gradcore.theano.door` makes modules of them when they are imported.  What Theano
means otherwise than gradcore, and programs rely on, is written here and nowhere else: in
`tensors`, `nets`, `functions`, `streams` and `flags`.

The decision: what is good for everybody is in gradcore itself, so that these modules stay thin.
Rejected: modules of Python for each of Theano's, which are many and say nothing but names.
"""

from gradcore.theano.door import install as install
from gradcore.theano.door import is_installed as is_installed
from gradcore.theano.door import uninstall as uninstall
