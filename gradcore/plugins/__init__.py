"""What plugins contribute, and the one frozen registry that it is folded into.

A plugin is a module (or an object) with hooks that return data, marked with `hookimpl`.  It is
found through the ``gradcore`` entry-point group when something is first asked for, or handed to
`register`.  Whatever it is and returns is checked: a plugin that cannot be imported, is misspelt or
returns nonsense is disabled with a warning, and `Registry.disabled` lists it with its distribution
and the reason.  `disable`, or the environment variable ``GRADCORE_DISABLE_PLUGINS``, disables
what works.

``sources`` finds plugins, ``reading`` reads one, ``checking`` checks what it contributes,
``folding`` makes of all of them one registry, ``registering`` stores it, and ``faults`` says what a
plugin raises.

The decision: hooks return data, and the registry does not change while it is used.  Rejected: hooks
that are called while graphs are compiled, which make a plugin's order of import matter; errors of
one plugin that stop everything, as they hit people who do not use it.
"""

from gradcore.plugins.folding import Registry as Registry
from gradcore.plugins.hooks import API as API
from gradcore.plugins.hooks import GROUP as GROUP
from gradcore.plugins.hooks import Hooks as Hooks
from gradcore.plugins.hooks import KnownFailure as KnownFailure
from gradcore.plugins.hooks import hookimpl as hookimpl
from gradcore.plugins.registering import disable as disable
from gradcore.plugins.registering import enable as enable
from gradcore.plugins.registering import register as register
from gradcore.plugins.registering import registry as registry
from gradcore.plugins.registering import reload as reload
from gradcore.plugins.registering import unregister as unregister
from gradcore.plugins.sources import Disabled as Disabled
from gradcore.plugins.sources import Source as Source
