"""``theano.config``: settings that mean something here, and those that are noted and ignored.

``THEANO_FLAGS`` starts them, as in Theano.  A setting without a meaning here is stored, so that it
reads as it was set; a message of level DEBUG in the log ``gradcore.theano`` says that it does
nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from gradcore.config import config
from gradcore.errors import choices

LOG = logging.getLogger("gradcore.theano")

FORWARDED = ("floatX", "on_unused_input", "compute_test_value")
"""The settings that gradcore has under the same name."""

MEANT = (
    "mode", "optimizer", "linker", "profile", "NanGuardMode.nan_is_error",
    "NanGuardMode.inf_is_error", "NanGuardMode.big_is_error",
)  # fmt: skip
"""The settings that `gradcore.theano.functions` reads."""

DEFAULTS: Mapping[str, Any] = {
    "mode": "Mode",
    "optimizer": "fast_run",
    "linker": "cvm",
    "profile": False,
    "device": "cpu",
    "init_gpu_device": "",
    "force_device": False,
    "print_active_device": True,
    "gpuarray.preallocate": 0.0,
    "exception_verbosity": "low",
    "cast_policy": "custom",
    "int_division": "int",
    "warn_float64": "ignore",
    "allow_gc": True,
    "openmp": False,
    "openmp_elemwise_minsize": 200000,
    "print_test_value": False,
    "compute_test_value_opt": "off",
    "profile_memory": False,
    "profile_optimizer": False,
    "optimizer_excluding": "",
    "optimizer_including": "",
    "optimizer_requiring": "",
    "optimizer_verbose": False,
    "on_opt_error": "warn",
    "on_shape_error": "warn",
    "assert_no_cpu_op": "ignore",
    "deterministic": "default",
    "reoptimize_unpickled_function": False,
    "unpickle_function": True,
    "pickle_test_value": True,
    "base_compiledir": "",
    "compiledir": "",
    "cxx": "g++",
    "nocleanup": False,
    "mode_for_pickle": "",
    "check_input": True,
    "cycle_detection": "regular",
    "change_flags_only": False,
    "enable_initial_driver_test": True,
    "tensor.cmp_sloppy": 0,
    "tensor.local_elemwise_fusion": True,
    "lib.amdlibm": False,
    "lib.cnmem": 0,
    "scan.allow_gc": False,
    "scan.allow_output_prealloc": True,
    "scan.debug": False,
    "blas.ldflags": "",
    "gcc.cxxflags": "",
    "numpy.seterr_all": "ignore",
    "traceback.limit": 8,
    "unittests.rseed": 666,
    "ProfileMode.n_apply_to_print": 15,
    "NanGuardMode.nan_is_error": True,
    "NanGuardMode.inf_is_error": True,
    "NanGuardMode.big_is_error": True,
    "print_global_stats": False,
    "contexts": "",
    "profiling.time_thunks": True,
}
"""The settings, and what they are where nobody has set them."""

SECTIONS = (
    "DebugMode", "NanGuardMode", "blas", "cmodule", "compile", "conv", "ctc", "cuda", "cublas",
    "dnn", "experimental", "gcc", "gpuarray", "gpuelemwise", "lib", "magma", "metaopt", "numpy",
    "nvcc", "optdb", "pool", "profiling", "ProfileMode", "scan", "tensor", "traceback",
    "unittests", "vm", "warn",
)  # fmt: skip
"""The groups of settings about compilers, devices and tests: any name in them is one."""


class Section:
    """A group of settings, ``config.gcc`` ...; none of them has a meaning here."""

    def __init__(self, flags: Flags, name: str) -> None:
        vars(self).update(_flags=flags, _name=name)

    def __getattr__(self, name: str) -> Any:
        """Return a setting; one that nobody has set is the empty string."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._flags.get(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a setting."""
        self._flags.set(f"{self._name}.{name}", value)


class Flags:
    """``theano.config``: attributes, ``change_flags``, and what ``THEANO_FLAGS`` says."""

    def __init__(self) -> None:
        vars(self)["_values"] = {}

    # reading and writing ------------------------------------------------------------------------
    def get(self, name: str) -> Any:
        """Return a setting by its full name.

        Raises AttributeError: there is none of that name.
        """
        if name in FORWARDED:
            return getattr(config, name)
        values: dict[str, Any] = vars(self)["_values"]
        if name in values:
            return values[name]
        if name in DEFAULTS:
            return DEFAULTS[name]
        if name.split(".", maxsplit=1)[0] in SECTIONS and "." in name:
            return ""
        known = choices(name, (*FORWARDED, *DEFAULTS), "it has")
        raise AttributeError(f"theano.config has no setting {name!r}; {known}")

    def set(self, name: str, value: Any) -> None:
        """Set a setting by its full name; text takes the kind of its default.

        Raises AttributeError: there is none of that name.  ValueError: the value makes no sense.
        """
        default = self.get(name)
        if name in FORWARDED:
            setattr(config, name, "raise" if value == "pdb" else value)
            return
        if name not in MEANT and value != default:
            LOG.debug("theano.config.%s = %r changes nothing here", name, value)
        vars(self)["_values"][name] = _like(default, value)

    def __getattr__(self, name: str) -> Any:
        """Return a setting, or a group of them."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Section(self, name) if name in SECTIONS else self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a setting."""
        self.set(name, value)

    @contextmanager
    def change_flags(self, **flags: Any) -> Generator[None]:
        """Set ``flags`` for the length of a ``with`` block, or of a function that it decorates.

        A group and a setting of it are joined by two underscores: ``gcc__cxxflags``.
        """
        named = {name.replace("__", "."): value for name, value in flags.items()}
        before = {name: self.get(name) for name in named}
        try:
            for name, value in named.items():
                self.set(name, value)
            yield
        finally:
            for name, value in before.items():
                self.set(name, value)

    def read_environment(self, variable: str = "THEANO_FLAGS") -> None:
        """Set what a variable of the environment says; unknown settings are noted in the log."""
        for flag in filter(None, os.environ.get(variable, "").split(",")):
            name, _, value = (part.strip() for part in flag.partition("="))
            try:
                self.set(name, value)
            except AttributeError:
                LOG.warning("%s has %r, which is no setting of Theano", variable, name)

    def __str__(self) -> str:
        """Return all settings, a line each."""
        return "\n".join(f"{name} = {self.get(name)!r}" for name in (*FORWARDED, *DEFAULTS))


def _like(default: Any, value: Any) -> Any:
    """Return text as a value of the kind of the default."""
    if not isinstance(value, str):
        return value
    if isinstance(default, bool):
        return value.lower() in ("true", "1", "yes")
    return type(default)(value) if isinstance(default, int | float) else value


CONFIG = Flags()
"""``theano.config``."""
