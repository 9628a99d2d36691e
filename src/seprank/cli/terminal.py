"""What the commands say and how they end: one message on standard error, the right exit code, never a traceback.

Exit codes: 0 done, 1 the answer is no, 2 usage or input error, 130 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, NoReturn

import typer

from ..system.progress import hide

UNHEARD = 141
"""As the shell counts a program that was ended because nobody reads its output (128 + SIGPIPE)"""
_LONGEST = 1500
"""Characters of a message; what is quoted in one may come from a stranger's file"""


class UsageError(ValueError):
    """Raised for an invalid combination of options."""


class OutputError(OSError):
    """Raised when standard output cannot be written."""


class Unheard(Exception):
    """Raised when nobody reads the output any more, as after `| head`."""


def run(app: Callable[[], None]) -> NoReturn:
    """Run a command line and end the process, whatever happens to its output."""
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until the process ends)
    if sys.stdout is not None:
        # Characters that the terminal cannot show, or bytes in names of files, are no reason to lose a result.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code: Any = 0
    try:
        # Help and usage are written by others, whose errors come as the system's.
        with _heard():
            try:
                app()
            except SystemExit as end:
                code = end.code
            if sys.stdout is not None:
                sys.stdout.flush()
    except Unheard:
        code = UNHEARD
        _silence(1)
    except OutputError as error:
        code = 2
        tell(f"{error}")
        _silence(1)
    try:
        sys.stderr.flush()
    except OSError:
        _silence(2)
    sys.exit(code)


def _silence(stream: int) -> None:
    """Replace a standard stream: Python would try it again when it ends, and change the exit code."""
    number = os.open(os.devnull, os.O_WRONLY)
    os.dup2(number, stream)
    os.close(number)


def answers(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose failures end in one message and the right exit code instead of a traceback."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        _beside.set(False)
        try:
            command(*args, **kwargs)
        except (typer.Exit, Unheard, OutputError):
            raise
        except KeyboardInterrupt:
            stop("interrupted; every file written so far is complete", 130)
        except (ValueError, TypeError, ArithmeticError, OSError, ImportError, MemoryError) as error:
            stop(_worded(error), getattr(error, "exit_code", 2), paste=getattr(error, "__notes__", ()))
        except SystemExit as end:
            stop(f"the module's own code ended the program (exit code {end.code}); remove that call", 2)
        except Exception as error:
            if _verbose.get():
                traceback.print_exception(error)
            stop(_unforeseen(error), 2)

    return guarded


def _worded(error: Exception) -> str:
    """The message of an error, reworded if it is the system's about a file."""
    if isinstance(error, FileNotFoundError | NotADirectoryError) and error.filename is not None:
        return f"there is no file {error.filename}; check the path"
    if isinstance(error, IsADirectoryError) and error.filename is not None:
        return f"{error.filename} is a folder; give a file in it"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"{error}" or type(error).__name__


def _unforeseen(error: Exception) -> str:
    """The message of an unexpected error, with where it came from."""
    if isinstance(error, RuntimeError) and "memory" in str(error):
        return f"not enough memory: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno})"
    return f"unforeseen {type(error).__name__}{place}: {error}; `seprank --verbose` shows the traceback"


def stop(message: str, code: int, paste: Sequence[str] = ()) -> NoReturn:
    """Say why, with code to paste that would fix it, and end the command."""
    tell(message)
    with suppress(OSError):
        for text in paste:
            print(f"\n{text}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(code)


def tell(message: str) -> None:
    """One line on standard error, if that can be written: the exit code says the rest."""
    with suppress(OSError):
        print(f"seprank: {one_line(message)}", file=sys.stderr)  # noqa: T201


_verbose: ContextVar[bool] = ContextVar("verbose", default=False)
"""Whether more is said than is asked for"""


def speak(*, quiet: bool, verbose: bool) -> None:
    """How much this command says on standard error.

    Both at once are a mistake in the request.
    """
    if quiet and verbose:
        stop("--quiet and --verbose are opposites; give one of them", 2)
    _verbose.set(verbose)
    hide(quiet)
    log = logging.getLogger("seprank")
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
    if verbose:
        show_announcements()


def show_announcements() -> None:
    """Show what is logged, such as how long a run will take, on standard error."""
    log = logging.getLogger("seprank")
    if not log.handlers:
        log.addHandler(_Told())


class _Told(logging.Handler):
    """Log messages as messages of `tell`."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


def one_line(text: str) -> str:
    r"""A text as one line of limited length, in which nothing moves the cursor or changes colours.

    Example:
        >>> one_line("two\n  lines \x1b[31m")
        'two lines \\x1b[31m'
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 2 // 3]} ... {text[-_LONGEST // 3 :]}"
    lines = (line.strip() for line in text.splitlines())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(line for line in lines if line))


_beside: ContextVar[bool] = ContextVar("beside", default=False)
"""Whether standard output belongs to a file that the command writes"""


def leave_output() -> None:
    """Send all text until the command ends to standard error, because a file is written to standard output."""
    _beside.set(True)


def say(text: str) -> None:
    """A line of the answer on standard output; raises `Unheard` or `OutputError`."""
    with _heard():
        print(text, file=sys.stderr if _beside.get() else sys.stdout)


@contextmanager
def _heard() -> Iterator[None]:
    """Failures to write standard output, as `Unheard` or `OutputError`."""
    try:
        yield
    except OutputError:
        raise
    except BrokenPipeError:
        raise Unheard from None
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None


def reply(content: Mapping[str, object], text: str, *, as_json: bool) -> None:
    """The answer as JSON or as text, as it was asked for."""
    say_json(content) if as_json else say(text)


def say_json(content: Mapping[str, object]) -> None:
    # Bounds may have thousands of digits, which Python only writes out when told so.
    sys.set_int_max_str_digits(0)
    say(json.dumps(content))
