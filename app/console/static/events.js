// The stream of events: the event "calls" of the document says that calls or messages have changed. The first comes at once.

const AGAIN_MS = 30_000;

/** Follow the changes; returns what ends that. */
export function follow() {
  let events, waiting;
  const open = () => {
    events = new EventSource("/events");
    events.addEventListener("calls", () => document.dispatchEvent(new Event("calls")));
    events.addEventListener("error", () => {
      // It tries again by itself where no answer came, but not after another one: 503, or 502 of a proxy.
      if (events.readyState === EventSource.CLOSED) waiting = setTimeout(open, AGAIN_MS);
    });
  };
  open();
  return () => {
    clearTimeout(waiting);
    events.close();
  };
}
