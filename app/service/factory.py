"""Makes CallService with its collaborators: for the server, for `ncco simulate` and `test`, and for `ncco render`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from app.flow.model import Project
from app.service.calls import CallService, LookUp, Policy, no_lookups
from app.service.library import Library
from app.service.lookups import LookupClient
from app.service.outbox import Poster, Signer
from app.service.outgoing import new_client
from app.store import Store


def make_service(
    store: Store,
    load: Callable[[], Project],
    policy: Policy,
    *,
    look_ups: Callable[[], LookUp] = lambda: no_lookups,
    hooks_written: Callable[[], None] = lambda: None,
) -> CallService:
    """The service of a store and of the flows that `load` gives; the caller opens the store and loads the flows.

    Args:
        store: of calls and of the revisions of flows.
        load: reads the flows. Runs in a thread.
        policy: settings of the service.
        look_ups: gives what answers the lookups of one turn; without it they take their defaults.
        hooks_written: is called after hooks were written; without it they only wait in the store.
    """
    return CallService(store, Library(store, load), policy, look_ups=look_ups, hooks_written=hooks_written)


class Network:
    """Asks the lookups and sends the hooks of a process over the network. Close it.

    Args:
        budget_ms: what all lookups of one turn may take together.
        private_hosts: names that may lead to private addresses.
        modules: the folder whose Python modules flows may name.
        hook_secrets: sign hooks.

    Attributes:
        lookup_http: the client that lookups are asked with.
        lookups: answers lookups.
        signer: signs hooks; its secrets can be rotated.
        post: makes one try to send a hook.
    """

    def __init__(
        self, budget_ms: int, private_hosts: Collection[str], modules: Path, hook_secrets: Iterable[str]
    ) -> None:
        self._hook_http = new_client(private_hosts)
        self.lookup_http = new_client(private_hosts)
        self.lookups = LookupClient(budget_ms, modules=modules, http=self.lookup_http)
        self.signer = Signer(hook_secrets)
        self.post = Poster(self._hook_http, self.signer)

    async def close(self) -> None:
        """Cancel what is still being asked, and close every connection."""
        await self.lookups.close()
        await self.lookup_http.aclose()
        await self._hook_http.aclose()
