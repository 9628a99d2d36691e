"""Whatever is typed, a command ends soon, with exit code 0, 1 or 2, and says at most one line on standard error."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from seprank import cli

SECONDS = 30
"""That an invocation may take"""

BASES = {
    "certify": "certify rac --inputs 2 --width 2 --length 4",
    "certify own": "certify good.py:build --length 4",
    "verify": "verify good.json",
    "measure": "measure gru --inputs 2 --width 2 --length 4 --starts 16 --ends 16",
    "bounds": "bounds --inputs 2 --width 2 --length 4",
    "plan": "plan --rank 9 --length 6 --inputs 2 --depth 2",
    "compare": "compare --models rac --length 2 --depth 1 --width 2 --samples 16",
    "draw": "draw recurrence --length 4",
    "train": "train copying-memory --set symbols=2 --set memory=1 --set delay=0 --width 2 --steps 1 --batch 2",
    "sweep": "sweep good.yaml --dry-run",
    "results": "results good.db",
    "report": "report good.json",
    "serve": "serve --port 0",
    "demo": "demo --out good.json",
    "models": "models",
    "tasks": "tasks",
    "doctor": "doctor --json",
}
"""What works, or is refused at once, in the folder of `files`"""

NUMBERS = (
    "0", "-1", "1.5", "nan", "inf", "1e400", "x", "", "true", "0x10", "１２", "1_0", "2147483648", "9" * 25, "9" * 5000,
)  # fmt: skip
TEXTS = ("", "🦄", "a" * 5000, "rac\nrac", "\x1b[31mred", ":", "x:y", ".py:f", "-", "none.py:f", "../..", "\udcff", "0")
FILES = (
    "missing.json", "folder", "garbage", "empty", "deep.json", "deep.yaml", "pipe", "loop", "", "ü\udcff", "a" * 300,
    "good.json", "good.yaml", "good.db", "good.py", "utf16.json", "list.json", "lines.json", "null", "no/such/place",
)  # fmt: skip
SUFFIXES = (
    "garbage.npy", "empty.csv", "folder.npz", "garbage.safetensors", "garbage.pt", "empty.pt", "numbered.pt",
    "deep.json", "missing.npy", "pipe", "words.csv", "complex.npy", "objects.npy", "bomb.yaml", "good.json",
)  # fmt: skip
OUTPUTS = (
    "folder", "folder/", "good.json/a", "pipe", "null", "loop", "", "a" * 300, "no/such/place.svg", "link",
    "folder.npz", "ü\udcff.svg", "a.svg", ".",
)  # fmt: skip
MODELS = (
    *TEXTS, "ex.py:build", "bad.py:build", "exits.py:build", "builtins:exit", "os:getcwd", "folder:f", "pipe.py:f",
    "garbage.py:build", "raises.py:build", "good.py:missing", "good.py:SIZE", "lstm", "deep.json:f", "list.py:build",
)  # fmt: skip
PAIRS = (
    "width", "=", "a=", "=1", "a b=1", "width=" + "9" * 5000, "width=" + "[" * 5000, "width=None", "width=🦄", "w=1",
    "bias=no",
)  # fmt: skip

OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "certify": {
        "": MODELS, "--length": NUMBERS, "--inputs": NUMBERS, "--width": NUMBERS, "--depth": NUMBERS, "--cut": NUMBERS,
        "--domain": TEXTS, "--templates": (*TEXTS, *SUFFIXES), "--samples": NUMBERS, "--max-samples": NUMBERS,
        "--readout": (*NUMBERS, *TEXTS), "--seed": NUMBERS, "--prime": NUMBERS, "--memory": (*NUMBERS, *TEXTS),
        "--device": TEXTS, "--workers": ("0", "-1", "x", "9" * 9), "--out": OUTPUTS, "--set": PAIRS,
    },
    "certify own": {"--set": PAIRS, "--width": NUMBERS, "--inputs": NUMBERS, "--domain": ("tokens",)},
    "verify": {"": FILES, "--model": MODELS, "--memory": NUMBERS},
    "measure": {
        "": MODELS, "--length": NUMBERS, "--inputs": NUMBERS, "--width": NUMBERS, "--cut": NUMBERS,
        "--starts": NUMBERS, "--ends": NUMBERS, "--data": SUFFIXES, "--tokens": NUMBERS, "--weights": SUFFIXES,
        "--readout": (*NUMBERS, *TEXTS), "--dtype": TEXTS, "--tolerance": NUMBERS, "--seed": NUMBERS,
        "--memory": NUMBERS, "--device": TEXTS, "--workers": ("0", "-1", "9" * 9), "--out": OUTPUTS,
    },
    "bounds": {
        "--inputs": NUMBERS, "--width": NUMBERS, "--length": NUMBERS, "--depth": NUMBERS, "--cut": NUMBERS,
        "--domain": TEXTS, "--memory": NUMBERS, "--set": PAIRS,
    },
    "plan": {
        "--rank": (*NUMBERS, *TEXTS), "--length": NUMBERS, "--inputs": NUMBERS, "--cut": NUMBERS, "--domain": TEXTS,
        "--depth": NUMBERS, "--out": OUTPUTS,
    },
    "compare": {
        "--models": TEXTS, "--length": (*NUMBERS, ",", "2,x"), "--depth": NUMBERS, "--width": NUMBERS,
        "--parameters": NUMBERS, "--inputs": NUMBERS, "--domain": TEXTS, "--samples": NUMBERS, "--seed": NUMBERS,
        "--memory": NUMBERS, "--out": (*OUTPUTS, "a.csv", "pipe.csv", "folder.csv"),
        "--column": TEXTS,
    },
    "draw": {
        "": TEXTS, "--inputs": NUMBERS, "--width": NUMBERS, "--depth": NUMBERS, "--length": NUMBERS, "--cut": NUMBERS,
        "--style": TEXTS, "--line": TEXTS, "--out": OUTPUTS,
    },
    "train": {
        "": TEXTS, "--model": TEXTS, "--width": ("0", "-1", "x", "9" * 25), "--parameters": NUMBERS,
        "--depth": ("0", "-1", "1.5", "9" * 25), "--set": PAIRS, "--model-set": PAIRS, "--steps": ("0", "-1", "x"),
        "--batch": ("0", "-1", "9" * 25), "--rate": ("0", "-1", "nan", "inf", "x"), "--decay": ("0", "1", "nan", "x"),
        "--clip": ("0", "-1", "nan"), "--evaluate-every": ("0", "-1", "x"), "--memory-every": ("-1", "3", "x"),
        "--seed": ("-1", "x", "9" * 25), "--store": ("folder", "garbage", "pipe", "good.json", "", "good.json/a"),
        "--out": ("good.json", "pipe", "good.json/a"), "--logger": TEXTS, "--device": TEXTS,
    },
    "sweep": {"": (*FILES, "bomb.yaml", "many.yaml", "cut.yaml", "self.yaml"), "--store": FILES,
              "--workers": ("x",), "--memory": (*NUMBERS, *TEXTS)},
    "results": {"": FILES, "--command": TEXTS, "--status": TEXTS,
                "--out": (*OUTPUTS, "a.csv", "pipe.csv", "folder.csv")},
    "report": {"": (*FILES, "cut.json", "other.json", "d"), "--out": OUTPUTS},
    "serve": {"--port": ("0", "-1", "65536", "x", ""), "--memory": (*NUMBERS, "x")},
    "demo": {"--out": ("good.json", "good.json/a", "pipe")},
    "models": {"": ("x",), "--bogus": ("1",)},
    "tasks": {"": ("x",)},
    "doctor": {"": ("x",)},
}  # fmt: skip


def invocations() -> Iterator[list[str]]:
    """Each option of each command with each of its bad values."""
    for name, options in OPTIONS.items():
        command, *rest = BASES[name].split()
        for option, values in options.items():
            for value in values:
                if option:
                    yield [command, *rest, option, value]
                else:
                    yield [command, value, *rest[1:]]


ALL = list(invocations())
KNOWN = [
    ["certify", "ex.py:build", "--length", "4"],
    ["certify", "exits.py:build", "--length", "4"],
    ["certify", "builtins:exit", "--length", "4"],
    ["report", "cut.json"],
    ["report", "other.json"],
    ["report", "deep.json"],
    ["report", "d"],
    ["sweep", "deep.yaml", "--dry-run"],
    ["sweep", "cut.yaml", "--dry-run"],
    ["sweep", "bomb.yaml", "--dry-run"],
    ["sweep", "self.yaml", "--dry-run"],
    ["sweep", "many.yaml", "--dry-run"],
    ["measure", "lstm", "--inputs", "1", "--width", "2", "--length", "4", "--weights", "numbered.pt"],
    ["plan", "--rank", "100", "--length", "6", "--inputs", "2", "--depth", "2147483648"],
    ["certify", "rac", "--inputs", "2", "--width", "2", "--length", "4", "--workers", "999999999"],
    ["train", "copying-memory", "--width", "2", "--depth", "9999999999999999999999999"],
]
"""Those that once did not end well"""
CHOSEN = KNOWN + ALL[::5]
"""A fifth of all, which meets nearly every option and every bad value; all of them take eight minutes"""


class Hangs(BaseException):
    """No command catches it."""


@contextmanager
def limited() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"more than {SECONDS} s")

    earlier = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are none of ours, or nearly."""
    import numpy as np
    import torch

    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("folder", "folder.npz", "folder.csv", "d"):
        (folder / name).mkdir()
    noise = np.random.default_rng(0).bytes(3000)
    for name in ("garbage", "garbage.npy", "garbage.safetensors", "garbage.pt", "garbage.py"):
        (folder / name).write_bytes(noise)
    texts = {
        "empty": "", "empty.csv": "", "empty.pt": "", "deep.json": "[" * 100_000, "deep.yaml": "[" * 50_000,
        "list.json": "[1, 2]", "lines.json": '{"schema": 1,\n"model": "two\\nlines"}', "words.csv": "a,b\nc,d\n",
        "good.py": GOOD, "bad.py": "import nothing_of_this_name", "exits.py": "import sys; sys.exit(3)",
        "ex.py": "def build(): raise SystemExit(3)", "raises.py": "def build(): raise KeyError('two\\nlines')",
        "list.py": "build = [1]", "good.yaml": SWEEP.format(cut="1/2"), "cut.yaml": SWEEP.format(cut="'1e99999999'"),
        "self.yaml": "blocks: &a [*a]",
        "bomb.yaml": "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 10}]\n" for n in range(1, 13)),
        "many.yaml": f"{SWEEP.format(cut=1)}  grid: {{{', '.join(f'{n}: {list(range(99))}' for n in 'abcdefgh')}}}\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "utf16.json").write_text("{}", encoding="utf-16")
    for name in ("pipe", "pipe.py", "pipe.csv", "d/pipe.json"):
        os.mkfifo(folder / name)
    (folder / "loop").symlink_to("loop")
    (folder / "link").symlink_to("target")
    torch.save({1: torch.zeros(1)}, folder / "numbered.pt")
    np.save(folder / "complex.npy", np.full((32, 4, 2), 1j))
    np.save(folder / "objects.npy", np.array([{}], dtype=object))
    null = folder / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        null.mkdir()
    from seprank import RAC, certify

    certify(RAC(2, 2), length=4, progress=False).save(folder / "good.json")
    body = json.loads((folder / "good.json").read_text())
    (folder / "cut.json").write_text(json.dumps({name: value for name, value in body.items() if name != "starts"}))
    (folder / "other.json").write_text(json.dumps(body | {"starts": 9, "model": body["model"] | {"settings": [1]}}))
    from seprank.store import Job, Store

    with Store(folder / "good.db", write=True) as store:
        store.finish(Job("certify", {"width": 3}), {"rank": 3}, seconds=1.0)
    return folder


