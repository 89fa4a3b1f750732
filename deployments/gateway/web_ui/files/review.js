// Review: doubtful words one after the other. Keys: a digit takes a reading, Enter goes on with what stands in the field,
// Escape says that nobody can read it, Ctrl-Z takes back. What was said is sent beside the work: the next word is there at
// once, whatever the service does, and what was not sent yet stays in this browser until it is.

import { at, make, makeSvg, say } from "./elements.js";

const AHEAD = 20;
const FEW_LEFT = 10;
const AGAIN_MS = 2000;
const ROOM = 0.6; // around a line, in its heights
const CONTEXT = 3; // of a word: its picture is so many times as wide

/** What is on the screen: the source of words, those ahead, what was said and may be taken back, what is not sent yet. */
const review = { source: null, words: [], said: [], decided: new Set(), outbox: [], sending: false, fetching: null, shown: null, whenOver: null };

const isTouch = () => matchMedia("(pointer: coarse)").matches;
const outboxName = () => `quorum-outbox-${review.source.address}`;

/** Begin or go on with a review; `whenOver` is called when the person stops. */
export async function openReview(source, whenOver) {
  Object.assign(review, { source, words: [], said: [], decided: new Set(), outbox: [], sending: false, fetching: null, shown: null, whenOver });
  await source.begin();
  if (source.keepUntilSent) review.outbox = JSON.parse(localStorage.getItem(outboxName()) ?? "[]");
  for (const said of review.outbox) review.decided.add(said.number);
  at("reviewer").value = localStorage.getItem("quorum-reviewer") ?? "";
  at("review").hidden = false;
  at("review").dataset.unsent = review.outbox.length;
  at("review-link").value = source.link;
  at("review-share").hidden = !source.link;
  send();
  await fetchWords();
  showNext();
}

/** Stop: what is not sent yet is sent, the result is shown again. */
export async function closeReview() {
  await send();
  at("review").hidden = true;
  for (const picture of review.source.pictures?.values() ?? []) picture.then(URL.revokeObjectURL, () => {});
  review.whenOver?.(review.source);
}

// Words -----------------------------------------------------------------------------------------------------------------

/** Fetch words until there are some ahead; once at a time. */
function fetchWords() {
  review.fetching ??= fetchMore().finally(() => (review.fetching = null));
  return review.fetching;
}

async function fetchMore() {
  const { source } = review;
  const found = await source.more(review.words.length + review.outbox.length + AHEAD);
  if (source !== review.source) return;
  const known = new Set([...review.words, ...(review.shown ? [review.shown] : [])].map((word) => word.number));
  for (const word of found) {
    if (known.has(word.number) || review.decided.has(word.number)) continue;
    review.words.push(word);
    Promise.resolve(source.picture(word)).catch(() => {});
  }
}

function showNext() {
  review.shown = review.words.shift() ?? null;
  if (review.shown) showWord(review.shown);
  else showEnd();
  showProgress();
  if (review.words.length < FEW_LEFT) fetchWords().then(() => review.shown ?? (review.words.length && showNext()), tellProblem);
}

function showWord(word) {
  at("review-word").hidden = false;
  at("review-end").hidden = true;
  const field = at("word");
  field.value = word.text;
  field.lang = word.language ?? "";
  at("review-line").replaceChildren(word.line_text.slice(0, word.start), make("mark", { textContent: word.text }), word.line_text.slice(word.start + word.text.length));
  at("review-line").lang = word.language ?? "";
  at("readings").replaceChildren(...word.readings.map(readingButton));
  at("review-status").textContent = spoken(word);
  at("review-word").dataset.number = word.number;
  showCrop(word);
  if (isTouch()) at("review-title").focus({ preventScroll: true });
  else select();
}

/** The whole text chosen: what is typed replaces it. */
function select() {
  const field = at("word");
  field.focus({ preventScroll: true });
  field.setSelectionRange(0, field.value.length);
}

function readingButton({ text, engines }, index) {
  const label = `${index + 1}: ${text || "nothing"}, read by ${engines.join(", ")}`;
  const button = make(
    "button",
    { type: "button", className: "reading-choice", ariaLabel: label, onclick: () => take(index) },
    make("kbd", { textContent: index + 1 }),
    make("span", { className: "said", textContent: text || "nothing", lang: review.shown?.language ?? "" }),
    make("small", { textContent: engines.join(", ") }),
  );
  return make("li", {}, button);
}

const spoken = (word) =>
  `${word.text}, in the line: ${word.line_text}. ${word.readings.map((reading, index) => `${index + 1}: ${reading.text || "nothing"}`).join(". ")}.`;

/** The word in its line, level and large. */
async function showCrop(word) {
  const picture = at("crop");
  const [[x0, y0], [x1, y1], , [x3, y3]] = word.line_polygon;
  const turned = (Math.atan2(y1 - y0, x1 - x0) * 180) / Math.PI;
  const height = Math.max(8, Math.hypot(x3 - x0, y3 - y0));
  const along = ([x, y]) => ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / Math.max(1, Math.hypot(x1 - x0, y1 - y0));
  const [begin, end] = [along(word.polygon[0]), along(word.polygon[1])];
  const width = Math.max(CONTEXT * Math.max(1, end - begin), 8 * height);
  const left = x0 + (begin + end - width) / 2;
  picture.setAttribute("viewBox", `${left} ${y0 - ROOM * height} ${width} ${(1 + 2 * ROOM) * height}`);
  const points = word.polygon.map((corner) => corner.join(",")).join(" ");
  const image = makeSvg("image", { width: word.width, height: word.height });
  const level = makeSvg("g", { transform: `rotate(${-turned} ${x0} ${y0})` });
  level.append(image, makeSvg("polygon", { points }));
  picture.replaceChildren(level);
  picture.setAttribute("aria-label", `The picture of the word ${word.text} in its line`);
  try {
    image.setAttribute("href", await review.source.picture(word));
  } catch (error) {
    tellProblem(error);
  }
}

