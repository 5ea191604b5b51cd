// What the phone says: the browser's voices, for which the call does not wait.
import { $ } from "./request.js";

const speech = window.speechSynthesis;
const MUTED = "phone-muted"; // remembered by the browser

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
