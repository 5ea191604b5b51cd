"""Other ways to build an answer webhook, for comparison.

Each returns the NCCO of benchmarks/flows/frontdesk.yaml. Two do the same work as this server: they check the signature
and the body's hash with Vonage's SDK, commit call, webhook and NCCO with full sync, and log a line. The others do
nothing else: they check no signature and store nothing.

All are installed into a scratch folder. If one can't be installed, it is left out with a message.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load.requests import SECRET
from benchmarks.load.serving import Server, free_port, running, uvicorn

PATIENCE_S: Final = 300

FLASK: Final = """
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/webhooks/answer")
def answer():
    call = request.get_json()
    voice = {"language": "en-GB", "style": 2}
    return jsonify([
        {"action": "talk", "text": f"Thank you for calling from {call['from']}.", **voice},
        {"action": "talk", "text": "What is it about: sales or repairs? For sales, press 1 or say sales. For repairs, "
         "press 2 or say repairs.", **voice, "bargeIn": True},
        {"action": "input", "type": ["dtmf", "speech"], "dtmf": {"maxDigits": 1},
         "speech": {"context": ["sales", "buy", "order", "repairs", "help", "problem"], "language": "en-GB"},
         "eventUrl": [f"https://calls.example.com/webhooks/input/{call['uuid']}"], "eventMethod": "POST"},
        {"action": "talk", "text": "We cannot take your call now. Please call again in a few minutes.", **voice},
    ])
"""

VONAGE: Final = """
from fastapi import FastAPI, Request
from vonage_voice.models import Dtmf, Input, Speech, Talk

app = FastAPI()
VOICE = {"language": "en-GB", "style": 2}


@app.post("/webhooks/answer")
async def answer(request: Request):
    call = await request.json()
    ncco = [
        Talk(text=f"Thank you for calling from {call['from']}.", **VOICE),
        Talk(text="What is it about: sales or repairs? For sales, press 1 or say sales. For repairs, press 2 or say "
             "repairs.", bargeIn=True, **VOICE),
        Input(type=["dtmf", "speech"], dtmf=Dtmf(maxDigits=1),
              speech=Speech(context=["sales", "buy", "order", "repairs", "help", "problem"], language="en-GB"),
              eventUrl=[f"https://calls.example.com/webhooks/input/{call['uuid']}"], eventMethod="POST"),
        Talk(text="We cannot take your call now. Please call again in a few minutes.", **VOICE),
    ]
    return [action.model_dump(by_alias=True, exclude_none=True) for action in ncco]
"""

STORING: Final = """
import hashlib
import json
import logging
import time

import jwt
from vonage_jwt import verify_signature
from vonage_voice.models import Dtmf, Input, Speech, Talk

SECRET = "{secret}"
VOICE = {{"language": "en-GB", "style": 2}}
TABLES = (
    "CREATE TABLE IF NOT EXISTS calls (id TEXT PRIMARY KEY, conversation TEXT NOT NULL, state TEXT NOT NULL, "
    "created_at REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS webhooks (key INTEGER PRIMARY KEY, call TEXT NOT NULL REFERENCES calls (id), "
    "body BLOB NOT NULL, ncco TEXT NOT NULL, received_at REAL NOT NULL)",
)
INSERT_CALL = "INSERT INTO calls (id, conversation, state, created_at) VALUES (?, ?, ?, ?)"
INSERT_WEBHOOK = "INSERT INTO webhooks (call, body, ncco, received_at) VALUES (?, ?, ?, ?)"
logging.basicConfig(filename="{name}.calls.log", level=logging.INFO, format="%(asctime)s %(message)s")
log = logging.getLogger("calls")


def is_signed(authorization, body):
    token = authorization.removeprefix("Bearer ")
    if not verify_signature(token, SECRET):
        return False
    claims = jwt.decode(token, options={{"verify_signature": False}})
    return claims.get("payload_hash") == hashlib.sha256(body).hexdigest() and abs(time.time() - claims["iat"]) < 300


