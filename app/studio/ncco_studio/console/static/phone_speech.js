// What the phone says and hears: the browser's voice, and its microphone, which is off at first.
import { canRecognise, Microphone } from "./phone_microphone.js";
import { Voice } from "./phone_voice.js";
import { fail, succeed } from "./request.js";

const $ = (id) => document.getElementById(id);

export const voice = new Voice();
let microphone;

/** Call `heard(text, confidence)` for a sentence, and `speaking(isSpeaking)` when somebody begins or ends to speak. */
export function connectMicrophone({ heard, speaking }) {
  microphone = new Microphone({
    heard(text, confidence) {
      const words = [...text].slice(0, $("said").maxLength).join(""); // whole characters: half of one cannot be sent
      if (words) heard(words, Math.min(confidence || $("confidence").valueAsNumber || 1, 1));
    },
    speaking,
    failed(sentence) {
      $("microphone").checked = false;
      fail("microphone", sentence);
    },
  });
}

/** Listen in a language while the page itself says nothing; "" stops. */
export function listen(language) {
  microphone.listen($("microphone").checked && !voice.isSpeaking ? language : "");
}

$("recognition").hidden = !canRecognise;
$("microphone").addEventListener("change", () => succeed("microphone"));

function showVoices() {
  $("voices").hidden = voice.hasVoices;
}
window.speechSynthesis?.addEventListener?.("voiceschanged", showVoices);
setTimeout(showVoices, 1000);

function showMuted() {
  $("mute").setAttribute("aria-pressed", String(voice.isMuted));
}
$("mute").addEventListener("click", () => {
  voice.isMuted = !voice.isMuted;
  showMuted();
});
showMuted();
