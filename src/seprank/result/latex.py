"""Tables in LaTeX, to be pasted into a paper."""

from __future__ import annotations

import re

from .document import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escaped(text: str) -> str:
    r"""Text with everything escaped that LaTeX would read as a command.

    Example:
        >>> print(escaped("5 % of a_b ≥ 3"))
        5 \% of a\_b $\geq$ 3
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in _plain(text))


def _plain(text: str) -> str:
    """On one line, with the signs that a terminal may not have."""
    return " ".join(text.split()).replace("<=", "≤").replace(">=", "≥")


def latex_table(table: Table) -> str:
    r"""A table with rules of the package booktabs, numbers at the right.

    Example:
        >>> print(latex_table(Table("ranks", [{"model": "rac", "rank": 45}], "Ranks")))
        % \usepackage{booktabs}
        \begin{table}
          \caption{Ranks}
          \label{tab:ranks}
          \begin{tabular}{lr}
            \toprule
            model & rank \\
            \midrule
            rac & 45 \\
            \bottomrule
          \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    heads = table.heads()
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        f"  \\caption{{{escaped(table.caption)}}}",
        f"  \\label{{tab:{re.sub(r'[^a-z0-9]+', '-', table.name.lower())}}}",
        f"  \\begin{{tabular}}{{{''.join('r' if number else 'l' for _, number in heads)}}}",
        r"    \toprule",
        f"    {_row([name for name, _ in heads])}",
        r"    \midrule",
        *(f"    {_row([cell.text for cell in row])}" for row in table.cells),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"
