// A link that holds a text in its fragment, which browsers send to nobody.

/** The fragment of a link for a text: `#text=…`. */
export async function fragmentOf(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return `#text=${bytes.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

/** The text of a fragment; null for one that holds none. Throws when only a part of it is there. */
export async function textOf(fragment) {
  const found = /^#text=([\w-]+)$/.exec(fragment);
  if (!found) return null;
  const stream = new Blob([Uint8Array.fromBase64(found[1], { alphabet: "base64url" })]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}
