"""Where the files are that tests read, and which of them git does not have."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def is_built(path: Path) -> bool:
    """Whether a path of the repository is one that .gitignore names: no test may need it."""
    relative = path.relative_to(ROOT)
    above = [part.as_posix() for part in (relative, *relative.parents)]
    patterns = [line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split()]
    names = [*above, *relative.parts]
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)
