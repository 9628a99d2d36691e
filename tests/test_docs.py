"""What the documentation shows is what happens: docstring examples, the README's session, the examples it quotes."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import pkgutil
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import seprank
from repository import ROOT, is_built
from seprank.models import spec_of

README = (ROOT / "README.md").read_text("utf-8")


def modules() -> list[str]:
    found = pkgutil.walk_packages(seprank.__path__, "seprank.")
    return [info.name for info in found if info.name != "seprank.__main__"]


@pytest.mark.slow
def test_docstring_examples_run() -> None:
    """In a process of its own, as a reader would run them: without the tests' type checks."""
    program = """
import doctest, importlib, sys
failed = tried = 0
for name in sys.argv[1:]:
    result = doctest.testmod(importlib.import_module(name), globs=None)
    failed, tried = failed + result.failed, tried + result.attempted
print(tried)
sys.exit(failed)
"""
    run = subprocess.run([sys.executable, "-c", program, *modules()], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert int(run.stdout) > 15


def test_a_wrong_docstring_example_would_be_noticed() -> None:
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(example, out=lambda _: None).failed == 1


@pytest.mark.parametrize("name", seprank.__all__)
def test_public_names_have_docstrings(name: str) -> None:
    public = getattr(seprank, name)
    assert isinstance(public, dict) or (public.__doc__ or "").strip()


@pytest.mark.parametrize("name", ["certify", "verify", "bounds", "PrimeField"])
def test_public_functions_document_arguments_and_an_example(name: str) -> None:
    text = getattr(seprank, name).__doc__
    assert "Args:" in text
    assert ">>>" in text


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["sr.certify"])
def test_the_readme_session_prints_what_the_readme_shows(call: str, tmp_path: Path) -> None:
    session = next(block for block in blocks("python") if call in block)
    shown = README.split(session)[1].split("```")[2]
    program = "import seprank as sr\n" + session
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.strip() == shown.strip()


@pytest.mark.slow
def test_the_readme_opens_with_what_a_trained_network_remembers() -> None:
    """What it has learned is known: to repeat the input of 8 steps ago."""
    found = runpy.run_path(str(ROOT / "examples" / "how_far_back.py"))["curves"]()
    for name, reach in (("untrained", 3), ("trained", 8)):
        assert found[name].reach() == reach
        assert f"it reaches {reach} steps back" in found[name].sentence()
        assert f"it reaches {reach} steps back" in " ".join(README.split())
    assert found["trained"].memory[found["trained"].lags.index(9)] < 0.001


def test_the_readme_model_is_the_example() -> None:
    """The README leaves out types and docstrings; what is left is the same code."""
    shown = next(block for block in blocks("python") if "class ProductCell" in block)

    def bare(source: str) -> str:
        tree = ast.parse(source)
        cell = next(node for node in tree.body if isinstance(node, ast.ClassDef))
        for node in ast.walk(cell):
            if isinstance(node, ast.FunctionDef):
                node.returns = None
                for argument in node.args.args:
                    argument.annotation = None
        cell.body = [node for node in cell.body if isinstance(node, ast.FunctionDef)]
        return ast.dump(cell)

    assert bare(shown) == bare((ROOT / "examples" / "my_model.py").read_text("utf-8"))


@pytest.mark.slow
def test_the_readme_model_has_the_rank_the_readme_shows() -> None:
    command = ["certify", "examples/my_model.py:build", "--length", "6"]
    assert "$ seprank " + " ".join(command) in README
    run = subprocess.run(
        [sys.executable, "-m", "seprank", *command], capture_output=True, text=True, cwd=ROOT, check=True
    )
    rank_line = run.stdout.splitlines()[2]
    assert rank_line in README


@pytest.mark.slow
def test_a_cell_of_ones_own_has_a_certificate_and_a_proved_bound_without_registration(tmp_path: Path) -> None:
    """docs/own-model.md: a class of at most twenty lines."""
    source = (ROOT / "examples" / "my_model.py").read_text("utf-8")
    cell = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    assert cell.end_lineno is not None
    assert cell.end_lineno - cell.lineno < 20
    assert "literalinclude} ../examples/my_model.py" in (ROOT / "docs" / "own-model.md").read_text("utf-8")
    made = runpy.run_path(str(ROOT / "examples" / "my_model.py"))["build"]()
    assert spec_of(made) is None
    file = tmp_path / "cell.json"
    own = "examples/my_model.py:build"
    for command in (["certify", own, "--length", "6", "--out", str(file)], ["verify", str(file), "--model", own]):
        subprocess.run([sys.executable, "-m", "seprank", *command], capture_output=True, cwd=ROOT, check=True)
    found = seprank.Certificate.load(file)
    assert (found.rank, found.upper_bound, found.saturated) == (29, 29, True)
    assert {bound.name.split(":")[0] for bound in found.bounds} == {"degrees"}


def test_the_readme_lists_every_model() -> None:
    table = README.split("## Models")[1].split("##")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(seprank.MODELS)


def targets(page: Path) -> list[Path]:
    """Files that a page links to, shows or includes."""
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    parts = re.findall(r"^```\{(?:include|literalinclude|image)\} (\S+)", text, flags=re.MULTILINE)
    return [Path(os.path.normpath(page.parent / target)) for target in links + parts]


def pages() -> list[Path]:
    documents = (path for path in (ROOT / "docs").rglob("*.md") if not is_built(path))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(documents)]


def test_links_between_documents_lead_somewhere() -> None:
    """What a build of the documentation makes has tests of its own: below, and in test_pictures.py."""
    for page in pages():
        for target in targets(page):
            assert target.exists() or is_built(target), f"{page.name} links to {target}"


def test_what_is_built_is_told_from_what_is_in_git() -> None:
    assert is_built(ROOT / "docs" / "_parts" / "memory-success.svg")
    assert is_built(ROOT / "docs" / "pictures" / "chain.svg")
    assert not is_built(ROOT / "docs" / "pictures.md")
    assert not is_built(ROOT / "docs" / "memory-before-and-after-training.png")


@pytest.mark.slow
def test_pages_include_what_the_documentation_build_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(ROOT / "docs")
    parts = importlib.import_module("parts")
    monkeypatch.setattr(parts, "OUT", tmp_path)
    parts.write_parts()
    asked = {target.name for page in pages() for target in targets(page) if target.parent.name == "_parts"}
    assert asked >= {"atlas-summary.md", "depth-correlations.md", "memory-success.svg"}
    assert asked <= {path.name for path in tmp_path.iterdir()}


def test_every_module_that_is_imported_from_outside_has_a_page_of_its_own() -> None:
    """One for each public part of the package, and all of them are listed."""
    listed = re.findall(r"^api/(\w+)$", (ROOT / "docs" / "api.md").read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs" / "api").glob("*.md"))
    parts = {info.name for info in pkgutil.iter_modules(seprank.__path__)}
    told_elsewhere = {
        "__main__",
        "cli",
        "question",
        "kernels",
        "system",
    }  # the command line has its own help; kernels and system are not public
    assert parts - told_elsewhere <= set(listed)
