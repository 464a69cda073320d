"""Compilation: from variables to a function that can be called."""

from gradcore.compile.arguments import In as In
from gradcore.compile.arguments import Out as Out
from gradcore.compile.embedding import as_jax as as_jax
from gradcore.compile.embedding import as_torch as as_torch
from gradcore.compile.foreign import from_jax as from_jax
from gradcore.compile.foreign import from_torch as from_torch
from gradcore.compile.function import Function as Function
from gradcore.compile.function import function as function
from gradcore.compile.maker import FunctionMaker as FunctionMaker
from gradcore.compile.monitor import MonitorMode as MonitorMode
from gradcore.compile.monitor import detect_nan as detect_nan
from gradcore.compile.rebuild import clone_replace as clone_replace
from gradcore.compile.rebuild import rebuild_collect_shared as rebuild_collect_shared
