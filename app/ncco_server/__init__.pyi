from ncco_server.flow.handlers.api import Call as Call
from ncco_server.flow.handlers.api import Choice as Choice
from ncco_server.flow.handlers.api import RunFailed as RunFailed
from ncco_server.flow.handlers.api import call_flow as call_flow
from ncco_server.ncco import Ncco as Ncco
from ncco_server.ncco import check as check
from ncco_server.web.app import create_app as create_app
from ncco_server.web.router import ncco_router as ncco_router
