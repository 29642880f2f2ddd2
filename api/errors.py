"""Errors as problem details (RFC 9457): one table of HTTP statuses by error class, and one format for all errors."""

from __future__ import annotations

import json
import logging
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from clew.api.schemas import Fault, Problem
from clew.core.errors import (
    ClewError,
    DataError,
    LockedError,
    MissingExtraError,
    NotFoundError,
    QualityError,
    StageUnavailable,
    StaleError,
    StoreError,
    UsageError,
)

log = logging.getLogger("clew.api")

MEDIA_TYPE = "application/problem+json"

# Looked up along the error's base classes, so that a new subclass has the status of its parent.
STATUS: dict[type[ClewError], tuple[int, str]] = {
    UsageError: (422, "The request cannot be answered as asked"),
    DataError: (422, "The data cannot be used"),
    NotFoundError: (404, "Not found"),
    StaleError: (409, "The listing has changed"),
    StoreError: (503, "The index on disk cannot be used"),
    LockedError: (409, "Another process is writing this index"),
    QualityError: (409, "A quality target was missed"),
    MissingExtraError: (501, "A required package is not installed"),
    StageUnavailable: (503, "No part of the search could answer"),
    ClewError: (500, "The request failed"),
}

SHOWN_CHARACTERS = 80


def status_of(error: ClewError) -> tuple[int, str]:
    """Return the HTTP status and the title of an error."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return the response with a problem document, including the request's id."""
    request_id = getattr(request.state, "request_id", "")
    table = problem.model_dump(exclude_none=True) | ({"request_id": request_id} if request_id else {})
    # A lone surrogate in a quoted value becomes its JSON escape instead of an encoding error.
    body = json.dumps(table, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(body, problem.status, headers, MEDIA_TYPE)


def of_error(error: ClewError) -> Problem:
    """Return the problem document of a ClewError."""
    status, title = status_of(error)
    return _problem(status, error.code, title, error.message, error.hint)


def of_validation(error: RequestValidationError, content_type: str) -> Problem:
    """Return the problem document of a request that does not match its schema.

    Its detail is the first fault; if there are several, all are listed.
    """
    faults = [(_parameter(fault["loc"]), _reason(fault), fault) for fault in error.errors()]
    parameter, reason, first = faults[0]
    if first["type"] == "json_invalid":
        where = f" (character {first['loc'][-1]})"
        return _problem(400, "bad_json", "The body is not valid JSON", f"body: {first['ctx']['error']}{where}")
    if isinstance(first.get("input"), bytes):  # FastAPI did not parse the body, because its media type is not JSON
        return _problem(
            415,
            "media_type",
            "The body is not declared as JSON",
            f"the body has {f'the media type {content_type}' if content_type else 'no media type'}",
            "send the header content-type: application/json",
        )
    found = _problem(422, "query", STATUS[UsageError][1], reason, first.get("ctx", {}).get("hint", ""))
    listed = [Fault(parameter=name, detail=text) for name, text, _ in faults] if len(faults) > 1 else None
    return found.model_copy(update={"parameter": parameter or None, "errors": listed})


def install(app: FastAPI) -> None:
    """Make the app answer every error with a problem document."""

    async def on_clew_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ClewError)  # noqa: S101 - for the type checker: registered only for this class
        return problem(request, of_error(error))

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return problem(request, of_validation(error, request.headers.get("content-type", "")))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if error.status_code == 400 and isinstance(error.__cause__, ValueError | RecursionError):
            # Refused by FastAPI: not UTF-8, nested too deeply for the parser, or a number with too many digits.
            return problem(request, _problem(400, "bad_json", "The body is not valid JSON", f"body: {error.__cause__}"))
        title = HTTPStatus(error.status_code).phrase
        hint = "see GET /docs or GET /openapi.json for all paths" if error.status_code in {404, 405} else ""
        detail = error.detail if error.detail != title else f"{request.method} {request.url.path}"
        code = re.sub(r"\W+", "_", title).lower()
        return problem(
            request,
            _problem(error.status_code, code, title, detail, hint),
            dict(error.headers) if error.headers else None,
        )

    async def on_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the server logs the traceback
        request_id = getattr(request.state, "request_id", "")
        log.error("bug in request %s: the traceback follows", request_id)
        found = _problem(500, "internal", "A bug in Clew", "the request failed unexpectedly", "check the server's log")
        return problem(request, found, {"X-Request-ID": request_id} if request_id else None)

    app.add_exception_handler(ClewError, on_clew_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)


def _problem(status: int, code: str, title: str, detail: str, hint: str = "") -> Problem:
    return Problem(
        type=f"urn:clew:problem:{code}", title=title, status=status, detail=detail, code=code, hint=hint or None
    )


def _parameter(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc[1:])


def _reason(fault: dict[str, Any]) -> str:
    """Describe a fault in one line that names the parameter and shows the value."""
    name, message = _parameter(fault["loc"]), fault["msg"].removeprefix("Value error, ")
    if fault["type"] in {"unknown_key", "both_names"}:
        return str(message)
    if fault["type"] == "missing":
        return f"{name or 'the body'} is missing"
    message = f"{message[:1].lower()}{message[1:]}"
    given = fault.get("input")
    if isinstance(given, str | int) and len(str(given)) > SHOWN_CHARACTERS:
        return f"{name} has {len(str(given)):,} characters: {message}"
    shown = "" if isinstance(given, dict | list) else f" is {given!r}"
    return f"{name or 'the body'}{shown}: {message}"
