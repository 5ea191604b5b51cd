// Places and controls a call with Vonage's SDK for Node; prints each reply as a line of JSON.
// node calls.mjs API_URL APPLICATION_ID KEY_FILE ANSWER_URL

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Auth } from "@vonage/auth";
import { Voice } from "@vonage/voice";

const [apiHost, applicationId, keyFile, answerUrl] = process.argv.slice(2);
const voice = new Voice(new Auth({ applicationId, privateKey: readFileSync(keyFile, "utf8") }), { apiHost });
const print = (name, reply) => console.log(JSON.stringify([name, reply]));

const call = await voice.createOutboundCall({
  to: [{ type: "phone", number: "447700900123" }],
  from: { type: "phone", number: "442079460000" },
  answerUrl: [answerUrl],
  answerMethod: "POST",
});
print("created", call);
while ((await voice.getCall(call.uuid)).status !== "answered") await sleep(100);
print("talk", await voice.playTTS(call.uuid, { text: "One moment." }));
print("dtmf", await voice.playDTMF(call.uuid, "12#"));
await voice.transferCallWithNCCO(call.uuid, [{ action: "talk", text: "You are in another place now. ".repeat(40) }]);
await sleep(200);
await voice.hangupCall(call.uuid);
print("over", await voice.getCall(call.uuid));
print("listed", (await voice.getCallsPage({}))._embedded.calls.map((each) => each.uuid));
const all = [];
for await (const each of voice.getAllCalls({ pageSize: 1 })) all.push(each.uuid);
print("all", all);
print("dashed", (await voice.getCall(call.uuid.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"))).uuid);
