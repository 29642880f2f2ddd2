"""The page at /docs: local files only, nothing inline, a strict policy, and licences that travel with the files."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from clew.api.routes import docs


@pytest.fixture
def client() -> TestClient:
    app = FastAPI(docs_url=None)
    app.include_router(docs.router(None))  # type: ignore[arg-type]
    return TestClient(app)


class Page(HTMLParser):
    """What a page refers to, and what it holds inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def test_the_page_and_each_file_it_refers_to_are_served_here(client: TestClient) -> None:
    answer = client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    assert not page.inline
    files = [reference for reference in page.references if reference.startswith("docs/")]
    assert {name.removeprefix("docs/") for name in files} == set(docs.FILES)
    # What is left is the OpenAPI document and an empty icon: no other host.
    assert set(page.references) - set(files) == {"openapi.json", "data:,"}
    for name in files:
        file = client.get(f"/{name}")
        assert file.status_code == 200, name
        assert file.headers["content-type"].split(";")[0] in {"text/javascript", "text/css"}


def test_the_policy_allows_this_server_alone_and_nothing_inline(client: TestClient) -> None:
    for path in ("/docs", "/docs/start.js", "/docs/swagger-ui.css"):
        headers = client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy.pop("default-src") == "'none'"
        assert policy.pop("img-src") == "'self' data:"
        assert set(policy.values()) == {"'self'", "'none'"}
        assert headers["x-content-type-options"] == "nosniff"


def test_our_script_names_no_host(client: TestClient) -> None:
    script = client.get("/docs/start.js").text
    assert not re.search(r"\w+://|//\w", script)
    assert "validatorUrl: null" in script  # else Swagger UI asks validator.swagger.io about pages that are not local


@pytest.mark.parametrize("name", ["LICENSE.txt", "index.html", "..%2fapp.py", "swagger%2fNOTICE.txt", "none.js"])
def test_nothing_else_of_the_folder_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404


def test_the_licences_of_swagger_ui_lie_beside_its_files() -> None:
    folder = docs.UI / "swagger"
    assert "Apache License" in (folder / "LICENSE.txt").read_text(encoding="utf-8")
    assert "SmartBear" in (folder / "NOTICE.txt").read_text(encoding="utf-8")
    assert "MIT" in (folder / "swagger-ui-bundle.js.LICENSE.txt").read_text(encoding="utf-8")
