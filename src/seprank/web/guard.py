"""Who is answered: programs and pages of this machine, under its own name, and no page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost")
"""Names of the loopback interface, to which the server is bound"""


def refusal(hosts: list[str], origins: list[str]) -> str | None:
    """Why a request with these Host and Origin headers is not answered, or None.

    A site whose name is made to point at 127.0.0.1 sends that name as its host. Browsers let any site open a websocket
    to any server, and say with `Origin` which site it is. The port is not compared with that of the server, so that a
    tunnel from another one works; but host and origin have to be the same.

    Example:
        >>> refusal(["127.0.0.1:8080"], ["http://127.0.0.1:8080"])
        >>> refusal(["evil.example:8080"], [])
        "this server answers to 127.0.0.1 and localhost only, not to 'evil.example:8080'"
    """
    if len(hosts) != 1 or _name(hosts[0]) not in NAMES:
        return f"this server answers to {' and '.join(NAMES)} only, not to {', '.join(map(repr, hosts)) or 'no host'}"
    if origins not in ([], [f"http://{hosts[0]}"]):
        return f"this server answers its own page only, not one of {', '.join(map(repr, origins))}"
    return None


def _name(host: str) -> str | None:
    """Of a host with or without a port; None if it is neither."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None


class Guard:
    """The application, for those who may ask it: requests and websockets of others are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = refusal(*(_values(scope, name) for name in (b"host", b"origin")))
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(reason, status_code=403)(scope, receive, send)
        else:  # a close before it is accepted is what the client sees as 403
            await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})


def _values(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]
