// The browser's recognition of spoken words (Web Speech API). Many browsers send the audio to their maker.

const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
const HARMLESS = ["no-speech", "aborted"];
const FAULTS = {
  "not-allowed": "This page may not use the microphone. Allow it in the browser's settings for this page, then switch it on again.",
  "service-not-allowed": "This browser cannot recognise speech here. Type what the caller says.",
  "audio-capture": "No microphone was found. Connect one, and switch it on again.",
  "language-not-supported": "This browser does not recognise the language of this step. Type what the caller says.",
  network: "The browser cannot reach its speech recognition service. Check the network, or type what the caller says.",
};

/** Whether this browser recognises speech. */
export const canRecognise = Recognition !== undefined;

/** Recognises one sentence at a time. */
export class Microphone {
  #running = null;

  /**
   * Call `heard(text, confidence)` for a sentence, `speaking(isSpeaking)` when somebody begins or ends to speak, and
   * `failed(sentence)` when nothing can be recognised.
   */
  constructor({ heard, speaking, failed }) {
    Object.assign(this, { heard, speaking, failed });
  }

  /** Listen in a language such as `en-GB`, if it does not do so already; "" stops. */
  listen(language) {
    if ((this.#running?.lang ?? "") === language) return;
    this.#stop();
    if (!language) return;
    const recognition = Object.assign(new Recognition(), { lang: language });
    const ifRunning = (act) => (event) => this.#running === recognition && act(event);
    recognition.onspeechstart = ifRunning(() => this.speaking(true));
    recognition.onresult = ifRunning(({ results: [[{ transcript, confidence }]] }) => this.heard(transcript.trim(), confidence));
    recognition.onerror = ifRunning(({ error }) => {
      if (!HARMLESS.includes(error)) this.failed(FAULTS[error] ?? `The browser cannot recognise speech: ${error}.`);
    });
    recognition.onend = ifRunning(() => this.#stop());
    this.#running = recognition;
    recognition.start();
  }

  #stop() {
    const recognition = this.#running;
    if (!recognition) return;
    this.#running = null;
    recognition.abort();
    this.speaking(false);
  }
}
