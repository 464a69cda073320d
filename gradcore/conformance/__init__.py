"""The conformance suite: every backend against the reference.

Run it: ``pytest --pyargs gradcore.conformance --gradcore-backend NAME [--level smoke|core|full]``.

``samples`` says what ops are tested on, ``variants`` varies their extents and values, and knows
from the reference which of them must be refused; ``special``, ``layouts``, ``loops`` and
``programs`` have more to test on; ``checks`` makes graphs of them, ``precision`` says how far off
a result may be; ``case`` is one thing to run, ``cases`` enumerates them all; ``source`` prints a
program for a failure, ``report`` counts; ``test_backend`` is the test that pytest finds,
``options`` its command line.
"""
