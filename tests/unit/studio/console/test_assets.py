"""The files that browsers load: their sources and their URLs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
from fastapi import FastAPI

from ncco_server.settings import Settings
from ncco_studio.console.app import create_console
from ncco_studio.console.pages import static_version

REPOSITORY = Path(__file__).parents[4]
STATIC = REPOSITORY / "app/studio/ncco_studio/console" / "static"
VENDOR = STATIC / "vendor"
SOURCES = json.loads((VENDOR / "sources.json").read_text(encoding="utf-8"))


def test_bundles_are_the_ones_that_make_vendor_wrote() -> None:
    listed = {source["file"]: source["sha256"] for source in SOURCES}

    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}


def test_bundled_packages_have_the_locked_version_and_their_licence_is_included() -> None:
    locked = json.loads((REPOSITORY / "console-assets" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    licences = (VENDOR / "licences.txt").read_text(encoding="utf-8")
    bundled = [package for source in SOURCES for package in source["packages"]]

    assert [] == [
        package
        for package in bundled
        if package["version"] != locked[f"node_modules/{package['name']}"]["version"]
        or f"== {package['name']} {package['version']}\n" not in licences
    ]
    assert {"MIT", "0BSD", "BSD-0-Clause"} >= {package["licence"] for package in bundled}


async def test_a_url_contains_the_version_of_all_files() -> None:
    console: FastAPI = create_console(Settings(database_url="memory://"), dev=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url="http://127.0.0.1:8001") as client:
        got = await client.get(f"/static/{static_version()}/console.css")

    assert 200 == got.status_code
    assert "text/css" in got.headers["Content-Type"]
    assert (STATIC / "console.css").read_bytes() == got.content


async def test_static_files_are_compressed_and_pages_are_not() -> None:
    console: FastAPI = create_console(Settings(database_url="memory://"), dev=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url="http://127.0.0.1:8001") as client:
        script = await client.get(f"/static/{static_version()}/vendor/codemirror.js")
        plain = await client.get(script.request.url, headers={"Accept-Encoding": "identity"})
        page = await client.get("/login", headers={"Accept": "text/html"})

    assert ("gzip", "Accept-Encoding") == (script.headers["Content-Encoding"], script.headers["Vary"])
    assert script.num_bytes_downloaded < 0.5 * len(plain.content)
    assert "Content-Encoding" not in plain.headers
    assert script.content == plain.content
    assert "Content-Encoding" not in page.headers
    assert len(page.content) > 500
