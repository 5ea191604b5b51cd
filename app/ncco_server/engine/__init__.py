"""Plays calls with pure functions: no clock, network, database or randomness."""

from __future__ import annotations

from ncco_server.engine.agents import agent_step as agent_step
from ncco_server.engine.agents import agent_wait as agent_wait
from ncco_server.engine.agents import hand_back as hand_back
from ncco_server.engine.agents import noted as noted
from ncco_server.engine.event_hooks import NO_EFFECTS as NO_EFFECTS
from ncco_server.engine.event_hooks import EventEffects as EventEffects
from ncco_server.engine.event_hooks import ended as ended
from ncco_server.engine.event_hooks import hang_up as hang_up
from ncco_server.engine.event_hooks import may_report_end as may_report_end
from ncco_server.engine.event_hooks import may_report_hang_up as may_report_hang_up
from ncco_server.engine.event_hooks import not_reached as not_reached
from ncco_server.engine.event_hooks import observe as observe
from ncco_server.engine.event_hooks import played_step as played_step
from ncco_server.engine.event_hooks import step_of_wait as step_of_wait
from ncco_server.engine.interpreter import begin as begin
from ncco_server.engine.interpreter import begin_called as begin_called
from ncco_server.engine.interpreter import begin_placed as begin_placed
from ncco_server.engine.interpreter import detected as detected
from ncco_server.engine.interpreter import fail as fail
from ncco_server.engine.interpreter import new_session as new_session
from ncco_server.engine.interpreter import played as played
from ncco_server.engine.interpreter import resume as resume
from ncco_server.engine.interpreter import without_store as without_store
from ncco_server.engine.session import CallData as CallData
from ncco_server.engine.session import FailedLine as FailedLine
from ncco_server.engine.session import Lookup as Lookup
from ncco_server.engine.session import LookupAnswer as LookupAnswer
from ncco_server.engine.session import OpenWait as OpenWait
from ncco_server.engine.session import Session as Session
from ncco_server.engine.session import TraceLine as TraceLine
from ncco_server.engine.session import Turn as Turn
from ncco_server.engine.session import TurnContext as TurnContext
from ncco_server.engine.session import WaitRef as WaitRef
from ncco_server.engine.waits.called_party import JOINED as JOINED
from ncco_server.engine.waits.called_party import declined as declined
from ncco_server.engine.waits.detection import awaits_detection as awaits_detection
