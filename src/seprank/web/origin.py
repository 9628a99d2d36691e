"""Refuses requests and sockets that pages of other sites open to this server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_POLICY_VIOLATION = 1008
"""Code of a websocket that is closed before it is accepted, which a browser sees as status 403"""


class SameOrigin:
    """Middleware that refuses what comes from a page outside the given origins, such as "http://127.0.0.1:8080".

    Browsers send `Origin` with every websocket and every request that may change something. Other programs send none,
    and no page can make a browser omit it.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app, self._origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        origins = {value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"origin"}
        if origins <= self._origins:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "another site's page"})
        else:
            from starlette.responses import PlainTextResponse

            refusal = PlainTextResponse("this server answers its own page only", status_code=403)
            await refusal(scope, receive, send)
