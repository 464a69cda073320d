"""Entry points of the C ABI, written by hand, as executables."""

from gradcore_c import runtime

F8, F4, F2, I8 = "float64", "float32", "float16", "int64"


class CheckError(Exception):
    """What failed checks raise in these tests."""


def array(dtype, rank, shape=None, contiguous=True):
    return (dtype, rank, [-1] * rank if shape is None else shape, contiguous)


def executable(body, inputs, outputs, *, before="", **options):
    """Return ``body`` as an executable; ``a``, ``b`` ... are the data of its inputs."""
    names = "".join(
        f"const {ctype(dtype)} *{name} = in[{k}].data; (void){name};\n"
        for k, (name, (dtype, *_)) in enumerate(zip("abcdefghij", inputs, strict=False))
    )
    source = (
        f'#include "abi.h"\n#include <math.h>\n#include <string.h>\n{before}\n'
        f"int32_t gc_entry(gc_call *call, const gc_array *in)\n{{\n{names}{body}\nreturn 0;\n}}\n"
    )
    address, keep = runtime.load_entry(source, "a test")
    options = {"callbacks": [], "failed": CheckError, **options}
    return runtime.make(address, keep, inputs, outputs, **options)


def ctype(dtype):
    return {F8: "double", F4: "float", I8: "int64_t", "bool": "uint8_t"}.get(
        dtype, dtype.removeprefix("float").join(("int", "_t")) if dtype == F2 else f"{dtype}_t"
    )


TWICE = """
int64_t n = 1;
for (int k = 0; k < {rank}; k++) n *= in[0].shape[k];
double *out = call->output(call, 0, in[0].shape);
if (!out) return -1;
for (int64_t i = 0; i < n; i++) out[i] = 2 * a[i];
"""


def twice(rank=1, **options):
    return executable(TWICE.format(rank=rank), [array(F8, rank)], [(F8, rank)], **options)


CALL = """
gc_array out[1];
int32_t status = call->callback(call, 0, 1, in, 1, out);
if (status) return status;
int64_t n = 1;
for (int k = 0; k < {rank}; k++) n *= out[0].shape[k];
memcpy(call->output(call, 0, out[0].shape), out[0].data, n * 8);
"""


def calling(function, rank=1, **options):
    return executable(
        CALL.format(rank=rank),
        [array(F8, rank, contiguous=False)],
        [(F8, rank)],
        callbacks=[(function, [(F8, rank)], [(F8, rank)])],
        **options,
    )
