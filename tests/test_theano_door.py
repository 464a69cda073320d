"""``import theano`` as gradcore: what it takes to come in and to go, and which names there are."""

import importlib
import subprocess
import sys
import types

import pytest

import gradcore
import gradcore.theano
from gradcore.errors import AbsentNameError, AlreadyImportedError
from gradcore.theano import absent
from gradcore.theano.door import TABLES, Absent, StandIn
from gradcore.theano.tables import THEANO


# coming and going -------------------------------------------------------------------------------
def test_theano_is_gone_afterwards(theano):
    assert gradcore.theano.is_installed() and isinstance(sys.modules["theano"], StandIn)
    gradcore.theano.uninstall()
    assert not gradcore.theano.is_installed() and "theano" not in sys.modules
    gradcore.theano.uninstall()
    with pytest.raises(TypeError, match="no truth value"):
        bool(gradcore.tensor.dscalar())


def test_installing_twice_is_once(theano):
    finders = list(sys.meta_path)
    gradcore.theano.install()
    assert sys.meta_path == finders


def test_the_real_one_is_not_replaced(monkeypatch):
    real = types.ModuleType("theano")
    real.__file__ = "/somewhere/theano/__init__.py"
    monkeypatch.setitem(sys.modules, "theano", real)
    with pytest.raises(AlreadyImportedError, match="somewhere/theano"):
        gradcore.theano.install()
    assert sys.modules["theano"] is real and not gradcore.theano.is_installed()


def test_each_module_has_what_its_table_names(theano):
    for name, table in THEANO.items():
        module = importlib.import_module(name)
        assert isinstance(module, StandIn) and module.__name__ == name
        for entry in table.names.split():
            assert entry.partition("=")[0] in vars(module), name


def test_what_is_listed_is_there(theano):
    for name in THEANO:
        module = importlib.import_module(name)
        assert all(hasattr(module, n) for n in dir(module)), name


def test_modules_above_a_module_are_modules():
    for name in TABLES:
        assert "." not in name or name.rpartition(".")[0] in TABLES


def test_a_submodule_does_not_hide_a_function_of_its_name(theano, T):
    importlib.import_module("theano.tensor.sort")
    importlib.import_module("theano.scan_module.scan")
    assert T.sort([3, 1]).eval().tolist() == [1, 3]
    assert theano.scan_module.scan is theano.scan


def test_a_star_takes_what_is_public(theano):
    names = {}
    exec("from theano.tensor import *", names)  # as programs do
    assert names["dmatrix"] is sys.modules["theano.tensor"].dmatrix
    assert "bool" not in names and "float32" not in names and "numpy" not in names


# names that are not here --------------------------------------------------------------------------
def test_a_name_that_theano_has_not_is_an_error_that_names_the_nearest(theano, T):
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        T.softmx  # noqa: B018 - asking is enough
    with pytest.raises(ImportError, match="'set_subtensors' from 'theano.tensor'.*'set_subtensor'"):
        from theano.tensor import set_subtensors  # noqa: F401 - importing it is the test
    with pytest.raises(ImportError, match="nonsense"):
        importlib.import_module("theano.nonsense.inner")


def test_programs_can_take_another_name_where_there_is_none(theano):
    with pytest.raises(ImportError):
        from theano.tensor.signal import pooling  # noqa: F401 - importing it is the test
    assert not hasattr(theano, "no_such_thing")
    assert getattr(theano, "no_such_thing", 3) == 3


def test_what_is_absent_can_be_imported_and_raises_when_used(theano):
    for name, why in absent.ABSENT.items():
        module, _, last = name.replace("*", "anything").rpartition(".")
        found = getattr(importlib.import_module(module), last)
        assert isinstance(found, Absent) and not isinstance(3, found)
        with pytest.raises(AbsentNameError, match="is not here") as error:
            found(1)
        assert why in str(error.value) and "test_theano_door" in str(error.value)


def test_whatever_is_done_with_what_is_absent_raises(theano):
    from theano.gof.opt import EquilibriumOptimizer as found

    uses = [lambda: found.x, lambda: found[0], lambda: list(found), lambda: found(x=1)]
    uses.append(lambda: types.new_class("Sub", (found,)))
    for use in uses:
        with pytest.raises(AbsentNameError, match="gradcore.rewrite"):
            use()
    assert not hasattr(found, "__wrapped__") and "EquilibriumOptimizer" in repr(found)


def test_what_is_here_is_not_called_absent(theano):
    for name in absent.ABSENT:
        module, _, last = name.rpartition(".")
        assert module in TABLES, name
        assert last == "*" or last not in vars(importlib.import_module(module)), name


# the command line ---------------------------------------------------------------------------------
def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "gradcore.theano", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_script_runs_with_its_arguments(tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 3")
    (tmp_path / "script.py").write_text(
        "import sys, theano, theano.tensor as T\n"
        "from beside import VALUE\n"
        "x = T.dscalar('x')\n"
        "print(__name__, sys.argv[1:], theano.function([x], x * VALUE, mode='FAST_COMPILE')(2.0))\n"
        "sys.exit(4)\n"
    )
    done = run("script.py", "--epochs", "2", cwd=tmp_path)
    assert done.stdout == "__main__ ['--epochs', '2'] 6.0\n" and done.returncode == 4, done.stderr
    done = run("-m", "script", "a", cwd=tmp_path)
    assert done.stdout == "__main__ ['a'] 6.0\n" and done.returncode == 4, done.stderr


def test_a_script_must_be_there(tmp_path):
    done = run("nowhere.py", cwd=tmp_path)
    assert done.returncode == 2 and "no file nowhere.py" in done.stderr
    assert run(cwd=tmp_path).returncode == 2 and run("--help", cwd=tmp_path).returncode == 0
