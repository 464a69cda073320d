import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

sys.path.insert(0, str(Path(__file__).parent))

UNTIMED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("some", UNTIMED, max_examples=150)
settings.register_profile("many", UNTIMED, max_examples=5000)
settings.load_profile("some")


@pytest.fixture
def rng():
    return np.random.default_rng(1234)
