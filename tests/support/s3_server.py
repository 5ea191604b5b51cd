"""A stand-in for S3-compatible storage on the loopback: it verifies signatures itself, and has scripted failures.

It has what our object store needs: whole objects, parts, ranges and lists, and nothing public.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from ncco_server.service.recording_files import BucketAddress
from tests.support.serving_thread import serving_thread

KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION: Final = "eu-test-1"
BUCKET: Final = "recordings"
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[0-9]{8}/[^/]+/s3/aws4_request), ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of a request, after `after_s`: an error (0: only late), or with `dies` half a reply.

    With status 200 it is a page that has nothing to do with S3, such as a login.
    """

    status: int = 500
    code: str = "InternalError"
    after_s: float = 0.0
    dies: bool = False


class Stored(NamedTuple):
    """An object, and when it was written, in seconds since 1970."""

    content: bytes
    at: float


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


@dataclass(slots=True)
class S3Server:
    """One bucket.

    Attributes:
        objects: by key.
        uploads: the parts of unfinished uploads, by their id.
        fault: chooses what fails, by method and key; None for nothing.
        is_public: whether anybody may read.
        refused: why signatures were refused.
        requests: method and key of each request with a valid signature.
        is_endless: whether its list never ends.
        is_held: whether requests wait.
    """

    port: int = 0
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    fault: Callable[[str, str], Fault | None] = lambda _method, _key: None
    is_public: bool = False
    refused: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    is_endless: bool = False
    is_held: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a server that keeps recordings here."""
        return {
            "NCCO_RECORDINGS": f"s3://{BUCKET}/ncco/calls",
            "NCCO_S3_ENDPOINT": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    @property
    def address(self) -> BucketAddress:
        """The same without a server."""
        return BucketAddress(BUCKET, "ncco/calls", self.url, REGION, KEY_ID, SECRET, "")

    @property
    def recordings(self) -> dict[str, bytes]:
        """The stored objects under the prefix of `settings`, by name."""
        return {key.removeprefix("ncco/calls/"): stored.content for key, stored in self.objects.items()}

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        method, path = scope["method"], unquote(scope["raw_path"].decode())
        bucket, _, key = path.removeprefix("/").partition("/")
        refusal = refusal_of(method, scope["raw_path"].decode(), query, headers, body)
        fault = None
        if refusal and not (self.is_public and method in ("GET", "HEAD") and key):
            self.refused.append(refusal)
            answer = _error(403, refusal)
        elif bucket != BUCKET:
            answer = _error(404, "NoSuchBucket")
        else:
            self.requests.append((method, key))
            fault = self.fault(method, key)
            await asyncio.sleep(fault.after_s if fault else 0)
            while self.is_held:  # noqa: ASYNC110 - another thread ends it
                await asyncio.sleep(0.02)
            is_error = fault is not None and fault.status and not fault.dies
            answer = (
                _error(fault.status, fault.code)
                if fault and is_error
                else self._answer(method, key, query, headers, body)
            )
        await _send(answer, method, send, dies=fault is not None and fault.dies)

    def _answer(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        match method:
            case "GET" if not key:
                return self._list(query)
            case "PUT" if "uploadId" in query:
                self.uploads[query["uploadId"]][int(query["partNumber"])] = body
                return Answer(headers={"etag": f'"{hashlib.md5(body).hexdigest()}"'})  # noqa: S324 - as S3 does
            case "PUT":
                self.objects[key] = Stored(body, time.time())
                return Answer(headers={"etag": '"whole"'})
            case "POST" if "uploads" in query:
                upload = f"upload-{len(self.requests)}"
                self.uploads[upload] = {}
                found = f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
                return _xml(f"<InitiateMultipartUploadResult>{found}</InitiateMultipartUploadResult>")
            case "POST" if "uploadId" in query:
                parts = self.uploads.pop(query["uploadId"])
                self.objects[key] = Stored(b"".join(parts[number] for number in sorted(parts)), time.time())
                found = f"<Key>{escape(key)}</Key><ETag>&quot;parts&quot;</ETag>"
                return _xml(f"<CompleteMultipartUploadResult>{found}</CompleteMultipartUploadResult>")
            case "DELETE" if "uploadId" in query:
                self.uploads.pop(query["uploadId"], None)
                return Answer(204)
            case "DELETE":
                self.objects.pop(key, None)
                return Answer(204)
            case "GET" | "HEAD" if key in self.objects:
                return _object(self.objects[key], headers.get("range", ""))
            case "GET" | "HEAD":
                return _error(404, "NoSuchKey")
        return _error(405, "MethodNotAllowed")

    def _list(self, query: Mapping[str, str]) -> Answer:
        prefix = query.get("prefix", "")
        after = "" if self.is_endless else query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page, rest = keys[:100], keys[100:] or self.is_endless
        shown = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{datetime.fromtimestamp(found.at, UTC):%FT%TZ}"
            f"</LastModified><ETag>&quot;e&quot;</ETag><Size>{len(found.content)}</Size></Contents>"
            for key in page
            for found in [self.objects[key]]
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        is_more = str(bool(rest)).lower()
        return _xml(f"<ListBucketResult><IsTruncated>{is_more}</IsTruncated>{more}{shown}</ListBucketResult>")


def refusal_of(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> str:
    """The code of the error that a request gets; "" for a valid signature.

    Source: AWS, Signature Version 4, signing with the Authorization header.
    """
    found = _SIGNED.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "AccessDenied"
    if found["key"] != KEY_ID:
        return "InvalidAccessKeyId"
    day, region, _, _ = found["scope"].split("/")
    names = found["headers"].split(";")
    moment = headers.get("x-amz-date", "")
    if region != REGION:
        return "AuthorizationHeaderMalformed"
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names) or not moment.startswith(day):
        return "SignatureDoesNotMatch"
    if abs(datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() - time.time()) > 900:
        return "RequestTimeTooSkewed"
    if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    canonical = "\n".join(
        (
            method,
            quote(unquote(path), safe="/-_.~"),
            "&".join("=".join(pair) for pair in pairs),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            found["headers"],
            headers["x-amz-content-sha256"],
        )
    )
    signed = "\n".join(("AWS4-HMAC-SHA256", moment, found["scope"], hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{SECRET}".encode()
    for part in (*found["scope"].split("/"), signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return "" if hmac.compare_digest(key.hex(), found["signature"]) else "SignatureDoesNotMatch"


def _object(stored: Stored, asked: str) -> Answer:
    content, size = stored.content, len(stored.content)
    headers = {"last-modified": format_datetime(datetime.fromtimestamp(stored.at, UTC), usegmt=True), "etag": '"e"'}
    found = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", asked)
    if found is None:
        return Answer(200, content, headers)
    first, last = int(found[1]), min(int(found[2] or size), size - 1)
    if first >= size:
        return _error(416, "InvalidRange")
    return Answer(206, content[first : last + 1], {**headers, "content-range": f"bytes {first}-{last}/{size}"})


def _xml(text: str, status: int = 200) -> Answer:
    return Answer(
        status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), {"content-type": "application/xml"}
    )


def _error(status: int, code: str) -> Answer:
    error = _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)
    page = {"etag": '"page"', "last-modified": "Sun, 01 Nov 2026 08:00:00 GMT"} if status == HTTPStatus.OK else {}
    return error._replace(headers={**error.headers, **page})


async def _send(answer: Answer, method: str, send: Callable[[Any], Awaitable[None]], *, dies: bool) -> None:
    given = {"content-length": str(len(answer.body)), **answer.headers}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if dies:
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise ConnectionError("as it was told")
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server on any free port."""
    storage = S3Server()
    with serving_thread(storage) as storage.port:
        yield storage
