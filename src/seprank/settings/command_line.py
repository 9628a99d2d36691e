"""The command line that does the same again."""

from __future__ import annotations

import shlex
from typing import Any

from .entries import entries, option_names


def command_line(verb: str, model: str, *settings: Any, out: str | None = None) -> str:
    """A command line with those settings, of settings classes, that differ from their defaults.

    Example:
        >>> from seprank.settings.certify_settings import CertifySettings
        >>> command_line("certify", "rac", CertifySettings(length=8, split=[0, 2], readout="all"), out="rac.json")
        'seprank certify rac --length 8 --readout all --split 0,2 --out rac.json'
    """
    words = ["seprank", verb, model]
    for one in settings:
        for entry in entries(type(one)):
            value = getattr(one, entry.name)
            if value != entry.default:
                words += [option_names(entry)[0], str(value) if entry.text is None else entry.text.show(value)]
    return shlex.join([*words, *([] if out is None else ["--out", out])])
