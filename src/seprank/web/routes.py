"""The addresses of the server: the page, the certificates of a tab, and proofs."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from nicegui import app, ui

from ..theory.proofs import proof_page
from ..theory.statements import NoStatement
from .budget import Budget
from .session import Session

Sessions = dict[str, Session]
"""Open tabs by their tokens"""


def add_routes(budget: Budget) -> Sessions:
    """Tell the server what to answer; returns the tabs that are open, kept up to date."""
    from .page import lay_out

    sessions: Sessions = {}

    @ui.page("/", title="seprank")
    def page(request: Request) -> None:
        session = Session(dict(request.query_params), budget)
        sessions[session.token] = session
        ui.context.client.on_delete(lambda: _close(sessions, session))
        lay_out(session)

    @app.get("/certificates/{token}/{number}/{name}")
    def certificate(token: str, number: int, name: str) -> Response:
        session = sessions.get(token)
        panels = session.panels if session else []
        file = panels[number].file() if 0 <= number < len(panels) else None
        if file is None or file[0] != name:
            return Response("there is no such certificate; certify again, its tab was closed or changed", 404)
        disposition = f'attachment; filename="{name}"'
        return Response(file[1], media_type="application/json", headers={"Content-Disposition": disposition})

    @app.get("/proofs/{name}")
    def proof(name: str) -> Response:
        try:
            return HTMLResponse(proof_page(name))
        except NoStatement as error:
            return Response(str(error), 404)

    return sessions


def _close(sessions: Sessions, session: Session) -> None:
    session.close()
    sessions.pop(session.token, None)