def ncco_of(call):
    actions = [
        Talk(text=f"Thank you for calling from {{call['from']}}.", **VOICE),
        Talk(text="What is it about: sales or repairs? For sales, press 1 or say sales. For repairs, press 2 or say "
             "repairs.", bargeIn=True, **VOICE),
        Input(type=["dtmf", "speech"], dtmf=Dtmf(maxDigits=1),
              speech=Speech(context=["sales", "buy", "order", "repairs", "help", "problem"], language="en-GB"),
              eventUrl=[f"https://calls.example.com/webhooks/input/{{call['uuid']}}"], eventMethod="POST"),
        Talk(text="We cannot take your call now. Please call again in a few minutes.", **VOICE),
    ]
    return json.dumps([action.model_dump(by_alias=True, exclude_none=True) for action in actions])


def rows_of(call, body, ncco):
    now = time.time()
    state = json.dumps({{"step": "menu", "topic": "sales or repairs", "from": call["from"], "to": call["to"]}})
    return (call["uuid"], call["conversation_uuid"], state, now), (call["uuid"], body, ncco, now)
"""
"""The shared code of the two peers below. They check the signature with Vonage's SDK and the hash of the body, make the
NCCO from the SDK's models, commit call, webhook and NCCO with full sync before they reply, and log a line."""

FASTAPI_STORING: Final = """
import asyncio
from contextlib import asynccontextmanager

import aiosqlite
from fastapi import FastAPI, HTTPException, Request, Response


@asynccontextmanager
async def lifespan(app):
    async with aiosqlite.connect("{name}.db") as db:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
            await db.execute(statement)
        await db.commit()
        app.state.db, app.state.lock = db, asyncio.Lock()
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/answer")
async def answer(request: Request):
    body = await request.body()
    if not is_signed(request.headers.get("authorization", ""), body):
        raise HTTPException(401)
    call = json.loads(body)
    ncco = ncco_of(call)
    row, webhook = rows_of(call, body, ncco)
    db = app.state.db
    async with app.state.lock:
        await db.execute(INSERT_CALL, row)
        await db.execute(INSERT_WEBHOOK, webhook)
        await db.commit()
    log.info("answer %s", call["uuid"])
    return Response(ncco, media_type="application/json")
"""

FLASK_STORING: Final = """
import sqlite3
import threading

from flask import Flask, Response, abort, request

app = Flask(__name__)
local = threading.local()


def database():
    if not hasattr(local, "db"):
        local.db = sqlite3.connect("{name}.db", timeout=10)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
            local.db.execute(statement)
    return local.db


@app.post("/webhooks/answer")
def answer():
    body = request.get_data()
    if not is_signed(request.headers.get("Authorization", ""), body):
        abort(401)
    call = json.loads(body)
    ncco = ncco_of(call)
    row, webhook = rows_of(call, body, ncco)
    with database() as db:
        db.execute(INSERT_CALL, row)
        db.execute(INSERT_WEBHOOK, webhook)
    log.info("answer %s", call["uuid"])
    return Response(ncco, mimetype="application/json")
"""

EXPRESS: Final = """
const express = require("express");
const { NCCOBuilder, Talk, Input } = require("@vonage/voice");

const app = express();
app.use(express.json());
app.post("/webhooks/answer", (request, response) => {
  const call = request.body, language = "en-GB", style = 2;
  const ncco = new NCCOBuilder();
  ncco.addAction(new Talk({ text: `Thank you for calling from ${call.from}.`, language, style }));
  ncco.addAction(new Talk({ text: "What is it about: sales or repairs? For sales, press 1 or say sales. For repairs, " +
    "press 2 or say repairs.", language, style, bargeIn: true }));
  ncco.addAction(new Input({ type: ["dtmf", "speech"], dtmf: { maxDigits: 1 },
    speech: { context: ["sales", "buy", "order", "repairs", "help", "problem"], language },
    eventUrl: [`https://calls.example.com/webhooks/input/${call.uuid}`], eventMethod: "POST" }));
  ncco.addAction(new Talk({ text: "We cannot take your call now. Please call again in a few minutes.",
    language, style }));
  response.json(ncco.build());
});
app.listen(Number(process.env.PORT), "127.0.0.1");
"""


