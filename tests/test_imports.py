"""Imports between the modules go one way, and the heavy ones happen late (CONTRIBUTING.md)."""

import ast
import graphlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ALL_BUT_CLI = frozenset({"everything but cli"})
OF_CLI = {"cli", "__main__"}
"""What the command line is made of"""
# What every module may import.
EVERYWHERE = frozenset({"question", "result", "system"})

# What each module or folder of the package may import from the package.
ALLOWED: dict[str, frozenset[str]] = {
    "question": frozenset(),
    "system": frozenset(),
    "result": frozenset(),
    "kernels": frozenset(),
    "field": frozenset({"kernels"}),
    "elimination": frozenset({"kernels"}),
    "theory": frozenset(),
    "models": frozenset(),
    "tasks": frozenset(),
    "sources": frozenset({"models", "tasks"}),
    "store": frozenset(),
    "planning": frozenset({"models", "theory"}),
    "settings": frozenset({"models", "sources", "tasks"}),
    "adapters": frozenset({"settings"}),
    "startend": frozenset({"adapters", "sources"}),
    "degrees": frozenset({"field", "theory", "adapters", "settings"}),
    "certification": frozenset(
        {
            "adapters",
            "degrees",
            "elimination",
            "field",
            "kernels",
            "models",
            "settings",
            "sources",
            "startend",
            "theory",
        }
    ),
    "measurement": frozenset({"adapters", "settings", "startend"}),
    "memory_curve": frozenset({"adapters", "measurement", "settings", "startend"}),
    "neighbours": frozenset(
        {"adapters", "certification", "elimination", "field", "measurement", "memory_curve", "settings", "startend"}
    ),
    "callbacks": frozenset({"measurement", "memory_curve", "settings"}),
    "comparison": frozenset({"certification", "field", "memory_curve", "models", "settings", "sources"}),
    "tensornet": frozenset({"models", "theory"}),
    "train": frozenset({"callbacks", "memory_curve", "settings", "sources", "store", "tasks"}),
    "jobs": frozenset(
        {
            "certification",
            "measurement",
            "memory_curve",
            "models",
            "settings",
            "sources",
            "startend",
            "store",
            "theory",
            "train",
        }
    ),
    "report": frozenset(
        {
            "certification",
            "comparison",
            "measurement",
            "memory_curve",
            "neighbours",
            "planning",
            "store",
            "theory",
            "tensornet",
        }
    ),
    "demo": frozenset({"certification", "comparison", "measurement", "models", "train", "report"}),
    "web": ALL_BUT_CLI,
    "cli": ALL_BUT_CLI,
    "__init__": ALL_BUT_CLI,
    "__main__": ALL_BUT_CLI,
}
# Modules that need a heavy package throughout: themselves imported only by functions.
LATE_MODULES = {"train.learner", "web.page", "web.routes"}
LATE = {
    "quimb",
    "cotengra",
    "lightning",
    "transformers",
    "dask",
    "matplotlib",
    "nicegui",
    "sklearn",
    "mlxtend",
    "sktime",
}
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


def package_files() -> dict[str, Path]:
    """The files of the installed package by their dotted names, folders as `models.__init__`."""
    spec = importlib.util.find_spec("seprank")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in sorted(root.rglob("*.py"))}


