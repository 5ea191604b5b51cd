// What the phone says and hears: the browser's voices, for which the call does not wait, and its microphone, which is off
// at first. The browser recognises spoken words (Web Speech API); many send the audio to their maker.
import { $, fail, succeed } from "./request.js";

const speech = window.speechSynthesis;
const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
const MUTED = "phone-muted"; // remembered by the browser
const HARMLESS = ["no-speech", "aborted"];
const FAULTS = {
  "not-allowed": "This page may not use the microphone. Allow it in the browser's settings for this page, then switch it on again.",
  "service-not-allowed": "This browser cannot recognise speech here. Type what the caller says.",
  "audio-capture": "No microphone was found. Connect one, and switch it on again.",
  "language-not-supported": "This browser does not recognise the language of this step. Type what the caller says.",
  network: "The browser cannot reach its speech recognition service. Check the network, or type what the caller says.",
};

// Voices

const spoken = new Map(); // ids of bubbles that were said, and whether they are known to be cut short

const isMuted = () => localStorage.getItem(MUTED) === "true";

/** Stop what is being said. */
export function hush() {
  speech?.cancel();
}

/** Stop, and forget what was said: another call begins. */
export function forgetSpoken() {
  hush();
  spoken.clear();
}

/** Say what has begun and is not over at a second of the call; stop when the caller has interrupted, and at the end. */
export function speak(bubbles, { at, isOver, isHeld }) {
  const isCut = bubbles.some(({ id, dataset }) => "cut" in dataset && spoken.get(id) === false);
  if (isCut || isOver) hush();
  for (const bubble of bubbles) {
    const isNew = !spoken.has(bubble.id);
    spoken.set(bubble.id, "cut" in bubble.dataset);
    const isOn = at < Number(bubble.dataset.at) + Number(bubble.dataset.seconds || Infinity);
    const voice = isNew && isOn && !isHeld && !isMuted() ? voiceOf(bubble.lang) : undefined;
    if (!voice) continue;
    const utterance = new SpeechSynthesisUtterance(bubble.querySelector(".bubble").textContent);
    speech.speak(Object.assign(utterance, { voice, lang: voice.lang }));
  }
}

/** The voice for a language such as `en-GB`, or for another kind of it. */
function voiceOf(language) {
  const voices = speech?.getVoices() ?? [];
  const tag = (text) => text.replace("_", "-").toLowerCase();
  const primary = (text) => tag(text).split("-")[0];
  return voices.find(({ lang }) => tag(lang) === tag(language)) ?? voices.find(({ lang }) => primary(lang) === primary(language));
}

function showVoices() {
  $("voices").hidden = (speech?.getVoices().length ?? 0) > 0;
}
speech?.addEventListener?.("voiceschanged", showVoices); // a browser may find them a while after the page is loaded
setTimeout(showVoices, 1000);

function showMuted() {
  $("mute").setAttribute("aria-pressed", String(isMuted()));
}
$("mute").addEventListener("click", () => {
  localStorage.setItem(MUTED, String(!isMuted()));
  if (isMuted()) hush();
  showMuted();
});
showMuted();

// The microphone

let running = null; // recognises one sentence
let caller; // what is told of it

/** Call `heard(text, confidence)` for a sentence, and `speaking(isSpeaking)` when somebody begins or ends to speak. */
export function connectMicrophone({ heard, speaking }) {
  caller = { heard, speaking };
}

/** Listen in a language such as `en-GB`, if it does not do so already, while the page itself says nothing; "" stops. */
export function listen(language) {
  const wanted = $("microphone").checked && !speech?.speaking ? language : "";
  if ((running?.lang ?? "") === wanted) return;
  stop();
  if (!wanted) return;
  const recognition = Object.assign(new Recognition(), { lang: wanted });
  const ifRunning = (act) => (event) => running === recognition && act(event);
  recognition.onspeechstart = ifRunning(() => caller.speaking(true));
  recognition.onresult = ifRunning(({ results: [[{ transcript, confidence }]] }) => {
    const words = [...transcript.trim()].slice(0, $("said").maxLength).join(""); // whole characters: half of one cannot be sent
    if (words) caller.heard(words, Math.min(confidence || $("confidence").valueAsNumber || 1, 1));
  });
  recognition.onerror = ifRunning(({ error }) => {
    if (HARMLESS.includes(error)) return;
    $("microphone").checked = false;
    fail("microphone", FAULTS[error] ?? `The browser cannot recognise speech: ${error}.`);
  });
  recognition.onend = ifRunning(stop);
  running = recognition;
  recognition.start();
}

function stop() {
  const recognition = running;
  if (!recognition) return;
  running = null;
  recognition.abort();
  caller.speaking(false);
}

if (!Recognition) {
  $("microphone").disabled = true;
  $("microphone-hint").textContent = "This browser does not recognise speech. Type what the caller says.";
}
$("microphone").addEventListener("change", () => succeed("microphone"));