GOOD = """
import torch

SIZE = 2

class Cell(torch.nn.Module):
    input_size = SIZE

    def __init__(self, width=2):
        super().__init__()
        self.mix = torch.nn.Bilinear(SIZE, width, width, bias=False)

    def forward(self, x, state=None):
        h = x.new_ones(len(x), self.mix.out_features) if state is None else state
        for step in x.unbind(1):
            h = self.mix(step, h)
        return h, h

def build(width=2, bias=True):
    return Cell(width)
"""
SWEEP = """blocks:
- command: certify
  settings: {{model: rac, inputs: 2, width: 2, length: 4, cut: {cut}}}
"""


def complaint(code: object, stdout: str, stderr: str) -> str | None:
    """What is wrong with how an invocation ended, None if nothing is."""
    if code not in (0, 1, 2):
        return f"exit code {code!r}"
    if "Traceback" in stderr or "unforeseen" in stderr:
        return "an error that nobody thought of"
    if "[Errno" in stderr:
        return "the system's wording"
    usage = stderr.startswith("Usage:")
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not usage and len(lines) > (code != 0) + sum(line.startswith("Note:") for line in lines):
        return f"{len(lines)} lines"
    if code and not lines and not stdout:
        return "no word of what is wrong"
    return None


@pytest.mark.parametrize("arguments", CHOSEN, ids=range(len(CHOSEN)))
def test_whatever_is_typed_ends_in_one_line(
    arguments: list[str], files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr("seprank.system.files._PATIENCE", 0.5)
    monkeypatch.setattr(sys, "argv", ["seprank", *arguments])
    with limited(), pytest.raises(SystemExit) as end:
        cli.main()
    captured = capsys.readouterr()
    wrong = complaint(end.value.code, captured.out, captured.err)
    assert wrong is None, ([argument[:60] for argument in arguments], captured.err[-2000:])


@pytest.mark.parametrize(
    ("code", "stdout", "stderr"),
    [
        (3, "", "seprank: no"),
        (None, "", ""),
        (2, "", ""),
        (2, "", "seprank: no\nreally"),
        (2, "", "Traceback (most recent call last):"),
        (2, "", "seprank: unforeseen KeyError"),
        (2, "", "seprank: [Errno 2] No such file"),
    ],
)
def test_what_does_not_end_well_is_seen(code: object, stdout: str, stderr: str) -> None:
    assert complaint(code, stdout, stderr) is not None


SHELL = {
    "seprank models | true; echo ${PIPESTATUS[0]}": ("141", ""),
    "seprank models > full; echo $?": ("2", "No space left on device"),
    "seprank --version > full; echo $?": ("2", "No space left on device"),
    "seprank --help > full; echo $?": ("2", "No space left on device"),
    "seprank bounds --inputs 2 --width 2 --length 4 --json > full; echo $?": ("2", "No space left on device"),
    "seprank certify nothing --length 4 2> full; echo $?": ("2", ""),
    "seprank certify rac --bogus 2> full; echo $?": ("2", ""),
    "seprank models >&-; echo $?": ("0", ""),
    "seprank certify nothing --length 4 2>&-; echo $?": ("2", ""),
    "seprank certify ex.py:build --length 4; echo $?": ("2", "ended the program"),
    "seprank models > out; PYTHONIOENCODING=ascii seprank models | wc -l | xargs test 10 -lt; echo $?": ("0", ""),
}
"""What is done with the output by a shell, the exit code, and the one line on standard error, if there is one"""


@pytest.fixture(scope="module")
def full(files: Path) -> Path:
    """A device on which there is never room, of our own."""
    try:
        os.mknod(files / "full", 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root makes devices")
    return files


@pytest.mark.slow
@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("line", SHELL)
def test_output_that_nobody_takes(line: str, buffered: bool, full: Path) -> None:
    expected, said = SHELL[line]
    script = f'seprank() {{ "{sys.executable}" -m seprank "$@"; }}; {line}'
    # An empty value is as good as none: Python writes at once only where the variable says something.
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=full, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == expected, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)
