"""Limits on requests that apply before a request is processed."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware that refuses a body of more than `limit` bytes with 413, without reading all of it.

    If the length is declared, the body is refused at once; else (chunked) as soon as too many bytes were received.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the app, with a receive function that counts the bytes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        too_long = declared.isdigit() and int(declared) > self.limit
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            if too_long:
                raise self._refused()
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise self._refused()
            return message

        await self.app(scope, receive_counted, send)

    def _refused(self) -> HTTPException:
        # The rest of the body is not read, so the connection cannot be used for another request.
        return HTTPException(413, f"the body is longer than {self.limit:,} bytes", {"Connection": "close"})
