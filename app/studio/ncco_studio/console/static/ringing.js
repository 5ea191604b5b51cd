// A call that the server places rings on every page: in the title, and with a tone where the browser allows one.
const CADENCE_MS = 3000; // between two rings
const RING_S = 1;
const TONES_HZ = [440, 480];
const PREFIX = "Ringing · ";
const place = document.getElementById("ringing");
let audio;
let ringing;

function ring() {
  if (!navigator.userActivation.hasBeenActive) return; // the browser would refuse
  audio ??= new AudioContext();
  const volume = new GainNode(audio, { gain: 0.04 });
  volume.connect(audio.destination);
  for (const frequency of TONES_HZ) {
    const tone = new OscillatorNode(audio, { frequency });
    tone.connect(volume);
    tone.start();
    tone.stop(audio.currentTime + RING_S);
  }
}

function update() {
  const rings = place.querySelector(".ringing") !== null;
  const title = document.title.replace(PREFIX, "");
  const shown = rings ? PREFIX + title : title;
  if (document.title !== shown) document.title = shown;
  if (rings === (ringing !== undefined)) return;
  clearInterval(ringing);
  ringing = rings ? setInterval(ring, CADENCE_MS) : undefined;
  if (rings) ring();
}

const observer = new MutationObserver(update);
observer.observe(place, { childList: true });
observer.observe(document.querySelector("title"), { childList: true }); // htmx sets it with what it shows anew
update(); // a call may ring already
