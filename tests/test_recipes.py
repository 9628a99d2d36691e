"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repository import ROOT

RECIPES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M | re.S))
FOLLOWED = ["A new model", "A new bound", "A new task", "A new calling convention", "A new setting"]


def follow(recipe: str, root: Path) -> None:
    """Add what the Python blocks of a recipe say to the files that their first lines name."""
    for head, body in re.findall(r"^```python\n# (.*?)\n(.*?)^```", recipe, re.M | re.S):
        if head.startswith("new file: "):
            path = root / head.removeprefix("new file: ")
            assert not path.exists()
            path.write_text(body, "utf-8")
            continue
        name, _, place = head.partition(", ")
        path = root / name
        lines = path.read_text("utf-8").splitlines(keepends=True)
        if place == "at the end":
            where = len(lines)
        else:
            [where] = [n for n, line in enumerate(lines, 1) if line.strip() == place.removeprefix("after: ")]
        lines.insert(where, body)
        path.write_text("".join(lines), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_recipe_does_what_it_says(name: str, tmp_path: Path) -> None:
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, tmp_path)
    follow(RECIPES[name], tmp_path)
    [command] = re.findall(r"^```\npytest (.*)\n```", RECIPES[name], re.M)
    paths = os.pathsep.join(str(tmp_path / folder) for folder in ("src", "tests"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *shlex.split(command)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\d+ passed", done.stdout)
