// A call that the server places rings on every page, also in the title.
const PREFIX = "Ringing · ";
const place = document.getElementById("ringing");

function update() {
  const rings = place.querySelector(".ringing") !== null;
  const title = document.title.replace(PREFIX, "");
  const shown = rings ? PREFIX + title : title;
  if (document.title !== shown) document.title = shown;
}

const observer = new MutationObserver(update);
observer.observe(place, { childList: true });
observer.observe(document.querySelector("title"), { childList: true }); // htmx sets it with what it shows anew
update(); // a call may ring already
