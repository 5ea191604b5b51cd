// The picture of a flow in a frame that scrolls: zoom, a search, and the step that is chosen.

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

// How large it is drawn

let scale = 1;

const startOf = (few) => few.find((each) => each.classList.contains("start"));

function draw(wanted) {
  scale = Math.min(Math.max(wanted, 0.1), 4);
  picture.style.width = `${size.width * scale}px`;
}

/** Show the whole width, as long as its text can be read, and of a wider picture what is around the start. */
function open() {
  const fitting = frame.clientWidth / size.width;
  const isTall = fitting >= READABLE_SCALE || matchMedia("(max-width: 40rem)").matches; // the page scrolls down
  frame.classList.toggle("part", !isTall);
  draw(Math.min(Math.max(fitting, READABLE_SCALE), 1));
  const box = startOf(nodes)?.getBBox();
  if (box) frame.scrollLeft = (box.x + box.width / 2) * scale - frame.clientWidth / 2;
}

/** Zoom around the middle. */
function zoom(factor) {
  const before = scale;
  const [x, y] = [frame.scrollLeft + frame.clientWidth / 2, frame.scrollTop + frame.clientHeight / 2];
  frame.classList.add("part");
  draw(scale * factor);
  frame.scrollBy({ left: x * (scale / before - 1), top: y * (scale / before - 1) });
}

function fit() {
  frame.classList.add("part");
  const height = parseFloat(getComputedStyle(frame).maxHeight);
  draw(Math.min(1, frame.clientWidth / size.width, height / size.height));
}

const WAYS = { in: () => zoom(ZOOM), out: () => zoom(1 / ZOOM), fit };
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", WAYS[button.dataset.zoom]);

// The step that is chosen

const same = (flow, step) => (each) => each.dataset.flow === flow && each.dataset.step === step;

// Firefox scrolls to a shape, but not to a group.
const reveal = (node) => node.querySelector("title + *").scrollIntoView({ block: "nearest", inline: "nearest" });

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
    const start = startOf(nodes.filter((each) => each.dataset.flow === node.dataset.flow));
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

let opened; // the place that the page showed first

const place = () => [scale, frame.scrollLeft, frame.scrollTop];

/** Look at the picture: anew, or at the painted one where somebody has moved the plain one to. */
function begin(moved) {
  read();
  if (moved) {
    draw(moved[0]);
    frame.scrollTo(moved[1], moved[2]);
  } else {
    open();
    opened = place();
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
let left = opened; // where it was before the swap
document.addEventListener("htmx:before:swap", () => (left = place()));
document.addEventListener("htmx:after:swap", () => {
  if (!frame.contains(picture)) begin(`${left}` === `${opened}` ? null : left);
});
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, ({ detail }) => {
    if (detail.ctx?.sourceElement === painted) fail();
  });
}
// It may have failed before this module was here.
if (painted?.matches("[data-htmx-powered]:not(.htmx-request):has(.waiting)")) fail();
