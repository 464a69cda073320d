"""Whether a device computes right: conformance, the tutorial, and both under compute-sanitizer."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from device.report import CONSOLE

CHECKOUT = Path(__file__).resolve().parents[2]


def run_pytest(arguments, runtime, tool=(), timeout=3600):
    """Run tests in mode "cuda"; return their last line, and whether they passed."""
    environment = dict(os.environ)
    command = [*tool, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=timeout,
            cwd=CHECKOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"passed": False, "message": f"ended after {timeout} s"}
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if tool:
        lines += [x for x in (done.stdout + done.stderr).splitlines() if "ERROR SUMMARY" in x]
    return {"passed": done.returncode == 0, "message": lines[-1] if lines else "nothing"}


def checked(runtime, quick):
    """Return what tests of the device found, by name, and what did not run."""
    backend = "cuda:runtime=host" if runtime == "host" else "cuda"
    level = "smoke" if quick else "core"
    found, skipped = {}, []
    CONSOLE.print(f"conformance, level {level}, on {backend} ...")
    suite = ["--pyargs", "gradcore.conformance", "--gradcore-backend", backend, "--level", level]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "cuda.json")
        selected = ["-k", "tanh or softmax or sum or matmul"] if quick else []
        found[f"conformance ({level})"] = run_pytest(
            [*suite, *selected, "--gradcore-report", str(report)], runtime
        )
        if runtime != "host" and report.exists() and not quick:
            shutil.copy(report, CHECKOUT / "docs" / "reports" / "cuda.json")
    if quick:
        skipped.append("conformance: only some ops, at level smoke (--quick)")
    tool = shutil.which("compute-sanitizer")
    if runtime == "host":
        skipped.append("the tutorial and compute-sanitizer: they are for a device")
        return found, skipped
    program = [str(CHECKOUT / "examples" / "tutorial.py")]
    os.environ["GRADCORE_FLAGS"] = "mode=cuda"
    tutorial = ["tests/test_tutorial.py"]
    found["tutorial"] = run_pytest(tutorial, runtime)
    if tool is None:
        skipped.append("compute-sanitizer: it is not on the PATH (it comes with the CUDA toolkit)")
    else:
        for check in ("memcheck", "racecheck"):
            done = subprocess.run(
                [tool, "--tool", check, "--error-exitcode", "9", sys.executable, *program],
                capture_output=True, text=True, check=False, timeout=1800,
            )  # fmt: skip
            message = [x for x in done.stdout.splitlines() if "SUMMARY" in x]
            found[f"compute-sanitizer {check}"] = {
                "passed": done.returncode == 0,
                "message": message[-1] if message else f"status {done.returncode}",
            }
    del os.environ["GRADCORE_FLAGS"]
    return found, skipped
