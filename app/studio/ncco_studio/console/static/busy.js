// Shows at once that a press works, until its answer is there.

/**
 * Make a button or a link busy: it says so, and a second press does nothing. `data-busy` has its words for that.
 *
 * Returns what ends this; null when it is busy already.
 */
export function busy(button) {
  if (button.ariaBusy === "true") return null;
  const words = [...button.childNodes].findLast(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim());
  const before = words?.data;
  const hasFocus = document.activeElement === button;
  const setDisabled = (is) => ("disabled" in button ? (button.disabled = is) : (button.ariaDisabled = is ? "true" : null));
  button.ariaBusy = "true";
  setDisabled(true);
  if (words) words.data = button.dataset.busy ?? `${before.trim()} …`;
  const during = words?.data;
  return () => {
    button.ariaBusy = null;
    setDisabled(false);
    if (words?.data === during) words.data = before; // unless the answer has changed them
    if (hasFocus && document.activeElement === document.body) button.focus();
  };
}
