// The browser's voices. The call does not wait for them.

const speech = window.speechSynthesis;
const MUTED = "phone-muted"; // remembered by the browser

/** Speaks the bubbles of a call. */
export class Voice {
  #spoken = new Map(); // ids of bubbles that were said, and whether they are known to be cut short

  /** Whether the browser has any voice. It may find its voices a while after the page is loaded. */
  get hasVoices() {
    return (speech?.getVoices().length ?? 0) > 0;
  }

  get isSpeaking() {
    return speech?.speaking ?? false;
  }

  get isMuted() {
    return localStorage.getItem(MUTED) === "true";
  }

  set isMuted(isMuted) {
    localStorage.setItem(MUTED, String(isMuted));
    if (isMuted) this.stop();
  }

  /** Stop what is being said. */
  stop() {
    speech?.cancel();
  }

  /** Stop, and forget what was said: another call begins. */
  reset() {
    this.stop();
    this.#spoken.clear();
  }

  /** Say what has begun and is not over at a second of the call; stop when the caller has interrupted, and at the end. */
  speak(bubbles, { at, isOver, isHeld }) {
    const isCut = bubbles.some(({ id, dataset }) => "cut" in dataset && this.#spoken.get(id) === false);
    if (isCut || isOver) this.stop();
    for (const bubble of bubbles) {
      const isNew = !this.#spoken.has(bubble.id);
      this.#spoken.set(bubble.id, "cut" in bubble.dataset);
      const isOn = at < Number(bubble.dataset.at) + Number(bubble.dataset.seconds || Infinity);
      const voice = isNew && isOn && !isHeld && !this.isMuted ? voiceOf(bubble.lang) : undefined;
      if (!voice) continue;
      const utterance = new SpeechSynthesisUtterance(bubble.querySelector(".bubble").textContent);
      speech.speak(Object.assign(utterance, { voice, lang: voice.lang }));
    }
  }
}

/** The voice for a language such as `en-GB`, or for another kind of it. */
function voiceOf(language) {
  const voices = speech?.getVoices() ?? [];
  const tag = (text) => text.replace("_", "-").toLowerCase();
  const primary = (text) => tag(text).split("-")[0];
  return voices.find(({ lang }) => tag(lang) === tag(language)) ?? voices.find(({ lang }) => primary(lang) === primary(language));
}
