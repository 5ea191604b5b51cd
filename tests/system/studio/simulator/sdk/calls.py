"""Places and controls a call with Vonage's Python SDK; prints each reply as a line of JSON.

python calls.py API_URL APPLICATION_ID KEY_FILE ANSWER_URL
"""

from __future__ import annotations

import json
import sys
import time
from urllib.parse import urlsplit
from uuid import UUID

from vonage import Auth, HttpClientOptions, Vonage  # type: ignore[import-untyped]  # it has no types
from vonage_voice import CreateCallRequest, ListCallsFilter, Phone, Talk, ToPhone, TtsStreamOptions  # type: ignore[import-untyped]  # it has no types

api_url, application_id, key_file, answer_url = sys.argv[1:]
auth = Auth(application_id=application_id, private_key=key_file)
voice = Vonage(auth, HttpClientOptions(api_host=urlsplit(api_url).netloc)).voice


def show(name: str, reply: object) -> None:
    sys.stdout.write(json.dumps([name, reply], default=str) + "\n")


call = voice.create_call(
    CreateCallRequest(
        to=[ToPhone(number="447700900123")],
        from_=Phone(number="442079460000"),
        answer_url=[answer_url],
        answer_method="POST",
    )
)
show("created", call.model_dump())
while voice.get_call(call.uuid).status != "answered":
    time.sleep(0.1)
show("talk", voice.play_tts_into_call(call.uuid, TtsStreamOptions(text="One moment.")).model_dump())
show("dtmf", voice.play_dtmf_into_call(call.uuid, "12#").model_dump())
voice.transfer_call_ncco(call.uuid, [Talk(text="You are in another place now. " * 40)])
time.sleep(0.2)
voice.hangup(call.uuid)
show("over", voice.get_call(call.uuid).model_dump())
show("listed", [each.uuid for each in voice.list_calls()[0]])
found: list[str] = []
index: int | None = 0
while index is not None:
    page, index = voice.list_calls(ListCallsFilter(page_size=1, record_index=index))
    found += [each.uuid for each in page]
show("all", found)
show("dashed", voice.get_call(str(UUID(call.uuid))).uuid)