function showEnd() {
  at("review-word").hidden = true;
  at("review-end").hidden = false;
  const { left = 0 } = review.source.state;
  const others = left > review.outbox.length;
  at("review-end").textContent = others ? "All words that are left are with others at the moment. Come back in some minutes." : "All words that were asked are reviewed.";
  at("review-status").textContent = at("review-end").textContent;
  at("stop").focus({ preventScroll: true });
}

function showProgress() {
  const { asked, decided, estimate } = review.source.state;
  const done = Math.min(asked, decided + review.outbox.filter((said) => said.kind !== "undo").length);
  at("review-progress").max = Math.max(1, asked);
  at("review-progress").value = done;
  at("review-count").textContent = `${done} of ${asked} words, ${asked - done} left`;
  at("review-estimate").textContent = estimate.words
    ? `Reviewing ${estimate.words} more words (${minutes(estimate.seconds)}) is expected to bring the errors from ${rate(estimate.error_rate)} to ${rate(estimate.error_rate_after)}.`
    : `${rate(estimate.error_rate)} of the words are expected to be wrong.`;
}

const rate = (share) => `${(100 * share).toFixed(1)} %`;
const minutes = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`);

// Decisions -------------------------------------------------------------------------------------------------------------

function take(index) {
  const reading = review.shown?.readings[index];
  if (reading) decide({ kind: "taken", text: reading.text });
}

/** What stands in the field: a reading, or what was typed. */
function goOn() {
  if (!review.shown) return;
  const text = at("word").value.trim().replace(/\s+/g, " ");
  const isRead = text === review.shown.text || review.shown.readings.some((reading) => reading.text === text);
  decide({ kind: isRead ? "taken" : "typed", text });
}

function decide(decision) {
  if (!review.shown) return;
  review.said.push(review.shown);
  review.decided.add(review.shown.number);
  put({ number: review.shown.number, ...decision });
  showNext();
}

function takeBack() {
  const word = review.said.pop();
  if (!word) return say("There is nothing to take back.", "", "review-message");
  review.decided.delete(word.number);
  if (review.shown) review.words.unshift(review.shown);
  const waiting = review.sending ? -1 : review.outbox.findLastIndex((said) => said.number === word.number);
  if (waiting >= 0) {
    review.outbox.splice(waiting, 1);
    keepOutbox();
  } else put({ number: word.number, kind: "undo" });
  review.shown = word;
  showWord(word);
  showProgress();
  say(`Taken back: ${word.text}.`, "", "review-message");
}

function put(decision) {
  review.outbox.push(decision);
  keepOutbox();
  setTimeout(send); // when the next word is on the screen
}

function keepOutbox() {
  at("review").dataset.unsent = review.outbox.length;
  if (review.source.keepUntilSent) localStorage.setItem(outboxName(), JSON.stringify(review.outbox));
}

/** Send what was said, once at a time, in order, until all of it is kept. */
async function send() {
  if (review.sending) return;
  review.sending = true;
  const { source } = review;
  try {
    while (source === review.source && review.outbox.length) {
      const part = review.outbox.slice(0, 100);
      const refused = await source.keep(part, at("reviewer").value.trim());
      review.outbox.splice(0, part.length);
      keepOutbox();
      showProgress();
      say(refused.map(({ number, reason }) => `Word ${number} was not changed: ${reason}.`).join(" "), refused.length ? "wrong" : "", "review-message");
    }
  } catch (error) {
    tellProblem(error);
    setTimeout(send, AGAIN_MS);
  } finally {
    review.sending = false;
  }
}

const tellProblem = (error) => say(`${error.message} What you said is kept in this browser until it can be sent.`, "wrong", "review-message");

// Keys ------------------------------------------------------------------------------------------------------------------

/** Whether nobody has begun to change the text: then a digit takes a reading. */
function isUntouched() {
  const field = at("word");
  return document.activeElement !== field || (field.value === review.shown?.text && field.selectionStart === 0 && field.selectionEnd === field.value.length);
}

function onKey(event) {
  if (event.isComposing || event.altKey) return;
  const onButton = event.target.closest("button, a, input:not(#word)");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && isUntouched()) takeBack();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.key === "Escape") decide({ kind: "illegible" });
  else if (event.key === "Enter" && !onButton) goOn();
  else if (/^[1-9]$/.test(event.key) && !event.target.closest("input:not(#word)") && isUntouched()) take(Number(event.key) - 1);
  else return;
  event.preventDefault();
}

export function wireReview() {
  at("review").addEventListener("keydown", onKey);
  at("go-on").addEventListener("click", goOn);
  at("illegible").addEventListener("click", () => decide({ kind: "illegible" }));
  at("take-back").addEventListener("click", takeBack);
  at("stop").addEventListener("click", closeReview);
  at("reviewer").addEventListener("change", () => localStorage.setItem("quorum-reviewer", at("reviewer").value.trim()));
  addEventListener("pagehide", () => {
    if (review.source?.keepUntilSent && review.outbox.length) review.source.keep(review.outbox.slice(0, 100), at("reviewer").value.trim(), true).catch(() => {});
  });
}
