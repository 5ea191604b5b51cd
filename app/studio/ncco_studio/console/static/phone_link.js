// A link that holds a text in its fragment, which browsers send to nobody.

/** The fragment of a link for a text: `#text=…`. */
export async function fragmentOf(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `#text=${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The text of a fragment; null for one that holds none. Throws when only a part of it is there. */
export async function textOf(fragment) {
  const found = /^#text=([\w-]+)$/.exec(fragment);
  if (!found) return null;
  const binary = atob(found[1].replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}
