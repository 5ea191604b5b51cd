// The call: the server plays it in virtual time; the browser says up to which second. Nothing waits for the voice.
import { light } from "./phone_picture.js";
import { forgetSpoken, hush, speak } from "./phone_speech.js";
import { $, busy, fail, post, succeed } from "./request.js";
import htmx from "./vendor/htmx.js";

const SHORTEST_MS = 60; // between two requests for what happens next
const ASKS = ["dial", "record"]; // moments in which the clock stands until somebody says what happens

// {id, at, seen (performance.now() at `at`), next, moment, isOver}
export let call = null;
let placing = false;
let isHeld = false; // somebody has stopped the clock
let timer;
let requests = Promise.resolve();

/** Send one request after the other, and show the call of each reply; false when it was refused. */
export function send(path, data) {
  requests = requests.then(async () => {
    try {
      const html = await post(path, typeof data === "function" ? data() : data);
      succeed("request");
      return show(html);
    } catch (problem) {
      fail("request", problem.message);
      if (problem.cause?.status === 404) end();
      return false;
    }
  });
  return requests;
}

export const isPlacing = () => placing;

/** Whether there is a call that is not over, or one is being placed. */
export const isOn = () => placing || (call !== null && !call.isOver);

/** Place a call; one that goes on is left for it. */
export async function placeCall(data) {
  placing = true;
  showState();
  const free = busy($("place"));
  await send("/phone/calls", data);
  free?.();
  placing = false;
  showState();
}

/** Show what can be done now: call, or what the caller does. */
function showState() {
  $("phone").dataset.state = placing ? "placing" : isOn() ? "on" : call ? "over" : "idle";
  $("place").hidden = isOn() && !placing;
  $("hangup").hidden = !$("place").hidden;
  $("caller").disabled = !isOn();
  $("line").disabled = isOn();
}

/** Do now what a step of a script says; false when that was not possible. A voice that is late behind the call is cut off. */
export async function act(step) {
  if (!call || placing) return false;
  succeed("act");
  if (call.moment !== "until") hush();
  return shown(send(`/phone/calls/${call.id}/steps`, { step, at: now() }));
}

let asked = 0; // requests for what the caller does that are on their way

/** Show that the call works on what the caller does, until its reply. */
async function shown(reply) {
  asked += 1;
  $("call").ariaBusy = "true";
  const found = await reply;
  asked -= 1;
  if (!asked) $("call").ariaBusy = null;
  return found;
}

/** Play on to where the caller is waited for. */
export function skip() {
  if (!call) return;
  hush();
  shown(send(`/phone/calls/${call.id}/advance`, { at: null }));
}

/** Stop the clock, or let it go on. */
export function hold() {
  if (!call) return;
  call.at = now();
  call.seen = performance.now();
  isHeld = !isHeld;
  schedule();
  showClock();
  if (isHeld) hush();
  $("hold").setAttribute("aria-pressed", String(isHeld));
}

/** Show the call of a reply; false when it says that something was refused. */
async function show(html) {
  const isNew = !call || !html.includes(`data-call="${call.id}"`);
  const isAtEnd = isNew || $("log").scrollTop + $("log").clientHeight > $("log").scrollHeight - 60;
  const swap = isNew ? "innerHTML" : "innerMorph"; // what stays keeps its focus, and unfolded lines stay unfolded
  await htmx.swap({ text: html, sourceElement: $("call"), target: $("call"), swap });
  const { call: id, at, next, moment, over, flow, step, refused, incoming, kept, blocked } = $("call-state").dataset;
  const heldAt = isHeld && !isNew ? call.at : 0;
  call = {
    id, moment, at: Math.max(Number(at), heldAt), seen: performance.now(), next: next === "" ? null : Number(next), isOver: over === "true",
  };
  if (isNew) {
    succeed();
    forgetSpoken();
    isHeld = false;
    placing = false;
    $("log").focus({ preventScroll: true }); // whoever presses Enter once more does not hang up
  }
  showState();
  $("hold").setAttribute("aria-pressed", String(isHeld));
  const isIncoming = incoming === "true"; // it goes on by itself, and was placed by the server
  $("again").hidden = isIncoming;
  for (const each of ["hold", "silence", "skip"]) $(each).hidden = isIncoming;
  $("keep").hidden = kept !== "true";
  $("keep").disabled = blocked === "true";
  if (refused) fail("act", refused);
  const bubbles = [...$("bubbles").querySelectorAll("[data-say]")];
  speak(bubbles, { at: call.at, isOver: call.isOver, isHeld });
  tick();
  schedule();
  light(flow, step);
  if (isAtEnd) $("log").scrollTop = $("log").scrollHeight;
  return !refused;
}

function end() {
  clearTimeout(timer);
  forgetSpoken();
  call = null;
  showState();
}

// The clock

/** The second of the call that it is now. */
function now() {
  if (!call) return 0;
  const stands = isHeld || call.isOver || ASKS.includes(call.moment);
  return stands ? call.at : call.at + (performance.now() - call.seen) / 1000;
}

function schedule() {
  clearTimeout(timer);
  if (call.isOver || isHeld || call.next === null || ASKS.includes(call.moment)) return;
  const { id } = call;
  const wait = Math.max((call.next - now()) * 1000, SHORTEST_MS);
  timer = setTimeout(() => call?.id === id && send(`/phone/calls/${id}/advance`, () => ({ at: now() })), wait);
}

function showClock() {
  const seconds = Math.floor(now());
  $("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Mark what is heard at a second of the call. */
function mark(second) {
  for (const bubble of $("bubbles").querySelectorAll("[data-at]")) {
    const begun = Number(bubble.dataset.at);
    bubble.classList.toggle("current", !call.isOver && begun <= second && second < begun + Number(bubble.dataset.seconds || Infinity));
  }
}

function tick() {
  if (!call) return;
  showClock();
  mark(now());
}

setInterval(tick, 250);
