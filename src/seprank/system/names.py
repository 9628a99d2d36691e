"""Names that others chose, as they are printed."""

from __future__ import annotations

import re
from typing import Any

MOST_SHOWN = 80
"""Characters of a name, or of a value in a message, that are printed"""

_PLAIN = re.compile(r"[A-Za-z0-9_.:/<>~+@-]+")


def quoted_name(name: str) -> str:
    """A name on one line that cannot be mistaken for a part of the sentence around it.

    Names of letters, digits and the usual marks of paths stand as they are. Every other one is quoted as Python quotes
    it, so that blanks, line breaks and invisible signs show; long ones are cut.

    Example:
        >>> print(quoted_name("cells.py:build"), quoted_name("rac is exactly 9\\nvalid"))
        cells.py:build 'rac is exactly 9\\nvalid'
    """
    return name if len(name) <= MOST_SHOWN and _PLAIN.fullmatch(name) else shown(name)


def shown(value: Any) -> str:
    """A value as Python writes it, on one line, cut after `MOST_SHOWN` characters.

    Example:
        >>> print(shown({"width": 3}))
        {'width': 3}
    """
    text = repr(value[: MOST_SHOWN + 1]) if isinstance(value, str) else " ".join(repr(value).split())
    if len(text) <= MOST_SHOWN + 2:
        return text
    # A text keeps the quote it began with, so that what follows is seen to be outside.
    return f"{text[: MOST_SHOWN - 3]}...{text[0] if isinstance(value, str) else ''}"
