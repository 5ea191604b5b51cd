// The picture of a flow: zoom and pan by its viewBox, a search, and the step that is chosen.

const READABLE_SCALE = 0.85; // at first, at least: of a picture that is too wide for it, a part is shown
const ZOOM = 1.25;
const DRAG = 4; // pixels that a click may move

const frame = document.getElementById("picture");
const list = document.getElementById("steps");
let picture, size, steps, nodes, texts;

/** What can be searched for: not what callers hear in the week, which other steps say. */
function ownText(step) {
  const copy = step.cloneNode(true);
  for (const each of copy.querySelectorAll(".week")) each.remove();
  return copy.textContent.toLowerCase();
}

/** Look at the picture and its steps, which the painted ones replace. */
function read() {
  picture = frame.querySelector("svg");
  size = { width: picture.viewBox.baseVal.width, height: picture.viewBox.baseVal.height };
  steps = [...list.querySelectorAll("details")];
  nodes = [...picture.querySelectorAll(".node")];
  texts = new Map(steps.map((each) => [each, ownText(each)]));
}

// The part of the picture that is seen: its middle, and pixels of the screen for one unit of the picture

const view = { x: 0, y: 0, scale: 1 };
let openedScale = 1; // from a larger scale on, a finger moves the picture in each direction

function show() {
  const { width, height } = frame.getBoundingClientRect();
  const [seenWidth, seenHeight] = [width / view.scale, height / view.scale];
  view.x = clamp(view.x, 0, size.width);
  view.y = clamp(view.y, 0, size.height);
  frame.classList.toggle("zoomed", view.scale > openedScale);
  picture.setAttribute("viewBox", [view.x - seenWidth / 2, view.y - seenHeight / 2, seenWidth, seenHeight].join(" "));
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

const fitting = () => {
  const { width, height } = frame.getBoundingClientRect();
  return Math.min(1, width / size.width, height / size.height);
};

function fit() {
  Object.assign(view, { x: size.width / 2, y: size.height / 2, scale: fitting() });
  show();
}

/** Show the whole width, as long as its text can be read, and of a wider picture the left or what is around the start. */
function open() {
  const width = frame.clientWidth;
  const isWhole = width / size.width >= READABLE_SCALE;
  view.scale = clamp(width / size.width, READABLE_SCALE, 1);
  openedScale = view.scale;
  const isTall = isWhole || matchMedia("(max-width: 40rem)").matches; // on a telephone, the page scrolls down and a finger moves it sideways
  frame.style.height = isTall ? `${Math.ceil(size.height * view.scale)}px` : "";
  const half = width / 2 / view.scale;
  const box = nodes.find((each) => each.classList.contains("start"))?.getBBox();
  const isLeft = !box || box.x + box.width < half * 2;
  view.x = isWhole ? size.width / 2 : isLeft ? half : Math.min(box.x + box.width / 2, size.width - half);
  view.y = Math.min(size.height, frame.clientHeight / view.scale) / 2;
  show();
}

/** Zoom around a point of the screen, by default the middle. */
function zoom(factor, clientX, clientY) {
  const { x, y, width, height } = frame.getBoundingClientRect();
  const scale = clamp(view.scale * factor, Math.min(0.1, fitting()), 4);
  const [right, down] = [(clientX ?? x + width / 2) - x - width / 2, (clientY ?? y + height / 2) - y - height / 2];
  view.x += right / view.scale - right / scale;
  view.y += down / view.scale - down / scale;
  view.scale = scale;
  show();
}

function pan(right, down) {
  view.x += right / view.scale;
  view.y += down / view.scale;
  show();
}

/** Bring a node into the middle unless it is well in sight. */
function reveal(node) {
  const [box, around] = [node.getBoundingClientRect(), frame.getBoundingClientRect()];
  const isSeen = box.left > around.left && box.right < around.right && box.top > around.top && box.bottom < around.bottom;
  if (!isSeen) pan(box.x + box.width / 2 - around.x - around.width / 2, box.y + box.height / 2 - around.y - around.height / 2);
  // The picture may be higher than the window. Firefox scrolls to a shape, but not to a group.
  node.querySelector("title + *").scrollIntoView({ block: "nearest" });
}

// Buttons, wheel, keys and fingers

const WAYS = { in: () => zoom(ZOOM), out: () => zoom(1 / ZOOM), fit };
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", WAYS[button.dataset.zoom]);

frame.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
}, { passive: false });

