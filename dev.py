"""Sets seprank up in `.venv` and runs it; a fresh machine needs only Python 3.11 or newer and a pip.

    python3 dev.py COMMAND [--torch cpu|cuda] [arguments passed on]

    demo      run `seprank demo`
    test      run the tests on the installed package
    lint      ruff and mypy
    examples  run every file in examples/
    check     lint, test and examples: what CI runs
    bench     run every file in benchmarks/, or those named: bench gpu startup
    docs      build the documentation in docs/_build
    clean     remove what this script and the tools have made

`.venv` is rebuilt when a requirement, constraints.txt or the Python version changes; the package is
installed anew when its sources change.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STATE = VENV / "dev.json"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / "python")
# The Python outside every virtual environment: the one in `.venv` cannot replace itself.
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CACHES = (
    "build dist docs/_build docs/_parts docs/jupyter_execute docs/pictures "
    ".pytest_cache .hypothesis .mypy_cache .ruff_cache"
)
# PYTHONPATH could put the sources before the installed package, which is the one to run.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
ENVIRONMENT["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
# Extras of pyproject.toml that a command needs; "core" stands for what the package and its build need.
USED = ["draw", "train", "data", "cluster", "hf", "serve", "peers"]
EXTRAS = {
    "demo": ["core", "train", "draw"],
    "test": ["core", "test", *USED, "fast"],
    "lint": ["core", "test", *USED, "fast", "lint"],
    "examples": ["core"],
    "check": ["core", "test", *USED, "fast", "lint"],
    "bench": ["core", "bench", "fast"],
    "docs": ["core", "docs", "draw"],
}


@dataclasses.dataclass(frozen=True)
class State:
    """What `.venv` holds, kept in `.venv/dev.json`.

    `key` is a digest of what it was built from, empty while an installation is under way, so that a
    broken-off one is rebuilt; `sources` is a digest of the installed package's files.
    """

    key: str = ""
    torch: str = "cpu"
    extras: tuple[str, ...] = ()
    sources: str = ""

    def write(self) -> None:
        STATE.write_text(json.dumps(dataclasses.asdict(self)))


class PipError(SystemExit):
    """pip failed, and left `.venv` as it was."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=[*EXTRAS, "clean"], metavar="COMMAND")
    parser.add_argument("--torch", choices=["cpu", "cuda"], help="default: the installed build, else cpu")
    options, arguments = parser.parse_known_args()
    os.chdir(ROOT)
    if options.command == "clean":
        return clean()
    prepare(EXTRAS[options.command], options.torch)
    return run_command(options.command, arguments)


def run_command(command: str, arguments: list[str]) -> int:
    """Runs one command in the finished `.venv`; returns the exit code of the first child that fails."""
    if command == "check":
        return first_failure(run_command(step, []) for step in ("lint", "test", "examples"))
    if command == "lint":
        tools = ["ruff check", "ruff format --check", "mypy"]
        return first_failure([run(PYTHON, "-m", *tool.split()) for tool in tools])  # a list: all of them run
    if command == "demo":
        return run(str(BIN / "seprank"), "demo", *arguments)
    if command == "test":
        return run(PYTHON, "-m", "pytest", *arguments)
    if command == "docs":
        return run(PYTHON, "-m", "sphinx", "-W", "--keep-going", *arguments, "docs", "docs/_build")
    scripts = sorted((ROOT / {"bench": "benchmarks"}.get(command, command)).glob("*.py"))
    named = [script for script in scripts if script.stem in arguments]
    arguments = [argument for argument in arguments if argument not in {script.stem for script in named}]
    scripts = named or scripts
    return first_failure(run(PYTHON, os.path.relpath(script), *arguments) for script in scripts)


def first_failure(codes: Iterable[int]) -> int:
    return next((code for code in codes if code != 0), 0)


def run(program: str, *arguments: str) -> int:
    say(shlex.join([os.path.relpath(program), *arguments]))
    code = subprocess.run([program, *arguments], env=ENVIRONMENT).returncode
    return 128 - code if code < 0 else code  # ended by signal n: 128 + n, as in a shell


def prepare(extras: list[str], torch: str | None) -> None:
    """Brings `.venv` up to date: the requirements of `extras`, and the package as its sources are now."""
    state, key, sources = read_state(), requirements_key(), sources_key()
    torch = torch or (state.torch if state.key else "cpu")
    if (state.key, state.torch) != (key, torch) or not shutil.which(PYTHON):
        create(torch)
        state = State(key, torch)
    missing = [extra for extra in extras if extra not in state.extras]
    if not missing and state.sources == sources:
        return
    dataclasses.replace(state, key="").write()
    try:
        if missing:
            install_requirements(missing, torch)
        if state.sources != sources:
            say("installing seprank")
            pip("install", "--no-deps", "--no-build-isolation", "--force-reinstall", ".")
    except PipError:
        state.write()
        raise
    State(key, torch, (*state.extras, *missing), sources).write()


