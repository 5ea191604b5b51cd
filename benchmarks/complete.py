"""How long an editor's completion takes in a project of 50 flows with 20 steps each; the target is 100 ms.

    .venv/bin/python -m benchmarks.complete [--rounds 20]

The first completion reads the whole project; each later one follows a changed letter, as if somebody were typing. Then
the same through the language server, from a client's request to the reply.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from ncco_studio.editing.assist import completions

FLOWS = 50
STEPS = 20
STEPS_TEXT = "".join(f"  s{number}: {{do: [{{talk: Hello.}}], goto: end}}\n" for number in range(STEPS))
FILE = "flows/f0.yaml"


def main() -> int:
    """Print the time of the first completion, and the median of the later ones."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=20)
    args = words.parse_args()
    texts = {f"flows/f{number}.yaml": _flow(number) for number in range(FLOWS)}
    took = []
    for typed in _typed(args.rounds):
        changed = {**texts, FILE: _flow(0) + typed + "}\n"}
        began = time.process_time()
        found = completions(changed, FILE, STEPS + 4, len(typed) + 1)
        took.append((time.process_time() - began) * 1000)
        _expect_steps({option.label for option in found.options})
    _print("processor time", took)
    with TemporaryDirectory() as folder:
        for path, text in texts.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_text(text, encoding="utf-8")
        _print("`ncco lsp`, by the clock", asyncio.run(_ask_server(Path(folder), args.rounds)))
    return 0


async def _ask_server(root: Path, rounds: int) -> list[float]:
    """How long a client waits for each completion, in milliseconds."""
    client, uri, took = LanguageClient("benchmark", "1"), (root / FILE).as_uri(), []
    for reported in (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, types.WINDOW_LOG_MESSAGE):
        client.feature(reported)(_ignore)
    await client.start_io(str(Path(sys.executable).with_name("ncco")), "lsp")
    capabilities, folders = types.ClientCapabilities(), [types.WorkspaceFolder(root.as_uri(), "project")]
    await client.initialize_async(types.InitializeParams(capabilities, workspace_folders=folders))
    client.initialized(types.InitializedParams())
    document = types.TextDocumentItem(uri, "yaml", 0, _flow(0))
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    for version, typed in enumerate(_typed(rounds), 1):
        change = types.TextDocumentContentChangeWholeDocument(_flow(0) + typed + "}\n")
        changed = types.VersionedTextDocumentIdentifier(version, uri)
        client.text_document_did_change(types.DidChangeTextDocumentParams(changed, [change]))
        at = types.Position(STEPS + 3, len(typed))
        began = time.perf_counter()
        found = await client.text_document_completion_async(
            types.CompletionParams(types.TextDocumentIdentifier(uri), at)
        )
        took.append((time.perf_counter() - began) * 1000)
        _expect_steps({item.label for item in found.items} if isinstance(found, types.CompletionList) else set())
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # pygls has no types here
    return took


def _ignore(_: object) -> None:
    """Ignore what the server reports: it is not measured."""


def _flow(number: int) -> str:
    return f"flow: f{number}\nstart: s0\nsteps:\n{STEPS_TEXT}"


def _typed(rounds: int) -> list[str]:
    return [f"  last: {{goto: {'s' * (number + 1)}" for number in range(rounds + 1)]


def _expect_steps(labels: set[str]) -> None:
    if "s0" not in labels:
        raise RuntimeError("the steps of the flow are not offered")


def _print(what: str, took: list[float]) -> None:
    later = statistics.median(took[1:])
    print(f"{FLOWS} flows of {STEPS} steps, {what}: {took[0]:.0f} ms for the first, {later:.0f} for later ones")


if __name__ == "__main__":
    sys.exit(main())
