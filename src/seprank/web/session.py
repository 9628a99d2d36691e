"""The state of one browser tab: one setting, or two to compare, restored from the query of a URL."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from .budget import Budget
from .panel import Panel
from .settings import Settings, from_query

SECOND = "b."
"""Before the names of the second setting in a query"""


class Session:
    """What one tab shows. Nothing of it is shared with another but the memory that runs may take.

    Attributes:
        panels: of the first setting, and of the second while two are compared.
        problems: what was wrong with the address.
        token: a secret that addresses the certificates of this tab.
    """

    def __init__(self, query: Mapping[str, str], budget: Budget) -> None:
        settings, self.problems = from_query({k: v for k, v in query.items() if not k.startswith(SECOND)})
        self.token = secrets.token_urlsafe(16)
        self._budget = budget
        self.panels = [Panel("A", settings, budget)]
        if any(name.startswith(SECOND) for name in query):
            second, problems = from_query(query, SECOND)
            self.problems += problems
            self.compare(second)

    @property
    def comparing(self) -> bool:
        return len(self.panels) == 2

    def compare(self, settings: Settings | None = None) -> None:
        """Add a second setting; by default the first one with a layer less, if it has several."""
        if not self.comparing:
            first = self.panels[0].settings
            shallower = replace(first, depth=max(1, first.depth - 1))
            self.panels.append(Panel("B", settings or shallower, self._budget))

    def stop_comparing(self) -> None:
        """Remove the second setting and end what runs for it."""
        if self.comparing:
            self.panels.pop().close()

    def query(self) -> str:
        """The query of the URL that restores the settings."""
        found = self.panels[0].settings.to_query()
        if self.comparing:
            found |= self.panels[1].settings.to_query(SECOND)
        return urlencode({name: value for name, value in found.items() if value != ""})

    def poll(self) -> int:
        """Take in what the processes reported; a number that goes up with every change."""
        for panel in self.panels:
            panel.poll()
        return sum(panel.version + panel.curve.version for panel in self.panels)

    def close(self) -> None:
        for panel in self.panels:
            panel.close()
