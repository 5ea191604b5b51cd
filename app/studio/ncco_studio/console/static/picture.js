// The picture of a flow: its scale, a search, and the step that is chosen. The browser scrolls it.

const READABLE_SCALE = 0.85; // at first, at least: of a picture that is too wide for it, a part is shown
const ZOOM = 1.25;

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

// The scale, and what is seen

let scale = 1; // pixels of the screen for one unit of the picture

function resize() {
  picture.setAttribute("width", Math.floor(size.width * scale));
  picture.setAttribute("height", Math.floor(size.height * scale));
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

const fitting = () => Math.min(1, frame.clientWidth / size.width, frame.clientHeight / size.height);

/** Show the whole width, as long as its text can be read, and of a wider picture the left or what is around the start. */
function open() {
  const readable = frame.clientWidth / size.width;
  frame.classList.toggle("wide", readable < READABLE_SCALE);
  scale = clamp(readable, READABLE_SCALE, 1);
  resize();
  frame.style.height = "";
  frame.style.height = `${frame.offsetHeight}px`; // as it is zoomed, the page stays where it is
  const start = nodes.find((each) => each.classList.contains("start"))?.getBoundingClientRect();
  const { x, width, right } = frame.getBoundingClientRect();
  if (start?.right > right) frame.scrollLeft += start.x + start.width / 2 - x - width / 2;
}

/** Zoom around the middle. */
function zoom(factor) {
  const around = frame.getBoundingClientRect();
  const [x, y] = [around.x + around.width / 2, around.y + around.height / 2];
  const before = picture.getBoundingClientRect();
  scale = clamp(scale * factor, fitting(), 4);
  resize();
  const after = picture.getBoundingClientRect();
  const [right, down] = [(x - before.x) / before.width, (y - before.y) / before.height];
  frame.scrollBy(after.x + right * after.width - x, after.y + down * after.height - y);
}

const fit = () => zoom(0);

/** Scroll to a node: Firefox scrolls to a shape, but not to a group. */
function reveal(node) {
  node.querySelector("title + *").scrollIntoView({ block: "nearest", inline: "nearest" });
}

const WAYS = { in: () => zoom(ZOOM), out: () => zoom(1 / ZOOM), fit };
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", WAYS[button.dataset.zoom]);

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
  if (!node) return;
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

const place = () => [scale, frame.scrollLeft, frame.scrollTop];
let opened; // the place that the page showed first
let left; // the one before the picture is painted

/** Look at the picture: where it opens, or in the place where somebody has moved the plain one. */
function begin() {
  read();
  if (left?.join() === opened?.join()) {
    open();
    opened = place();
  } else {
    resize();
    frame.scrollTo(left[1], left[2]);
  }
  search();
  chooseByAddress();
}

function chooseByAddress() {
  const [flow, step] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (step) choose(flow, step);
}
addEventListener("hashchange", chooseByAddress);
begin();

const painted = document.getElementById("painted");
const fail = () => (painted.textContent = "The calls could not be added to the picture. Reload the page.");
document.addEventListener("htmx:before:swap", () => (left = place()));
document.addEventListener("htmx:after:swap", () => frame.contains(picture) || begin());
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, ({ detail }) => {
    if (detail.ctx?.sourceElement === painted) fail();
  });
}
// It may have failed before this module was here.
if (painted?.matches("[data-htmx-powered]:not(.htmx-request):has(.waiting)")) fail();
