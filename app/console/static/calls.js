// Shows times in the zone of the browser.
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
