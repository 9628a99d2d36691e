"""The local explorer page of `seprank serve`: settings, bounds, certificates, chart and picture.

`settings`, `budget`, `jobs`, `slot`, `work`, `panel` and `session` hold the logic and know no browser; `page` lays
out, with NiceGUI of the extra `serve`, and is imported late.
"""

from .server import serve

__all__ = ["serve"]
