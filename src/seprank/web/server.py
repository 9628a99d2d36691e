"""serve(): the page on this machine."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any

from ..system.extras import need
from ..system.memory import default_budget, show_size
from .budget import PROCESS, Budget

_RECONNECT = 10.0
"""Seconds for which a silent tab keeps its state; on a busy machine answers can be late"""

HOST = "127.0.0.1"
"""Loopback only"""

NAMES = (HOST, "localhost")
"""Names of this host in the page's address"""


def serve(*, port: int = 8080, memory: int | None = None) -> None:
    """Serve the explorer page on 127.0.0.1 until it is interrupted.

    Args:
        port: of the page's address.
        memory: bytes that all runs may take together; by default half of what is free now.

    Raises:
        ImportError: NiceGUI is not installed; the message says how to install it.
        OSError: the port is taken.
        ValueError: the port is out of range, or the memory is too little for one run.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be between 1 and 65535, got {port}; use --port 8080")
    budget = Budget(default_budget() if memory is None else memory)
    if budget.total < 2 * PROCESS:
        raise ValueError(
            f"the page needs at least {show_size(2 * PROCESS)}, a process and its work, got {show_size(budget.total)}; "
            "use more --memory"
        )
    need("nicegui", "serve", "the explorer page")
    _check_free(port)
    _run(port, budget)


def _check_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as the server binds it: an address that was in use a moment ago is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise OSError(f"port {port} cannot be used ({error.strerror}); use another --port") from None


def _run(port: int, budget: Budget) -> None:
    from nicegui import app, ui
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from .jobs import warm_up
    from .origin import SameOrigin
    from .routes import add_routes

    # Neither a name of somebody else that points here is answered, nor a foreign page that calls this address.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*NAMES])
    app.add_middleware(SameOrigin, origins=[f"http://{name}:{port}" for name in NAMES])
    sessions = add_routes(budget)
    first = warm_up()
    app.on_startup(lambda: _say(f"http://{HOST}:{port}/  (Ctrl-C ends it)"))

    def stop() -> None:
        first.cancel()
        for session in sessions.values():
            session.close()

    app.on_shutdown(stop)
    settings: dict[str, Any] = {"title": "seprank", "reload": False, "show": False, "show_welcome_message": False}
    with suppress(KeyboardInterrupt):  # which is how a server ends
        ui.run(host=HOST, port=port, tailwind=False, language="en-US", reconnect_timeout=_RECONNECT, **settings)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
