// Shows times in the zone of the browser, and follows calls while they are in progress.

const inFull = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});
const timeOnly = new Intl.DateTimeFormat(undefined, {timeStyle: "medium"});

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = (time.hasAttribute("data-time") ? timeOnly : inFull).format(moment);
  }
}

async function refresh(live) {
  const reply = await fetch(live.dataset.live, {headers: {"HX-Request": "true"}});
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById(live.id) ?? page.body;
  const open = new Set([...live.querySelectorAll("li:has(details[open])")].map((entry) => entry.id));
  localize(fresh);
  for (const entry of fresh.querySelectorAll("li")) {
    if (open.has(entry.id)) entry.querySelector("details").open = true;
  }
  live.replaceChildren(...fresh.childNodes);
}

localize(document);
const live = document.querySelector("[data-live]");
if (live) {
  const changes = new EventSource("/events");
  changes.addEventListener("calls", () => refresh(live));
}
