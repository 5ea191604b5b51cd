// Shows times in the zone of the line, or else of the browser; `data-short` as people say them: today without the date, yesterday, a day of the week.
function format(options, language = "en-GB") {
  try {
    return new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options, timeZone: document.documentElement.dataset.zone });
  } catch {
    return new Intl.DateTimeFormat(language, options); // the browser does not know this zone
  }
}

const inFull = format({ dateStyle: "medium", timeStyle: "medium" });
const timeOnly = format({ timeStyle: "medium" });
const clock = format({ timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
const weekday = format({ weekday: "long" });
const date = format({ dateStyle: "medium" });
const numbers = format({ dateStyle: "short" }, "sv"); // 2026-11-27

/** The day of a moment in a word, or its date; `today` is the word for today. */
function day(moment, today = relative.format(0, "day")) {
  const midnight = (time) => Date.parse(numbers.format(time));
  const days = (midnight(moment) - midnight(new Date())) / 86_400_000;
  const word = days === 0 ? today : days === -1 ? relative.format(-1, "day") : days > -7 && days < 1 ? weekday.format(moment) : date.format(moment);
  return word.slice(0, 1).toLocaleUpperCase() + word.slice(1);
}

function short(moment, today) {
  return `${day(moment, today)} ${clock.format(moment)}`.trim();
}

function localize() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    if (time.hasAttribute("data-day")) {
      time.textContent = day(moment);
      continue;
    }
    time.title = inFull.format(moment);
    if (time.closest("#messages")) time.textContent = short(moment);
    else if (time.hasAttribute("data-clock")) time.textContent = clock.format(moment);
    else if (time.hasAttribute("data-short")) time.textContent = short(moment, "");
    else time.textContent = (time.hasAttribute("data-time") ? timeOnly : inFull).format(moment);
  }
}

localize();
document.addEventListener("htmx:after:settle", localize);
