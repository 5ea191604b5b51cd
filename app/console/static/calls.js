// Shows times in the zone of the browser, and triggers htmx when calls have changed.
import { follow } from "./events.js";

const inFull = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function localize() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = (time.hasAttribute("data-time") ? timeOnly : inFull).format(moment);
  }
}

localize();
document.addEventListener("htmx:after:settle", localize);
// Only while the tab is seen: a browser opens six connections to a server, and many tabs would use them up.
let end;
function followWhileSeen() {
  if (document.hidden) {
    end?.();
    end = null;
  } else {
    end ??= follow();
  }
}
if (document.querySelector("[hx-trigger*=calls]")) {
  document.addEventListener("visibilitychange", followWhileSeen);
  followWhileSeen();
}
