// The picture of the flow beside the text, with the step where the call is.
import { $, fail, post, succeed } from "./request.js";

let lit = ["", ""];
let drawn = ""; // the file whose picture is shown

/** Light a step, and show it in the middle; without a step, where calls begin. */
export function light(flow, step) {
  lit = [flow, step];
  for (const node of $("picture").querySelectorAll(".current")) node.classList.remove("current");
  const named = `.node[data-flow="${CSS.escape(flow)}"][data-step="${CSS.escape(step)}"]`;
  const node = $("picture").querySelector(step ? named : ".node");
  if (!node) return;
  node.classList.toggle("current", step !== "");
  const [box, around] = [node.getBoundingClientRect(), $("picture").getBoundingClientRect()];
  $("picture").scrollBy({
    left: box.x + box.width / 2 - around.x - around.width / 2, top: box.y + box.height / 2 - around.y - around.height / 2,
    behavior: step === "" || matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth",
  });
}

/** Draw a text. While it has errors, the picture of the same file before them stays. */
export async function draw(source, isBlank) {
  if (!$("drawing").open) return;
  let picture;
  try {
    picture = await post("/phone/picture", source); // escaped by our own server
  } catch (problem) {
    fail("picture", problem.message);
    return;
  }
  succeed("picture");
  const stays = !picture && drawn === source.file && !isBlank;
  if (!stays) {
    $("picture").innerHTML = picture;
    drawn = picture ? source.file : "";
  }
  $("stale").hidden = !stays;
  light(...lit);
}
