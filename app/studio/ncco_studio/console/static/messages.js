// Messages: the next player, forwarding, undo (of missed callers on Home, too), and the count in the tab's title.
import "./recordings.js";

const list = document.getElementById("messages");

function show() {
  for (const link of list.querySelectorAll("[data-forward]")) {
    const { title, text } = forwarded(link);
    link.href = `mailto:?subject=${encodeURIComponent(title)}&body=${encodeURIComponent(text.replaceAll("\n", "\r\n"))}`; // RFC 6068
  }
  const count = Number(document.getElementById("new-messages").dataset.count);
  document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
}

/** What others get to read about the message of a link. */
function forwarded(link) {
  const message = link.closest(".message");
  const time = message.querySelector("time");
  const about = message.querySelector("header p").textContent.replace(time.textContent, time.title);
  const lines = [`${link.dataset.forward}, ${about}`, message.querySelector(".words")?.textContent, `${location.origin}/messages#${message.id}`];
  return { title: `A message from ${link.dataset.forward}`, text: lines.filter(Boolean).join("\n\n") };
}

list.addEventListener("ended", ({ target }) => {
  const players = [...list.querySelectorAll(".message.new audio")];
  players.find((player) => target.compareDocumentPosition(player) & Node.DOCUMENT_POSITION_FOLLOWING)?.play();
}, true);

show();
document.addEventListener("htmx:after:settle", show);
