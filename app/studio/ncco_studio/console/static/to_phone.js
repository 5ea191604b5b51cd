// A button of another page that places a call, and shows it on the phone.
import { announce, busy, post } from "./request.js";

/** Place a call of a flow by a button. */
export async function callBy(button, flow, data) {
  const free = busy(button);
  if (!free) return;
  addEventListener("pageshow", free, { once: true }); // the page comes back as it was
  try {
    const shown = new DOMParser().parseFromString(await post("/phone/calls", data), "text/html");
    const { call } = shown.getElementById("call-state").dataset;
    location.assign(`/phone?${new URLSearchParams({ flow, call })}`);
  } catch (problem) {
    announce(problem.message, { error: true });
    free();
  }
}