class Peer(NamedTuple):
    """A program to compare with. `start` runs it in a folder where `install` has installed it."""

    name: str
    install: Callable[[Path], None]
    start: Callable[[Path], AbstractContextManager[Server]]


class NotInstalled(Exception):
    """A peer can't be installed on this machine; the message says why."""


def _pip(folder: Path) -> None:
    if not (folder / "venv" / "bin" / "gunicorn").exists():
        _run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    words = ["install", "-q", "--disable-pip-version-check", "flask", "gunicorn", "fastapi", "uvicorn[standard]"]
    _run([str(folder / "venv" / "bin" / "pip"), *words, "vonage-voice", "vonage-jwt", "aiosqlite"], folder)


def _npm(folder: Path) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NotInstalled("node and npm are not there")
    (folder / "package.json").write_text('{"private": true}')
    _run(["npm", "install", "--no-audit", "--no-fund", "express", "@vonage/voice"], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode:
        raise NotInstalled((done.stderr or done.stdout).strip().rpartition("\n")[2])


@contextmanager
def _flask(folder: Path) -> Iterator[Server]:
    (folder / "flask_app.py").write_text(FLASK)
    port = free_port()
    command = [str(folder / "venv" / "bin" / "gunicorn"), "--workers", "1", "--threads", "8", "--bind"]
    command += [f"127.0.0.1:{port}", "--keep-alive", "75", "--chdir", str(folder), "flask_app:app"]
    with running(command, port, folder / "flask.log", {"PYTHONPATH": ""}) as server:
        yield server


@contextmanager
def _fastapi(folder: Path) -> Iterator[Server]:
    (folder / "vonage_app.py").write_text(VONAGE)
    with uvicorn(folder, "vonage_app", str(folder / "venv" / "bin" / "python"), {"PYTHONPATH": ""}) as server:
        yield server


def _write_storing(folder: Path, name: str, source: str) -> None:
    """Write an application that stores calls, and delete its old database."""
    for old in folder.glob(f"{name}.db*"):
        old.unlink()
    (folder / f"{name}.py").write_text((STORING + source).replace("{name}", name).format(secret=SECRET))


@contextmanager
def _fastapi_storing(folder: Path) -> Iterator[Server]:
    _write_storing(folder, "vonage_storing", FASTAPI_STORING)
    with uvicorn(folder, "vonage_storing", str(folder / "venv" / "bin" / "python"), {"PYTHONPATH": ""}) as server:
        yield server


@contextmanager
def _flask_storing(folder: Path) -> Iterator[Server]:
    _write_storing(folder, "flask_storing", FLASK_STORING)
    port = free_port()
    command = [str(folder / "venv" / "bin" / "gunicorn"), "--workers", "1", "--threads", "8", "--bind"]
    command += [f"127.0.0.1:{port}", "--keep-alive", "75", "--chdir", str(folder), "flask_storing:app"]
    with running(command, port, folder / "flask_storing.log", {"PYTHONPATH": ""}) as server:
        yield server


@contextmanager
def _express(folder: Path) -> Iterator[Server]:
    (folder / "app.js").write_text(EXPRESS)
    port = free_port()
    env = {"PORT": str(port), "NODE_ENV": "production"}
    with running([shutil.which("node") or "node", "app.js"], port, folder / "express.log", env) as server:
        yield server


PEERS: Final = (
    Peer("Flask, gunicorn", _pip, _flask),
    Peer("FastAPI, vonage-voice", _pip, _fastapi),
    Peer("FastAPI, Vonage's SDK, aiosqlite", _pip, _fastapi_storing),
    Peer("Flask, Vonage's SDK, sqlite3", _pip, _flask_storing),
    Peer("Express, @vonage/voice", _npm, _express),
)


def scratch() -> Path:
    """The folder that the peers are installed into; it is kept for the next run, and not committed."""
    folder = Path(
        os.environ.get("NCCO_BENCH_PEERS") or Path(__file__).resolve().parent.parent.parent / "build" / "peers"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder
