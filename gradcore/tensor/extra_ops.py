"""Theano's ``tensor.extra_ops``: other places of words of `gradcore.tensor`."""

from gradcore.errors import no_attribute
from gradcore.tensor.cumulative import cumprod as cumprod
from gradcore.tensor.cumulative import cumsum as cumsum
from gradcore.tensor.cumulative import diff as diff
from gradcore.tensor.editing import fill_diagonal as fill_diagonal
from gradcore.tensor.editing import fill_diagonal_offset as fill_diagonal_offset
from gradcore.tensor.grids import ravel_multi_index as ravel_multi_index
from gradcore.tensor.grids import unravel_index as unravel_index
from gradcore.tensor.histograms import bincount as bincount
from gradcore.tensor.nn import one_hot as one_hot
from gradcore.tensor.repeats import repeat as repeat
from gradcore.tensor.searching import compress as compress
from gradcore.tensor.searching import searchsorted as searchsorted
from gradcore.tensor.sets import unique as unique
from gradcore.tensor.shapes import squeeze as squeeze
from gradcore.tensor.tapers import bartlett as bartlett

__getattr__ = no_attribute(__name__, globals())
