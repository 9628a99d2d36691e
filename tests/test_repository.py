"""Facts that are written in more than one file of the repository agree."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

import seprank
from repository import ROOT


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pyproject() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def normal(name: str) -> str:
    """A distribution's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    split = [line.split("==") for line in lines]
    assert all(len(parts) == 2 for parts in split), "constraints.txt has a line that is not name==version"
    return {normal(name): version for name, version in split}


def test_one_version() -> None:
    version = pyproject()["project"]["version"]
    assert importlib.metadata.version("seprank") == version
    assert seprank.__version__ == version
    assert re.findall(r"^version: (\S+)$", read("CITATION.cff"), flags=re.MULTILINE) == [version]
    assert re.findall(r"^## (\S+)", read("CHANGELOG.md"), flags=re.MULTILINE)[0] == version


def test_every_direct_dependency_is_pinned() -> None:
    project = pyproject()["project"]
    listed = [*pyproject()["build-system"]["requires"], *project["dependencies"]]
    listed += [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    names = {normal(re.split(r"[<>=!~;\[ ]", requirement)[0]) for requirement in listed} - {"seprank"}
    assert names - pins().keys() == set()


def test_every_extra_that_a_message_names_is_one_of_all() -> None:
    """A message says `pip install 'seprank[NAME]'`: the name is the last but one argument of `need`."""
    extras = pyproject()["project"]["optional-dependencies"]
    every = re.findall(r"\[(.*)\]", extras["all"][0])[0].split(",")
    named = {name for path in SOURCES for name in re.findall(r'need\("[\w.]+", "(\w+)"', path.read_text("utf-8"))}
    assert {"draw", "train", "data", "cluster", "hf", "serve"} <= named <= {*every} <= {*extras}


def test_pins_name_no_build() -> None:
    """`torch==2.13.0+cpu` would not match the same version from the package index."""
    assert [version for version in pins().values() if "+" in version] == []


def test_readme_is_short_and_starts_with_the_two_commands() -> None:
    readme = read("README.md")
    assert len(readme.splitlines()) <= 120
    assert readme_commands() == ["demo", "test"]


COMMAND = re.compile(r"python3 dev\.py (\w+)")


def readme_commands() -> list[str]:
    first_block = re.search(r"^```\w*\n(.*?)^```", read("README.md"), flags=re.MULTILINE | re.DOTALL)
    assert first_block is not None
    return COMMAND.findall(first_block[1])


def test_ci_runs_the_readmes_commands_first_in_a_copy_of_what_is_in_git() -> None:
    """What other commands leave behind, such as a built documentation, could hide that a test needs it."""
    lines = [line for line in read(".ci/run").splitlines() if not line.startswith("#")]
    copied = next(number for number, line in enumerate(lines) if "git clone" in line)
    before, (first, *after) = lines[: copied + 1], [line for line in lines[copied:] if COMMAND.search(line)]
    assert COMMAND.findall("\n".join(before)) == []
    assert first.startswith('(cd "$copy/')
    assert COMMAND.findall(first) == readme_commands()
    assert first.count("env -i") == len(readme_commands())
    assert COMMAND.findall("\n".join(after)) == ["lint", "examples", "docs"]


@pytest.fixture(scope="module")
def source_distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.mark.slow
def test_the_sdist_has_what_git_has(source_distribution: Path) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or not a clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = {path.relative_to(source_distribution).as_posix() for path in source_distribution.rglob("*")}
    assert set(listed.stdout.splitlines()) - files == set()


@pytest.mark.slow
def test_the_sdists_tests_collect(source_distribution: Path) -> None:
    """All of them: a test that reads a file at import, which is not there, is an error of collection."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=source_distribution, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert done.stdout.count("::") > 1000


# Sizes that can be read at one sitting

MOST_LINES, MOST_CODE = 400, 40
SOURCES = sorted((ROOT / "src" / "seprank").rglob("*.py"))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of the body that are neither blank nor comment, without the docstring; the signature says what it takes."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    inside = (line.strip() for line in lines[body[0].lineno - 1 : function.end_lineno])
    return sum(bool(line) and not line.startswith("#") for line in inside)


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def test_no_function_has_more_than_forty_lines_of_code() -> None:
    long = {}
    for path in SOURCES:
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = code_lines(node, text.splitlines())
                if count > MOST_CODE:
                    long[f"{path.relative_to(ROOT)}: {node.name}"] = count
    assert long == {}
