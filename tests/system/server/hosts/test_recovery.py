"""PostgreSQL is recovered to a point in time, from a base backup and its archived log."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from tests.support import postgres_server
from tests.support.postgres_stores import require_postgres
from tests.support.waiting import happens
from tests.system.server.hosts.caller import Vonage
from tests.system.server.hosts.host import hosts
from tests.system.server.hosts.playing import play_during


async def test_calls_go_on_after_a_recovery_to_a_point_in_time(tmp_path: Path) -> None:
    require_postgres()
    with postgres_server.running_server(is_archiving=True) as database:
        name = database.new_database()
        with hosts(tmp_path, database.url(name), (1,)) as (host,):
            async with Vonage([host.address]) as vonage:

                async def back_up() -> None:
                    await asyncio.to_thread(database.back_up)

                played = await play_during(vonage, back_up(), calls=20, at_once=4)
                waiting = {f"before-{number}": await vonage.answer(f"before-{number}") for number in range(3)}
                acknowledged = +vonage.acknowledged
                database.ask("SELECT pg_create_restore_point('before')")
                late = await vonage.answer("after")
                database.ask("DELETE FROM calls", database=name)  # the mistake
                (file,) = database.ask("SELECT pg_walfile_name(pg_switch_wal())")[0]
                assert happens((database.home / "archive" / file).exists)
                host.stop()
                database.recover("before")
                host.start_again()
                stored = Counter(leg for (leg,) in database.ask("SELECT leg FROM webhooks", database=name))
                heard = [await vonage.press(ncco, leg) for leg, ncco in waiting.items()]
                fresh = await vonage.answer("new")
                failed = list(vonage.failed)
                lost = await vonage.press(late, "after")

    assert ([], []) == (played.failed, played.mixed)
    assert acknowledged == stored
    assert [True] * 3 == [b"second menu" in ncco for ncco in heard]
    assert (True, []) == (b"Press 1" in fresh, failed)
    assert [("talk", 1)] == [(action["action"], len(json.loads(lost))) for action in json.loads(lost)]  # the failsafe
