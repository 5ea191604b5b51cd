// The theme searches for every word as a prefix: `I`, `in` and `call` would match most pages, and bury the other words.
"use strict";
{
  const SKIPPED = new Set(
    ("a about am an and any are as at be because but by can could did do does even for from get give has have how i if " +
     "in into is it its me my not of on or should so that the their them then there they this to use was what when " +
     "where which while who why will with would you your " +
     "call called caller callers calling calls ncco nccos nexmo vonage vonage's").split(" "));
  const QUERY = 2; // the kind of message that the theme sends to its worker for a search

  const asked = (text) => {
    const words = text.split(/\s+/).filter((word) => !SKIPPED.has(word.toLowerCase()));
    return words.join(" ").replace(/[?!.,]+(?=\s|$)/g, "") || text;
  };
  const send = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    const changed = message?.type === QUERY ? { ...message, data: asked(message.data) } : message;
    return send.call(this, changed, ...rest);
  };
}