def imports(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of all that a file called `name` imports, `a.b` for `from a import b`."""
    package = ".".join(["seprank", *name.split(".")[:-1]])
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                base = importlib.util.resolve_name("." * level + (module or ""), package)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in aliases)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield node.lineno, importlib.util.resolve_name(target, package)


def forbidden_imports(source: str, name: str) -> list[str]:
    """One sentence for each import in a file that the table forbids."""
    module = name.split(".")[0]
    if module not in ALLOWED:
        return [f"seprank.{name}: no row for {module}; add one to CONTRIBUTING.md and ALLOWED in {__name__}"]
    allowed = ALLOWED[module] | {module} | EVERYWHERE
    if allowed >= ALL_BUT_CLI:
        allowed |= ALLOWED.keys() - (set() if module in OF_CLI else {"cli"})
    found = []
    for line, target in imports(ast.parse(source), name):
        first, _, rest = target.partition(".")
        imported = rest.split(".")[0]
        if first != "seprank" or imported.startswith("__"):
            continue
        if "." not in rest and imported not in ALLOWED:
            imported = "__init__"  # the package itself, or a public name out of it
        if imported not in allowed:
            found.append(f"seprank.{name}, line {line}: {module} may not import {imported} (`{target}`)")
    return found


def early_imports(source: str, name: str = "any") -> set[str]:
    """Late packages that are imported as soon as the module is, not by a function of it."""
    return {target.split(".")[0] for _, target in imports(without_functions(source), name)} & LATE


def at_run_time(source: str) -> ast.AST:
    """What is run at any time, without what is there for type checkers alone."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                node.body = []
    return tree


def without_functions(source: str) -> ast.AST:
    """What is run when a module is imported."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
                node.body = []
    return tree


def test_every_import_is_in_the_table() -> None:
    files = package_files()
    assert "__init__" in files
    found = "\n".join(
        sentence for name, path in files.items() for sentence in forbidden_imports(path.read_text("utf-8"), name)
    )
    assert not found, found


def test_the_table_has_no_cycle() -> None:
    graphlib.TopologicalSorter({m: a for m, a in ALLOWED.items() if a != ALL_BUT_CLI}).prepare()


def test_files_do_not_import_each_other_in_circles() -> None:
    names = {name.removesuffix(".__init__"): name for name in package_files()}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, file in names.items():
        for _, target in imports(at_run_time(package_files()[file].read_text("utf-8")), file):
            inner = target.removeprefix("seprank.")
            # A name out of a file, or the file itself; a folder's own list of names is nobody's reason to be imported.
            known = inner if inner in names else inner.rpartition(".")[0]
            if target != inner and known in names and name != "__init__":
                graph[name].add(known)
    folders = {name for name in names if names[name].endswith("__init__")}
    graph = {name: {t for t in targets if t not in folders} for name, targets in graph.items() if name not in folders}
    graphlib.TopologicalSorter(graph).prepare()


def test_no_two_files_have_one_name() -> None:
    """A reader who is told a file's name finds one, but for the settings and the matrix that several folders have."""
    names = [path.name for path in package_files().values()]
    assert {name for name in names if names.count(name) > 1} <= {"__init__.py", "settings.py", "matrix.py"}


def test_contributing_shows_the_same_table() -> None:
    text = CONTRIBUTING.read_text("utf-8").split("| module | may import |\n|---|---|\n")[1].split("\n\n")[0]
    shown = {}
    for row in text.splitlines():
        module, allowed = row.strip("| ").split(" | ")
        if allowed.startswith("everything"):
            assert (allowed == "everything") == (module.strip("`") in OF_CLI), row
            assert allowed in ("everything", "everything but `cli`"), row
            shown[module.strip("`")] = ALL_BUT_CLI
        else:
            shown[module.strip("`")] = frozenset(re.findall(r"`(\w+)`", allowed))
            assert (allowed == "nothing") == (not shown[module.strip("`")]), row
    assert shown == ALLOWED


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("theory", "import seprank.models"),
        ("theory", "import seprank.models.rac as rac"),
        ("theory", "from seprank.models import RAC"),
        ("theory", "from seprank import models"),
        ("theory", "from seprank import RAC"),
        ("theory", "from seprank.unknown import f"),
        ("theory", "import seprank as sr"),
        ("theory", "from .models import RAC"),
        ("theory", "from . import models"),
        ("models.rac", "from ..theory import bounds"),
        ("models.__init__", "from ..theory import bounds"),
        ("theory", "def late():\n    from .models import RAC"),
        ("theory", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .models import RAC"),
        ("theory", "import importlib\nimportlib.import_module('seprank.models')"),
        ("theory", "from importlib import import_module\nimport_module('.models', 'seprank')"),
        ("theory", "__import__('seprank.models')"),
        ("question", "from .theory import bounds"),
        ("demo", "from . import cli"),
        ("__init__", "from .cli import main"),
        ("web.page", "from ..cli import main"),
        ("nowhere", "import torch"),
    ],
)
def test_a_forbidden_import_is_found(name: str, source: str) -> None:
    assert len(forbidden_imports(source, name)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("certification", "from .theory import bounds\nfrom . import startend, __version__\nimport seprank.field"),
        ("models.rac", "import torch\nfrom . import step\nfrom .step import a\nfrom seprank.models import b"),
        ("cli", "from .web import page\nimport seprank\nfrom . import certification"),
        ("theory", "import sepranking\nfrom sepranking import models"),
        ("theory", "from .question import check_cut"),
    ],
)
def test_an_allowed_import_is_let_through(name: str, source: str) -> None:
    assert forbidden_imports(source, name) == []


def test_heavy_packages_are_imported_by_the_functions_that_need_them() -> None:
    found = {name: early_imports(path.read_text("utf-8"), name) for name, path in package_files().items()}
    assert {name: early for name, early in found.items() if early and name not in LATE_MODULES} == {}


def test_modules_that_need_a_heavy_package_are_imported_late() -> None:
    late = {f"seprank.{name}" for name in LATE_MODULES}
    for name, path in package_files().items():
        early = {target for _, target in imports(without_functions(path.read_text("utf-8")), name)}
        assert not {target for target in early if target in late or target.rpartition(".")[0] in late}, name


def test_an_early_import_is_found() -> None:
    assert early_imports("try:\n    import nicegui.ui\nexcept ImportError:\n    pass") == {"nicegui"}
    assert early_imports("class A:\n    def f(self):\n        import nicegui.ui") == set()
    assert early_imports("if TYPE_CHECKING:\n    import nicegui") == set()


HELP = """
import sys
sys.argv = ["seprank", "--help"]
from seprank.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "program",
    ["import seprank", "import seprank.models", "import seprank.theory", "import seprank.question", HELP],
    ids=["package", "models", "theory", "question", "help"],
)
def test_neither_torch_nor_numpy_is_imported_early(program: str) -> None:
    program += "\nimport sys; print('imported:', *sorted({'torch', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "imported:"
