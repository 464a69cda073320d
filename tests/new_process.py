"""A program that runs in a process of its own."""

import json
import os
import subprocess
import sys
import textwrap


def in_a_new_process(program, **environment):
    """Run ``program`` and return what it printed, as JSON, and what it told on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr
