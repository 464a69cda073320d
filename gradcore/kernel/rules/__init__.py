"""How nodes become loops: a rule for each class of ops, in a file for each family."""

from gradcore.kernel.rules import control, elementwise, externs, index, linalg, reduce, scan, shape

__all__ = ["control", "elementwise", "externs", "index", "linalg", "reduce", "scan", "shape"]
