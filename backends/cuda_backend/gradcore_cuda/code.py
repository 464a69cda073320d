"""The machine code of kernels, in the store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gradcore.cache import default_store
from gradcore_cuda.driver import Driver
from gradcore_cuda.nvrtc import flags_for
from gradcore_cuda.runtime import Kernel
from gradcore_cuda.tape import Code
from gradcore_cuda.target import GpuTarget


class CompiledCode(Code):
    """The kernels of a function, compiled when first needed, or found in the store.

    title : of the function, for messages.
    target : what they are made for.
    """

    def __init__(
        self,
        driver: Driver,
        text: str,
        kernels: dict[str, Kernel],
        title: str,
        target: GpuTarget,
    ) -> None:
        self.driver = driver
        self.text = text
        self.kernels = kernels
        self.title = title
        self.flags = flags_for(target)
        self._modules: dict[bool, Any] = {}
        self._functions: dict[tuple[str, bool], int] = {}

    def function(self, name: str, wide: bool) -> int:
        """Return the handle of a kernel of this code, to launch it by."""
        found = self._functions.get((name, wide))
        if found is None:
            if wide not in self._modules:
                self._modules[wide] = self._module(wide)
            module = self._modules[wide]
            found = self.driver.function(module, name)
            self._functions[name, wide] = found
        return found

    def _module(self, wide: bool) -> Any:
        flags = (*self.flags, "-DGC_WIDE") if wide else self.flags
        driver = self.driver

        def make(into: Path) -> None:
            into.write_bytes(driver.compile(self.text, flags, self.title))

        key = digest(self.text, driver.compiler(), str(driver.card.architecture), *flags)
        image = default_store().obtain(key, ".cubin", make, Path.read_bytes)
        return driver.load(image)


def digest(*parts: str) -> str:
    """Return a key of the store for content that depends on ``parts``."""
    found = hashlib.sha256(b"cuda")
    for part in parts:
        text = part.encode("utf-8", "surrogateescape")
        found.update(b"%d:" % len(text))
        found.update(text)
    return found.hexdigest()[:40]
