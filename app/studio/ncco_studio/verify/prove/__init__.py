"""Explores every call that a flow allows, with the server's engine, and reports violated properties."""

from __future__ import annotations

from ncco_studio.verify.prove.proof import FlowVerdict as FlowVerdict
from ncco_studio.verify.prove.proof import Proof as Proof
from ncco_studio.verify.prove.proof import never_run as never_run
from ncco_studio.verify.prove.proof import placed_forever as placed_forever
from ncco_studio.verify.prove.proof import prove as prove
from ncco_studio.verify.prove.proof import roots_of as roots_of
from ncco_studio.verify.prove.properties import FoundViolation as FoundViolation
from ncco_studio.verify.prove.space import SearchLimits as SearchLimits
