from ncco_server.ncco import Ncco as Ncco
from ncco_server.ncco import check as check
from ncco_server.web.app import create_app as create_app
