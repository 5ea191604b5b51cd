// Players of recordings: one plays at a time, and one that gets nothing says why.
import { announce, offer, post, reason } from "./request.js";

/** Change a recording or a call, say so, and show the page's list again. */
async function change(url) {
  try {
    offer(await post(url), change);
  } catch (problem) {
    return announce(problem.message, { error: true });
  }
  document.body.dispatchEvent(new Event("messages"));
}

// Not by htmx: the list may be there anew, without the button, before the answer to its request.
document.addEventListener("click", ({ target }) => {
  const { url } = target.closest?.("button")?.dataset ?? {};
  if (url) change(url);
});

// Its length is beside it; the player knows it only once it has asked for the audio, which counts as listening.
document.addEventListener("loadedmetadata", ({ target }) => delete target.dataset.unplayed, true);

document.addEventListener("play", ({ target }) => {
  for (const player of document.querySelectorAll("audio")) if (player !== target) player.pause();
}, true);

// A player does not say why it gets nothing.
document.addEventListener("error", async ({ target: player }) => {
  if (!player.matches("audio")) return;
  const answer = await fetch(player.src, { headers: { Range: "bytes=0-0" } }).catch(() => null);
  let sentence = "The server does not answer.";
  if (answer) sentence = answer.ok ? "This browser cannot play the recording. Download it." : reason(answer, await answer.text());
  const isLost = answer?.status === 410;
  const again = () => (isLost ? change(player.dataset.fetch) : playAgain(player));
  announce(sentence, { error: true, action: isLost && !player.dataset.fetch ? undefined : ["Try again", again] });
}, true);

function playAgain(player) {
  player.load();
  player.play().catch(() => {}); // said by its next error
}
