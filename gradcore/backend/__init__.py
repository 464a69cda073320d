"""Backends: what one is, and the two kinds that are ready to be filled in.

``contract`` says what a backend must do; ``arrays`` is a backend that is a table of kernels over
an array library; ``loops`` is one that generates code, a renderer and a runtime; ``coverage`` finds
what a backend lacks; ``records`` notes where time goes, which
``profile`` shows.

``LoopBackend`` is imported from ``gradcore.backend.loops``, not from here: it brings the kernel
layer along, for which nobody shall wait who generates no code.
"""

from gradcore.backend.arrays import ArrayBackend as ArrayBackend
from gradcore.backend.arrays import Kernels as Kernels
from gradcore.backend.contract import Backend as Backend
from gradcore.backend.contract import Deferred as Deferred
from gradcore.backend.contract import Embedding as Embedding
from gradcore.backend.contract import Executable as Executable
from gradcore.backend.contract import Unavailable as Unavailable
from gradcore.backend.coverage import Lacking as Lacking
from gradcore.backend.coverage import lacking as lacking
from gradcore.backend.coverage import refuse as refuse
from gradcore.backend.profile import Profile as Profile
from gradcore.backend.records import BlockUse as BlockUse
from gradcore.backend.records import NestTime as NestTime
from gradcore.graph.declaration import performs as performs
