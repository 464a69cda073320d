"""Functions of gradcore inside torch's `DistributedDataParallel`: two processes, by gloo."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch is built without gloo", allow_module_level=True)

PROGRAM = """
    import json, sys
    import torch
    import torch.distributed as dist
    import gradcore, gradcore.tensor as T

    rank, path = int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    X, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
    loss = gradcore.as_torch(T.mean((T.tanh(T.dot(X, w)) - y) ** 2), [X, y, w])

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.full((3,), 0.1 + rank, dtype=torch.float64))

        def forward(self, X, y):
            return loss(X, y, self.w)

    model = torch.nn.parallel.DistributedDataParallel(Model())
    step = torch.optim.SGD(model.parameters(), lr=0.5)
    rows = torch.arange(24, dtype=torch.float64).reshape(8, 3) / 24 - 0.5
    labels = torch.sin(torch.arange(8, dtype=torch.float64))
    mine = slice(4 * rank, 4 * rank + 4)
    for _ in range(5):
        step.zero_grad()
        model(rows[mine], labels[mine]).backward()
        step.step()
    print(json.dumps(model.module.w.tolist()))
    dist.destroy_process_group()
"""


def test_two_processes_step_as_one_does_on_all_rows(tmp_path):
    program = textwrap.dedent(PROGRAM)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(rank), str(tmp_path / "meeting")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=240) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], said
    found = [json.loads(out) for out, _ in said]
    assert found[0] == found[1]

    X, y = T.dmatrix("X"), T.dvector("y")
    w = gradcore.shared(np.full(3, 0.1), "w")  # what the first process starts from is sent to all
    loss = T.mean((T.tanh(T.dot(X, w)) - y) ** 2)
    step = gradcore.function([X, y], loss, updates=T.nn.sgd(loss, [w], 0.5), mode="numpy")
    for _ in range(5):
        step(np.arange(24.0).reshape(8, 3) / 24 - 0.5, np.sin(np.arange(8.0)))
    np.testing.assert_allclose(found[0], w.get_value(), rtol=1e-12)
