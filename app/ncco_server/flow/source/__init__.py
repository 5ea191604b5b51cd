"""YAML text with positions."""

from ncco_server.flow.source.reader import MAX_CHARACTERS as MAX_CHARACTERS
from ncco_server.flow.source.reader import MAX_DEPTH as MAX_DEPTH
from ncco_server.flow.source.reader import MAX_VALUES as MAX_VALUES
from ncco_server.flow.source.reader import LateMap as LateMap
from ncco_server.flow.source.reader import flow_name_in as flow_name_in
from ncco_server.flow.source.reader import read_yaml as read_yaml
