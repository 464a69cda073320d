"""The benchmark of a CUDA device, ``benchmarks/cuda.py``, by subject.

=========  =====================================================================================
module     what it is
=========  =====================================================================================
`cases`    the programs that all systems run, with their inputs and what is meant to be reached
`systems`  gradcore, torch and JAX: how a case is built for each
`checks`   conformance, the tutorial and compute-sanitizer: whether the device computes right
`timing`   the seconds of a call, the bandwidth of a copy, and results beside the reference
`report`   the machine, the tables and the file of results
=========  =====================================================================================
"""

import peers.checkout  # noqa: F401 - before gradcore: it need not be installed
