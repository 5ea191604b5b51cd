"""A page that is followed from scratch, block by block in an empty folder, produces the output that it shows."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from tests.support.cases import each_case
from tests.support.fork_server import run_in_shell
from tests.support.server import free_port
from tests.system.docs.blocks import ELSEWHERE, Block, blocks_of, examples_of, is_followed, pages
from tests.system.docs.page_servers import ADDRESS
from tests.system.docs.test_blocks import CHECKER, LOOSELY, as_printed

FOLLOWED = [page for page in pages() if is_followed(page)]
MARK = "=== end of a block ==="
BEGIN = f"""\
address={ADDRESS}
servers=
end_servers() {{ for server in $servers; do kill -INT "$server" 2>/dev/null && wait "$server" || true; done; }}
trap end_servers EXIT
"""
READY = """
for _ in $(seq 150); do curl -sf "http://$address/readyz" >/dev/null && break; sleep 0.2; done
"""


def as_script(page: str) -> str:
    """The page as one shell script."""
    return BEGIN + "\n".join(_as_commands(block) for block in blocks_of(page))


def _as_commands(block: Block) -> str:
    if block.title:
        path = quote(block.title)
        return f"mkdir -p \"$(dirname {path})\"\ncat > {path} <<'=== end of file'\n{block.code}=== end of file\n"
    if not block.is_run:
        return ""
    code = block.code
    if block.comment == ELSEWHERE:
        code = f'{{ exec {code.strip()} ; }} >server.log 2>&1 &\nservers="$servers $!"{READY}'
    return f"{code}\nprintf '\\n{MARK}\\n'"


@each_case("page", FOLLOWED)
def test_a_reader_who_follows_the_page_sees_what_it_says(page: str, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    examples = examples_of(page, "bash")

    script = as_script(page).replace(ADDRESS, address)
    env = {"HOME": str(tmp_path), "NO_COLOR": "1", "NCCO_PORT": address.rpartition(":")[2]}
    printed = run_in_shell(script, cwd=tmp_path, env=env).stdout.split(f"\n{MARK}\n")

    assert len(examples) == len(printed) - 1, f"{examples[len(printed) - 1].block}: {printed[-1]}"
    for example, got in zip(examples, printed, strict=False):
        want = got if example.printed is None else example.printed.replace(ADDRESS, address)
        assert CHECKER.check_output(as_printed(want), as_printed(got), LOOSELY), f"{example.block}: {got}"


def test_the_tutorial_is_followed() -> None:
    assert "docs/tutorial.md" in FOLLOWED