const KEYS = {
  ArrowLeft: () => pan(-60, 0), ArrowRight: () => pan(60, 0), ArrowUp: () => pan(0, -60), ArrowDown: () => pan(0, 60),
  "+": WAYS.in, "=": WAYS.in, "-": WAYS.out, 0: fit,
};
frame.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

const fingers = new Map(); // pointers that are down, by id: where they are
let moved = 0;

frame.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  if (!fingers.size) moved = 0;
  fingers.set(event.pointerId, event);
});

frame.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    zoom(far(event) / Math.max(far(before), 1), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
  }
  const share = other ? 2 : 1;
  const [right, down] = [before.clientX - event.clientX, before.clientY - event.clientY];
  moved += Math.hypot(right, down);
  if (moved > DRAG) {
    if (!frame.hasPointerCapture(event.pointerId)) frame.setPointerCapture(event.pointerId);
    frame.classList.add("moving");
    pan(right / share, down / share);
  }
  fingers.set(event.pointerId, event);
});

for (const name of ["pointerup", "pointercancel"]) {
  frame.addEventListener(name, (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) frame.classList.remove("moving");
  });
}

// The step that is chosen

const same = (flow, step) => (each) => each.dataset.flow === flow && each.dataset.step === step;

/** Mark a step and the ways from and to it, and show its details. */
function choose(flow, step) {
  for (const each of picture.querySelectorAll(".selected, .near")) each.classList.remove("selected", "near");
  const node = nodes.find(same(flow, step));
  const details = steps.find(same(flow, step));
  if (!node || !details) return;
  node.classList.add("selected");
  const label = node.parentElement.querySelector(".label, .node");
  for (const edge of node.parentElement.querySelectorAll(".edge")) {
    if (edge.dataset.start !== step && edge.dataset.end !== step) continue;
    edge.classList.add("near");
    label.before(edge); // above the other edges
  }
  for (const each of steps) each.open = each === details;
  reveal(node);
  history.replaceState(null, "", `#${encodeURIComponent(flow)}/${encodeURIComponent(step)}`);
}

frame.addEventListener("click", (event) => {
  const node = event.target.closest(".node");
  if (!node || moved > DRAG) return;
  if (node.dataset.step) {
    choose(node.dataset.flow, node.dataset.step);
  } else if (node.classList.contains("link")) {
    const start = nodes.find((each) => each.dataset.flow === node.dataset.flow && each.classList.contains("start"));
    if (start) reveal(start);
  }
});

list.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (!details || details.open) return;
  event.preventDefault();
  choose(details.dataset.flow, details.dataset.step);
});

// The search

const find = document.getElementById("find");

find.addEventListener("input", search);
function search() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = steps.filter((each) => words.every((word) => texts.get(each).includes(word)));
  for (const each of steps) each.hidden = !found.includes(each);
  frame.classList.toggle("searching", words.length > 0);
  for (const node of nodes) node.classList.toggle("found", found.some(same(node.dataset.flow, node.dataset.step)));
  document.getElementById("none").hidden = found.length > 0;
}

find.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  const found = steps.filter((each) => !each.hidden);
  const best = found.find((each) => each.dataset.step === find.value.trim()) ?? found[0]; // a name before what is said
  if (best) choose(best.dataset.flow, best.dataset.step);
});

// At first, and once it is painted

let opened = ""; // the part that the page showed first

function begin() {
  read();
  open();
  opened = picture.getAttribute("viewBox");
  search();
  chooseByAddress();
}

/** Look at the painted picture, in the place where somebody has moved the plain one. */
function renew() {
  if (picture.getAttribute("viewBox") === opened) return begin();
  read();
  show();
  search();
  chooseByAddress();
}

new ResizeObserver(show).observe(frame);
function chooseByAddress() {
  const [flow, step] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (step) choose(flow, step);
}
addEventListener("hashchange", chooseByAddress);
begin();

const painted = document.getElementById("painted");
const fail = () => (painted.textContent = "The calls could not be added to the picture. Reload the page.");
document.addEventListener("htmx:after:swap", () => frame.contains(picture) || renew());
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, ({ detail }) => {
    if (detail.ctx?.sourceElement === painted) fail();
  });
}
// It may have failed before this module was here.
if (painted?.matches("[data-htmx-powered]:not(.htmx-request):has(.waiting)")) fail();
