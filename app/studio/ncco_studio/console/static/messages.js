// Messages: keys, the next player, forwarding, undo (of missed callers on Home, too), and the count in the tab's title.
import "./recordings.js";
import { announce, reason } from "./request.js";

const list = document.getElementById("messages");

function show() {
  for (const link of list.querySelectorAll("[data-forward]")) {
    const { title, text } = forwarded(link);
    link.href = `mailto:?subject=${encodeURIComponent(title)}&body=${encodeURIComponent(text.replaceAll("\n", "\r\n"))}`; // RFC 6068
    if (canShare(link)) link.textContent = "Share";
  }
  const count = Number(document.getElementById("new-messages").dataset.count);
  document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
}

// Forwarding: by the mail program, or, where the browser can share files, with the audio

/** What others get to read about the message of a link. */
function forwarded(link) {
  const message = link.closest(".message");
  const time = message.querySelector("time");
  const about = message.querySelector("header p").textContent.replace(time.textContent, time.title);
  const lines = [`${link.dataset.forward}, ${about}`, message.querySelector(".words")?.textContent, `${location.origin}/messages#${message.id}`];
  return { title: `A message from ${link.dataset.forward}`, text: lines.filter(Boolean).join("\n\n") };
}

function canShare({ dataset: { type, file } }) {
  return Boolean(file) && (navigator.canShare?.({ files: [new File([""], file, { type })] }) ?? false);
}

list.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-forward]");
  if (!link || !canShare(link)) return;
  event.preventDefault();
  const { type, file } = link.dataset;
  try {
    const answer = await fetch(`/messages/${link.closest(".message").dataset.message}/audio?use=shared`);
    if (!answer.ok) throw new Error(reason(answer, await answer.text()));
    await share({ ...forwarded(link), files: [new File([await answer.blob()], file, { type })] });
  } catch (problem) {
    announce(`The message cannot be shared: ${problem.message}`, { error: true });
  }
});

/** Ask again where fetching took longer than the browser lets a click count. */
async function share(data) {
  try {
    await navigator.share(data);
  } catch (problem) {
    if (problem.name === "NotAllowedError") announce("The audio is ready.", { action: ["Share it", () => share(data)] });
    else if (problem.name !== "AbortError") throw problem;
  }
}

list.addEventListener("ended", ({ target }) => {
  const players = [...list.querySelectorAll(".message.new audio")];
  players.find((player) => target.compareDocumentPosition(player) & Node.DOCUMENT_POSITION_FOLLOWING)?.play();
}, true);

// j and k go to the next and the previous message, d marks it as done.
document.addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey || target.closest("input, select, textarea, audio")) return;
  const all = [...list.querySelectorAll(".message")];
  const at = all.indexOf(target.closest(".message"));
  if (key === "j" || key === "k") all[at < 0 ? 0 : at + (key === "j" ? 1 : -1)]?.focus();
  const done = key === "d" && all[at]?.querySelector('[data-url$="/done"]');
  if (!done) return;
  done.click();
  (all[at + 1] ?? all[at - 1])?.focus();
});

show();
document.addEventListener("htmx:after:settle", show);
