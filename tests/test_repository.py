"""Facts that are written in more than one file of the repository agree."""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import seprank

ROOT = Path(__file__).parents[1]


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


def test_pins_name_no_build() -> None:
    """`torch==2.13.0+cpu` would not match the same version from the package index."""
    assert [version for version in pins().values() if "+" in version] == []


def test_readme_is_short_and_starts_with_the_two_commands() -> None:
    readme = read("README.md")
    assert len(readme.splitlines()) <= 120
    first_block = re.search(r"^```\w*\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert first_block is not None
    for command in ("python3 dev.py demo", "python3 dev.py test"):
        assert command in first_block[1]
