"""Compilation: from variables to a function that can be called."""

from gradcore.compile.arguments import In as In
from gradcore.compile.arguments import Out as Out
from gradcore.compile.function import Function as Function
from gradcore.compile.function import function as function
from gradcore.compile.maker import FunctionMaker as FunctionMaker
