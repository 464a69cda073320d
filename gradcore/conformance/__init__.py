"""The conformance suite: every backend against the reference.

Run it: ``pytest --pyargs gradcore.conformance --gradcore-backend NAME``.
"""
