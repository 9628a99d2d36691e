"""Every block of code in the documentation is run, or its command line is read; what it shows is what comes out."""

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from repository import ROOT, is_built
from seprank.cli import app

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [page for page in sorted((ROOT / "docs").rglob("*.md")) if not is_built(page)]

# Pages whose outputs have tests of their own, with stand-ins for what is not here or for hours of work.
ELSEWHERE = {
    "README.md": "test_docs.py",
    "CONTRIBUTING.md": "test_recipes.py",
    "architectures.md": "test_comparison.py",
    "scale-out.md": "test_scale_out.py",
    "pictures.md": "test_pictures.py, and conf.py when the page is built",
}

# Names that a fragment takes for granted, and quicker settings.
PRELUDE = {
    "start.md": """
import torch
start_tokens = end_tokens = torch.zeros(64, 3, dtype=torch.long)
model = arguments = data = None
class Trainer:
    def __init__(self, model, args, train_dataset): self.callbacks = []
    def add_callback(self, callback): self.callbacks.append(callback)
"""
}
QUICKER = {"training.md": ("depth=2,", "depth=2, steps=4, evaluate_every=2, test=100,")}
MASKED = {"training.md": r"\d[\d,]*(\.\d+)?"}
SECONDS = r"\d+\.\d s\b"


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of all fenced blocks."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Lines that call seprank, with or without a prompt; a backslash goes on."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("seprank ")]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(found == language for found, _ in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.name)
def test_python_runs(page: Path, tmp_path: Path) -> None:
    if page.name in ELSEWHERE:
        assert (ROOT / "tests" / ELSEWHERE[page.name].split(",")[0]).is_file()
        return
    program = PRELUDE.get(page.name, "") + "\n".join(text for language, text in blocks(page) if language == "python")
    program = program.replace(*QUICKER.get(page.name, ("", "")))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    for said, shown in re.findall(r"print\((.*)\)  # .* is (\d+)$", program, flags=re.MULTILINE):
        assert shown in done.stdout, said


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(text) for _, text in blocks(page))], ids=str)
def test_every_command_line_can_be_read(page: Path) -> None:
    """Command and options exist, and values are of their types."""
    group = typer.main.get_command(app)
    for _, text in blocks(page):
        for line in commands(text):
            name, *arguments = shlex.split(line, comments=True)[1:]
            with contextlib.suppress(typer.Exit):
                group.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def sessions(page: Path) -> list[tuple[list[str], str]]:
    """Commands with the output that is shown for them: below a prompt, or in the next block."""
    found = []
    texts = [text for language, text in blocks(page) if language == ""]
    for text, after in zip(texts, [*texts, ""][1:], strict=True):
        if text.startswith("$ "):
            shown = re.sub(r"^\$ .*?[^\\]\n", "", text, flags=re.MULTILINE | re.DOTALL)
            found.append((commands(text), shown))
        elif len(commands(text)) == 1 and after and not commands(after) and "Start-End" in after:
            found.append((commands(text), after))
    return found


def plain(text: str, page: Path) -> str:
    """One line, without what differs from run to run."""
    text = re.sub(SECONDS, "SECONDS", " ".join(text.split()))
    return re.sub(MASKED.get(page.name, "(?!)"), "NUMBER", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ELSEWHERE and sessions(page)], ids=lambda page: page.name
)
def test_sessions_show_what_comes_out(page: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for lines, shown in sessions(page):
        printed = ""
        for line in lines:
            command = [sys.executable, "-m", *shlex.split(line)]
            done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
            assert done.returncode in (0, 2), done.stderr
            printed += done.stdout + done.stderr
        assert plain(shown, page) in plain(printed, page)


def test_a_wrong_output_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\n$ seprank bounds --inputs 2\nrank 4\n```\n```python\n1\n```\n", encoding="utf-8")
    assert sessions(page) == [(["seprank bounds --inputs 2"], "rank 4\n")]
    assert plain("rank 4  after 1.5 s", page) == "rank 4 after SECONDS" != plain("rank 5 after 1.5 s", page)
