"""What plugins contribute, and the one frozen registry that it is folded into.

A plugin is a module (or an object) with hooks that return data, marked with `hookimpl`.  It is
found through the ``gradcore`` entry-point group when something is first asked for, or handed to
`register`.  Whatever it returns is checked; conflicts and malformed plugins are errors that name
the plugin; a plugin that cannot be imported makes its backend unavailable, with the reason.

The decision: hooks return data, each is called once, and the registry does not change while it is
used.  Rejected: hooks that are called while graphs are compiled, which make a plugin's order of
import matter.
"""

from gradcore.plugins.folding import Registry as Registry
from gradcore.plugins.hooks import API as API
from gradcore.plugins.hooks import GROUP as GROUP
from gradcore.plugins.hooks import Hooks as Hooks
from gradcore.plugins.hooks import KnownFailure as KnownFailure
from gradcore.plugins.hooks import hookimpl as hookimpl
from gradcore.plugins.registering import register as register
from gradcore.plugins.registering import registry as registry
from gradcore.plugins.registering import unregister as unregister
