// Messages: times as people say them, one player after another, undo, and the count in the tab's title.
import { announce, post } from "./request.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const list = document.getElementById("messages");

function day(moment) {
  const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());
  const days = Math.round((midnight(moment) - midnight(new Date())) / 86_400_000);
  if (days > -2 && days < 1) {
    const word = relative.format(days, "day");
    return word[0].toLocaleUpperCase() + word.slice(1);
  }
  return days > -7 && days < 1 ? weekday.format(moment) : date.format(moment);
}

function show() {
  for (const time of list.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = moment.toLocaleString();
    time.textContent = `${day(moment)} ${clock.format(moment)}`;
  }
  const count = Number(document.getElementById("new-messages").dataset.count);
  document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
}

list.addEventListener("play", ({ target }) => {
  for (const player of list.querySelectorAll("audio")) if (player !== target) player.pause();
}, true);

list.addEventListener("ended", ({ target }) => {
  const players = [...list.querySelectorAll(".message.new audio")];
  players.find((player) => target.compareDocumentPosition(player) & Node.DOCUMENT_POSITION_FOLLOWING)?.play();
}, true);

list.addEventListener("htmx:after:request", ({ target, detail: { ctx } }) => {
  const { said, undo } = target.closest("button")?.dataset ?? {};
  if (!undo || ctx.response.status !== 204) return;
  announce(said, {
    action: ["Undo", async () => {
      try {
        await post(undo);
        document.body.dispatchEvent(new Event("messages"));
      } catch (problem) {
        announce(problem.message, { error: true });
      }
    }],
  });
});

show();
document.addEventListener("htmx:after:settle", show);
new EventSource("/events").addEventListener("calls", () => document.dispatchEvent(new Event("calls")));
