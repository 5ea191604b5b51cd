// A call that the server places rings on every page: in the title, and with a tone where the browser allows one.
const CADENCE_MS = 3000; // between two rings
const RING_S = 1;
const TONES_HZ = [440, 480];
const title = document.title;
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
  if (rings === (ringing !== undefined)) return;
  document.title = rings ? `Ringing · ${title}` : title;
  clearInterval(ringing);
  ringing = rings ? setInterval(ring, CADENCE_MS) : undefined;
  if (rings) ring();
}

new MutationObserver(update).observe(place, { childList: true });
update(); // a call may ring already
