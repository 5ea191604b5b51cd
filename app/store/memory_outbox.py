"""Hooks that are not sent yet, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.store.contract import HookCounts, HookRow


class MemoryOutbox:
    """Keeps the rows in the order of writing; see `app.store.contract.Outbox` for what each method does."""

    def __init__(self) -> None:
        self._rows: dict[str, HookRow] = {}

    def add(self, hooks: Iterable[HookRow]) -> None:
        """Keep new ones; one behind another of its session is not due."""
        for hook in hooks:
            is_held = hook.is_parked or self._first(hook.session) is not None
            self._rows[hook.id] = hook._replace(due_at=None) if is_held else hook

    def due(self, now: int) -> list[HookRow]:
        """Those that are due and that nobody tries, longest due first."""
        found = [(hook.due_at, hook) for hook in self._firsts() if hook.due_at is not None]
        due = [(due_at, hook) for due_at, hook in found if due_at <= now and hook.leased_until <= now]
        return [hook for _, hook in sorted(due, key=lambda pair: pair[0])]

    def claim(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take some that are due."""
        claimed = [hook._replace(leased_until=leased_until, tries=hook.tries + 1) for hook in self.due(now)[:limit]]
        self._rows.update({hook.id: hook for hook in claimed})
        return claimed

    def sent(self, id_: str, now: int) -> None:
        """Forget one."""
        hook = self._rows.pop(id_, None)
        if hook is not None:
            self._free_next(hook.session, now)

    def failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Let go of one."""
        hook = self._claimed(id_, tries)
        if hook is not None:
            self._rows[id_] = hook._replace(due_at=due_at, leased_until=0, problem=problem)

    def put_off(self, id_: str, tries: int, due_at: int) -> None:
        """Let go of one without a try."""
        hook = self._claimed(id_, tries)
        if hook is not None:
            self._rows[id_] = hook._replace(due_at=due_at, leased_until=0, tries=tries - 1)

    def park(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give one up."""
        hook = self._claimed(id_, tries)
        if hook is not None:
            self._rows[id_] = hook._replace(is_parked=True, due_at=None, leased_until=0, problem=problem)
            self._free_next(hook.session, now)

    def retry(self, ids: Sequence[str] | None, now: int) -> int:
        """Let some be due; how many were."""
        found = [hook for hook in self._named(ids) if hook.is_parked or hook.due_at is not None]
        for hook in found:
            tries = 0 if hook.is_parked else hook.tries
            self._rows[hook.id] = hook._replace(due_at=now, tries=tries, is_parked=False)
        return len(found)

    def drop(self, ids: Sequence[str] | None) -> int:
        """Forget parked ones; how many there were."""
        found = [hook.id for hook in self._named(ids) if hook.is_parked]
        for id_ in found:
            del self._rows[id_]
        return len(found)

    def oldest(self, limit: int | None = None) -> list[HookRow]:
        """The first ones that were written."""
        return list(self._rows.values())[:limit]

    def forget(self, ids: Iterable[str]) -> None:
        """Delete some, whatever they wait for; the next of each session is due since it was written."""
        gone = [hook for id_ in ids if (hook := self._rows.pop(id_, None)) is not None]
        for session in {hook.session for hook in gone}:
            following = self._first(session)
            if following is not None:
                self._free_next(session, following.created_at)

    def listed(self, limit: int) -> list[HookRow]:
        """Parked ones, then the others."""
        return sorted(self._rows.values(), key=lambda hook: not hook.is_parked)[:limit]

    def counts(self) -> HookCounts:
        """How many there are."""
        parked = sum(hook.is_parked for hook in self._rows.values())
        return HookCounts(len(self._rows) - parked, parked)

    def _named(self, ids: Sequence[str] | None) -> list[HookRow]:
        wanted = self._rows if ids is None else dict.fromkeys(ids)
        return [self._rows[id_] for id_ in wanted if id_ in self._rows]

    def _claimed(self, id_: str, tries: int) -> HookRow | None:
        hook = self._rows.get(id_)
        return hook if hook is not None and hook.tries == tries and not hook.is_parked else None

    def _firsts(self) -> Iterator[HookRow]:
        """The first of each session that waits."""
        sessions: set[str] = set()
        for hook in self._rows.values():
            if not hook.is_parked and hook.session not in sessions:
                sessions.add(hook.session)
                yield hook

    def _first(self, session: str) -> HookRow | None:
        return next((hook for hook in self._firsts() if hook.session == session), None)

    def _free_next(self, session: str, now: int) -> None:
        hook = self._first(session)
        if hook is not None and hook.due_at is None:
            self._rows[hook.id] = hook._replace(due_at=now)