def create(torch: str) -> None:
    """Makes a new `.venv` with nothing but torch in it."""
    say(f"making .venv with Python {platform.python_version()}")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    State().write()
    make = [BASE_PYTHON, "-m", "venv", str(VENV)]
    # Without python3-venv Debian's Python has no ensurepip: then another pip installs into `.venv`.
    if not quiet(*make) and not quiet(*make, "--without-pip"):
        stop(f"this failed: {shlex.join(make)}; on Debian and Ubuntu, apt install python3-venv and run this again")
    if torch == "cpu":
        install_cpu_torch()


def install_cpu_torch() -> None:
    """Installs the CPU build of torch alone; what it needs comes with the other requirements.

    On Linux the index that pip asks by default has a CUDA build of several GB under the same version,
    so that only local files (pip's find-links) and PyTorch's own index are asked.
    """
    version = re.findall(r"^torch==(\S+)$", read("constraints.txt"), flags=re.MULTILINE)[0]
    say(f"installing the CPU build of torch {version} (about 200 MB)")
    if quiet(*pip_command(), "install", "--no-index", "--no-deps", f"torch=={version}"):
        return
    if platform.system() == "Linux":
        pip("install", "--no-deps", "--index-url", CPU_INDEX, f"torch=={version}+cpu")
    else:
        pip("install", "--no-deps", f"torch=={version}")


def install_requirements(extras: list[str], torch: str) -> None:
    wanted = [requirement for extra in extras for requirement in requirements(extra)]
    say("installing " + ", ".join(re.split("[<>=!~;[ ]", requirement)[0] for requirement in wanted))
    pip("install", "-c", "constraints.txt", *wanted)
    build = "'cuda' if torch.version.cuda else 'cpu'"
    if not quiet(PYTHON, "-c", f"import torch; raise SystemExit(({build}) != {torch!r})"):
        stop(f"torch in .venv is not the {torch} build that was asked for, or cannot be imported")


def pip(*arguments: str) -> None:
    """Runs pip for `.venv`; a failure shows the end of what pip said."""
    command = [*pip_command(), *arguments]
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=ENVIRONMENT,
    )
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-20:])
        raise PipError(f"{tail}\ndev.py: this failed: {shlex.join(command)}")


@functools.cache
def pip_command() -> tuple[str, ...]:
    """The first pip that can install into `.venv`: its own, that of the base Python, or one on the path."""
    elsewhere = [(BASE_PYTHON, "-m", "pip"), ("pip3",), ("pip",)]
    for command in [(PYTHON, "-m", "pip"), *((*other, "--python", PYTHON) for other in elsewhere)]:
        if quiet(*command, "--version"):
            return command
    return stop(
        "found no pip of version 22.3 or newer; install one (Debian and Ubuntu: apt install python3-venv; "
        f"Fedora: dnf install python3-pip; elsewhere: {BASE_PYTHON} -m ensurepip) and run this again"
    )


def quiet(*command: str) -> bool:
    """Whether a command exists and succeeds."""
    if shutil.which(command[0]) is None:
        return False
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT)
    return result.returncode == 0


def requirements(extra: str) -> list[str]:
    """The requirements that pyproject.toml lists under an extra."""
    import tomllib  # here, so that an older Python gets as far as saying that it is too old

    pyproject = tomllib.loads(read("pyproject.toml"))
    core = [*pyproject["build-system"]["requires"], *pyproject["project"]["dependencies"]]
    return core if extra == "core" else list(pyproject["project"]["optional-dependencies"][extra])


def requirements_key() -> str:
    listed = {extra: requirements(extra) for extras in EXTRAS.values() for extra in extras}
    return digest(json.dumps(listed, sort_keys=True), read("constraints.txt"), platform.python_version())


def sources_key() -> str:
    paths = [path for path in sorted((ROOT / "src").rglob("*")) if path.suffix != ".pyc" and path.is_file()]
    names = ["pyproject.toml", "README.md", "LICENSE", *(str(path.relative_to(ROOT)) for path in paths)]
    return digest(*(f"{name}\n{read(name)}" for name in names))


def digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def read_state() -> State:
    """The state of `.venv`, an empty one where there is none; stops at a `.venv` that somebody else made."""
    if not VENV.exists():
        return State()
    if not STATE.exists():
        stop(f"{VENV} was not made by dev.py and is left alone; move or remove it, then run this again")
    try:
        fields = json.loads(STATE.read_text())
        return State(**{**fields, "extras": tuple(fields["extras"])})
    except (ValueError, KeyError, TypeError):
        return State()  # broken off while it was written, or by another version of this script: rebuild


def clean() -> int:
    read_state()
    for path in [VENV, *map(Path, CACHES.split()), *(ROOT / "src").rglob("__pycache__")]:
        shutil.rmtree(path, ignore_errors=True)
    return 0


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    raise SystemExit(f"dev.py: {text}")


if __name__ == "__main__":
    # the Python that runs this may be older than the package allows
    if sys.version_info < (3, 11):  # noqa: UP036
        stop(f"seprank needs Python 3.11 or newer, this is {platform.python_version()}")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
