// The page at /: send a file to the service that served this page, and show what it answered and why.
//
// Nothing is stored and nothing is loaded from elsewhere. What engines, profiles and methods there are comes from
// /status. Places are pixels of the page as it was sent. A word's confidence decides its colour by the same bands as
// the service: from 0.8 sure, below 0.5 doubtful.

import { at, make, makeSvg, percent, save, say } from "./elements.js";
import { openReview, wireReview } from "./review.js";
import { BrowserReview, JobReview } from "./review_sources.js";
import { headers, send } from "./service.js";

const SURE = 0.8;
const DOUBTFUL = 0.5;
const STATUS_EVERY_MS = 5000;
const FORMATS = [
  ["json", "JSON", "json"],
  ["text", "Text", "txt"],
  ["hocr", "hOCR", "hocr.html"],
  ["alto", "ALTO", "alto.xml"],
  ["page", "PAGE", "page.xml"],
  ["pdf", "PDF", "pdf"],
];

const band = (confidence) => (confidence >= SURE ? "high" : confidence >= DOUBTFUL ? "medium" : "low");

/** What is on the screen: the chosen file, its answer, the page of it, the words of that page with their elements, the job that reads it where it is too long for one request or is reviewed, and whether that job is to stay. */
const shown = { file: null, answer: null, page: 0, words: [], job: null, keepsJob: false };

// Asking ------------------------------------------------------------------------------------------------------------

/** The chosen file in a form, with what is asked of it. */
function formOf(options) {
  const form = new FormData();
  form.append("image", shown.file);
  for (const [name, value] of Object.entries(options)) if (value) form.append(name, value);
  return form;
}

/** Have the chosen file read; `options` are those of /predict_text. */
const ask = ({ format = "json", ...options }) => send(`predict_text?format=${format}`, { method: "POST", body: formOf(options) });

/** Whether the browser can draw the file itself; of others the service sends pictures. */
const isPicture = (file) => /^image\/(png|jpeg|bmp|webp)$/.test(file.type);

const chosenOptions = () => ({ profile: at("profile").value, method: at("method").value });

/** Run `work` with a note that it runs, the buttons locked meanwhile, and its failure shown. */
async function during(note, work) {
  const buttons = [at("read"), at("compare"), at("begin-review"), ...at("downloads").children];
  for (const button of buttons) button.disabled = true;
  say(note, "busy");
  try {
    say((await work()) ?? "");
  } catch (error) {
    say(error.message, "wrong");
  }
  for (const button of buttons) button.disabled = shown.file === null;
}

function choose(file) {
  if (!file) return;
  dropJob();
  at("review").hidden = true;
  shown.file = file;
  at("chosen").textContent = `${file.name || "pasted picture"}, ${(file.size / 1e6).toFixed(2)} MB`;
  readIt();
}

function readIt() {
  return during("Reading …", async () => {
    dropJob();
    let response;
    try {
      response = await ask({ ...chosenOptions(), explain: "true", pictures: isPicture(shown.file) ? "" : "true" });
    } catch (error) {
      if (error.status !== 413 || !/pdf|tiff/.test(shown.file.type)) throw error;
      return readAsJob();
    }
    show(await response.json());
    return "";
  });
}

// Documents that are too long for one request --------------------------------------------------------------------------

/** Submit the file as a job, and show each page as soon as it is read. Choosing another file deletes the job. */
async function readAsJob() {
  const form = formOf({ ...chosenOptions(), explain: "true", priority: "interactive" });
  say("Sending the document …", "busy");
  const job = (await (await send("jobs", { method: "POST", body: form })).json()).id;
  shown.job = job;
  shown.answer = { pages: [], text: "" };
  let resume = "";
  for (let end = false; !end && shown.job === job; ) {
    try {
      const response = await send(`jobs/${job}/result?format=ndjson&wait_s=5&resume=${encodeURIComponent(resume)}`);
      for (const line of (await response.text()).split("\n").filter(Boolean)) {
        const told = JSON.parse(line);
        resume = told.resume;
        if ("end" in told) {
          end = told.end;
          say(`Reading, ${told.pages_done} of ${told.pages_total ?? "?"} pages …`, "busy");
        } else if (shown.job === job) addPage(told.answer);
      }
    } catch (error) {
      if (error.status !== 409) throw error; // nothing is read yet
      await new Promise((go) => setTimeout(go, 500));
    }
  }
  return shown.job === job ? `${shown.answer.pages.length} pages were read.` : "";
}

/** One page more of the document that is being read; the first one that could be read is shown. */
function addPage(page) {
  if (page.page === undefined) throw new Error(`${page.error.message}. ${page.error.hint}`);
  const pages = shown.answer.pages;
  pages.push(page);
  if (page.success) shown.answer.text += `${shown.answer.text ? "\n\n" : ""}${page.text}`;
  const isFirst = page.success && pages.filter((other) => other.success).length === 1;
  if (pages.length === 1) show(shown.answer);
  else {
    at("pages").hidden = false;
    at("pages").append(pageLink(page, pages.length - 1));
    if (isFirst) showPage(pages.length - 1);
  }
}

/** Forget the job, and have it deleted unless people review it. */
function dropJob() {
  if (shown.job && !shown.keepsJob) fetch(`jobs/${shown.job}`, { method: "DELETE", headers: headers(), keepalive: true }).catch(() => {});
  Object.assign(shown, { job: null, keepsJob: false });
}

// Review ---------------------------------------------------------------------------------------------------------------

/** Put the doubtful words before the person: of a job, which keeps what is said; in this browser alone where the service
 * keeps no jobs. */
function beginReview() {
  return during("Preparing the review …", async () => {
    let source;
    try {
      shown.job ??= await submitForReview();
      shown.keepsJob = true;
      source = new JobReview(shown.job);
      await showReview(source);
      history.replaceState(null, "", source.link);
    } catch (error) {
      if (error.status !== 503 || source) throw error;
      source = new BrowserReview(`${shown.file.name}-${shown.file.size}-${shown.file.lastModified}`, pagesOf(shown.answer), pictureOfPage);
      await showReview(source);
      say("The service keeps no jobs: what you say is kept in this browser.", "", "review-message");
    }
    return "";
  });
}

/** The id of a job that reads the file as it was read; waits until it is read. */
async function submitForReview() {
  const form = formOf({ ...chosenOptions(), explain: "true", priority: "interactive" });
  const { id } = await (await send("jobs", { method: "POST", body: form })).json();
  for (;;) {
    const job = await (await send(`jobs/${id}`)).json();
    if (job.finished_at) return id;
    await new Promise((go) => setTimeout(go, 300));
  }
}

/** The address of the picture of a page of the answer, for reviews in this browser. */
function pictureOfPage(index) {
  const sent = pagesOf(shown.answer)[index].pictures?.find((picture) => picture.name === "sent");
  return sent ? `data:image/png;base64,${sent.image}` : at("image").src;
}

async function showReview(source) {
  at("result").hidden = true;
  try {
    await openReview(source, whenReviewed);
  } catch (error) {
    at("result").hidden = !shown.answer;
    throw error;
  }
}

/** Show the result with what was said. */
async function whenReviewed(source) {
  history.replaceState(null, "", location.pathname);
  if (!shown.answer) return say(`To go on with the review: ${source.link}`);
  if (source instanceof BrowserReview) {
    const pages = source.corrected();
    const text = pages.map((page) => page.lines?.filter((line) => line.legible && line.text).map((line) => line.text).join("\n") ?? "").join("\n\n");
    show(shown.answer.pages?.length ? { ...shown.answer, pages, text } : { ...pages[0], text });
    return;
  }
  await during("Fetching what was corrected …", async () => {
    const answer = await (await send(`jobs/${source.job}/result?format=json&file=0`)).json();
    show({ ...answer, pages: answer.pages.map((page, index) => ({ ...page, pictures: pagesOf(shown.answer)[index]?.pictures })) });
    return `To go on with the review: ${source.link}`;
  });
}

/** A review that the address of this page names, as `?review=JOB#KEY`. */
async function openLinkedReview() {
  const job = new URLSearchParams(location.search).get("review");
  if (!job) return;
  say("Opening the review …", "busy");
  try {
    await showReview(new JobReview(job, location.hash.slice(1)));
    say("");
  } catch (error) {
    say(error.status === 401 ? "This needs an API key: enter it, and open the review again." : error.message, "wrong");
    at("open-review").hidden = false;
  }
}

// Showing -----------------------------------------------------------------------------------------------------------

const pagesOf = (answer) => (answer.pages?.length ? answer.pages : [answer]);

function show(answer) {
  shown.answer = answer;
  at("comparison").hidden = true;
  at("result").hidden = false;
  const pages = pagesOf(answer);
  showPageLinks(pages);
  showPage(Math.max(0, pages.findIndex((page) => page.success)));
  at("result").focus({ preventScroll: true });
}

function showPageLinks(pages) {
  at("pages").hidden = pages.length < 2;
  at("pages").replaceChildren(...pages.map(pageLink));
}

const pageLink = (page, index) =>
  make("button", { type: "button", textContent: String(page.page), ariaLabel: `Page ${page.page}`, onclick: () => showPage(index) });

function showPage(index) {
  const page = pagesOf(shown.answer)[index];
  if (!page.success) {
    say(`Page ${page.page} was not read: ${page.error.message}. ${page.error.hint}`, "wrong");
    return;
  }
  shown.page = index;
  [...at("pages").children].forEach((link, other) => (other === index ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
  shown.words = wordsOf(page);
  at("summary").textContent = summaryOf(page);
  showText(page);
  showPicture(page);
  showReports(page);
  showTimes(page.timings);
  at("votes").replaceChildren(make("p", { className: "quiet", textContent: "Point at a word, or move to it with Tab and the arrow keys, to see how each engine read it." }));
}

function summaryOf(page) {
  const seconds = (page.processing_time_ms / 1000).toFixed(1);
  const verdict = page.needs_review ? "a person should look" : "good enough to go on";
  return `${page.lines.length} lines, ${shown.words.length} words, ${page.doubted_words} of them doubted, confidence ${percent(page.confidence)} (${verdict}), ${seconds} s, profile ${page.profile}, ${page.method}`;
}

/** Every word of the page in reading order, with its own characters: the page lists them without spaces, and without lines that nobody can read. */
function wordsOf(page) {
  let next = 0;
  return page.lines.flatMap((line, lineIndex) =>
    (line.legible ? line.words : []).map((word) => {
      const characters = [];
      for (let text = ""; text.length < word.text.length && next < page.characters.length; next += 1) {
        text += page.characters[next].character;
        characters.push(page.characters[next]);
      }
      return { ...word, characters, line: lineIndex };
    }),
  );
}

function showText(page) {
  const lines = page.lines.map((line) => (line.legible ? make("p") : make("p", { className: "quiet", textContent: "(a line that nobody can read)" })));
  shown.words.forEach((word, index) => {
    word.button = make("button", {
      type: "button",
      className: `word ${band(word.confidence)}`,
      textContent: word.text,
      title: percent(word.confidence),
      tabIndex: index === 0 ? 0 : -1,
      onfocus: () => explain(index),
      onmouseenter: () => explain(index),
      onclick: () => explain(index),
    });
    lines[word.line].append(word.button, " ");
  });
  at("text").replaceChildren(...(lines.length ? lines : [make("p", { className: "quiet", textContent: "Nothing was read on this page." })]));
}

/** One tab stop for the whole text; arrow keys go from word to word. */
function walk(event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  const now = shown.words.findIndex((word) => word.button === document.activeElement);
  if (!step || now < 0) return;
  event.preventDefault();
  const byLine = event.key === "ArrowDown" || event.key === "ArrowUp";
  const wanted = byLine
    ? shown.words.findIndex((word) => word.line === shown.words[now].line + step)
    : now + step;
  shown.words[wanted]?.button.focus();
}

function showPicture(page) {
  const [image, boxes] = [at("image"), at("boxes")];
  boxes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
  boxes.replaceChildren(...shown.words.flatMap((word, index) => boxOf(word, index) ?? []));
  image.alt = `Page ${page.page ?? 1} of ${shown.file?.name || "the pasted picture"}`;
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  const sent = page.pictures?.find((picture) => picture.name === "sent");
  if (sent) image.src = `data:image/png;base64,${sent.image}`;
  else image.src = isPicture(shown.file) ? URL.createObjectURL(shown.file) : blank(page);
}

/** White paper of the page's size: of a long document no pictures are sent. */
const blank = (page) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="${page.width}" height="${page.height}"><rect width="100%" height="100%" fill="white"/></svg>`)}`;

function boxOf(word, index) {
  if (!word.polygon) return null;
  const points = word.polygon.map((corner) => corner.join(",")).join(" ");
  word.box = makeSvg("polygon", { points, class: band(word.confidence) });
  word.box.addEventListener("mouseenter", () => explain(index));
  word.box.addEventListener("click", () => word.button.focus());
  return word.box;
}

// Why a word ---------------------------------------------------------------------------------------------------------

function explain(index) {
  shown.words.forEach((word, other) => {
    const now = other === index;
    word.button.classList.toggle("now", now);
    word.button.tabIndex = now ? 0 : -1;
    word.box?.classList.toggle("now", now);
  });
  const word = shown.words[index];
  const voters = Object.keys(word.votes);
  at("votes").replaceChildren(
    make("p", { className: "said", textContent: word.text }),
    make("p", { textContent: `Confidence ${percent(word.confidence)}. ${agreement(word)}` }),
    voters.length ? make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "Votes for each character" }, ballot(word, voters)) : "",
  );
}

function agreement(word) {
  const votes = Object.values(word.votes);
  const same = votes.filter((text) => text === word.text).length;
  return `${same} of ${votes.length} engines read exactly this.`;
}

/** A row for each engine, a column for each character; what won is marked. */
function ballot(word, voters) {
  const head = make("tr", {}, make("th", { scope: "col", textContent: "engine" }), make("th", { scope: "col", textContent: "read" }));
  for (const character of word.characters) head.append(make("th", { scope: "col", textContent: character.character }));
  const rows = voters.map((engine) => {
    const row = make("tr", {}, make("th", { scope: "row", textContent: engine }), make("td", { textContent: word.votes[engine] || "nothing" }));
    for (const character of word.characters) row.append(voteCell(character, engine));
    return row;
  });
  return make("table", { className: "ballot" }, make("thead", {}, head), make("tbody", {}, ...rows));
}

function voteCell(character, engine) {
  const vote = character.votes?.[engine];
  if (!vote) return make("td", { textContent: "–", title: "no vote" });
  return make(
    "td",
    { className: vote.text === character.character ? "won" : "lost", title: `weight ${vote.weight.toFixed(2)}, sure ${percent(vote.probability)}` },
    vote.text || "∅",
    make("small", { textContent: Math.round(vote.probability * 100) }),
  );
}

// Engines, copies, comparisons ------------------------------------------------------------------------------------------

function showReports(page) {
  const rows = Object.entries(page.engine_predictions).map(([engine, said]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row", textContent: engine }),
      make("td", { textContent: said.status }),
      make("td", { className: "number", textContent: said.status === "ok" ? said.latency_ms.toFixed(0) : "" }),
      make("td", { className: "number", textContent: said.status === "ok" ? percent(said.confidence) : "" }),
      make("td", { textContent: said.model }),
      make("td", { textContent: said.detail || said.text.split("\n").slice(0, 2).join(" / ") }),
    ),
  );
  at("reports").replaceChildren(...rows);
}

/** What the answer waited for in words, longest first, and everything as a flame chart: a row below the other for what
 * lies in it, and for what ran at the same time. */
function showTimes(timings) {
  at("times").hidden = !timings;
  if (!timings) return;
  const waited = timings.parts.filter((part) => part.critical).sort((one, other) => other.duration_ms - one.duration_ms);
  const told = waited.slice(0, 5).map((part) => `${part.name} ${part.duration_ms.toFixed(0)} ms (${part.where})`);
  at("waited").textContent = `${timings.wall_ms.toFixed(0)} ms, of them ${told.join(", ")}.`;
  const bars = barsOf(timings.parts, 0);
  at("flames").setAttribute("viewBox", `0 0 ${timings.wall_ms || 1} ${1 + Math.max(0, ...bars.map((bar) => bar.row))}`);
  at("flames").replaceChildren(...bars.map(flame));
}

function flame({ part, row, inner }) {
  const kind = inner ? "holder" : part.critical ? "waited" : "beside";
  const bar = makeSvg("rect", { x: part.start_ms, y: row + 0.06, width: part.duration_ms, height: 0.88, class: kind });
  const title = makeSvg("title", {});
  title.textContent = `${part.name}, ${part.where}: ${part.duration_ms.toFixed(1)} ms`;
  bar.append(title);
  return bar;
}

function barsOf(parts, first) {
  const bars = [];
  let [row, end] = [first, 0];
  for (let at = 0, next; at < parts.length; at = next) {
    const part = parts[at];
    for (next = at + 1; next < parts.length && parts[next].depth > part.depth; ) next += 1;
    if (bars.length && part.start_ms < end - 0.001) row = 1 + Math.max(...bars.map((bar) => bar.row));
    bars.push({ part, row, inner: next > at + 1 }, ...barsOf(parts.slice(at + 1, next), row + 1));
    end = part.start_ms + part.duration_ms;
  }
  return bars;
}

async function showEngines() {
  let status;
  try {
    status = await (await fetch("status")).json();
  } catch {
    at("engines").replaceChildren(make("span", { className: "engine off", textContent: "the service does not answer" }));
    return;
  }
  if (!status.engines) return;
  const chips = Object.entries(status.engines).map(([name, engine]) =>
    make("span", { className: engine.available ? "engine" : "engine off", textContent: engine.available ? name : `${name} (off)`, title: engine.model || engine.detail }),
  );
  at("engines").replaceChildren(...chips);
  offer(at("profile"), status.profiles);
  offer(at("method"), status.methods);
}

/** The names of a choice, the service's own default first; what was chosen stays chosen. */
function offer(select, names) {
  const before = select.value;
  if (select.options.length === names.length + 1) return;
  select.replaceChildren(make("option", { value: "", textContent: "as configured" }), ...names.map((name) => make("option", { value: name, textContent: name.replaceAll("_", " ") })));
  select.value = before;
}

function offerDownloads() {
  const buttons = FORMATS.map(([format, label, ending]) =>
    make("button", {
      type: "button",
      textContent: label,
      ariaLabel: `Download ${label}`,
      onclick: () =>
        during(`Writing ${label} …`, async () => {
          const stem = (shown.file.name || "page").replace(/\.[^.]*$/, "");
          const written = shown.job ? send(`jobs/${shown.job}/result?format=${format}`) : ask({ ...chosenOptions(), format });
          save(await (await written).blob(), `${stem}.${ending}`);
          return `${stem}.${ending} is in your downloads.`;
        }),
    }),
  );
  at("downloads").replaceChildren(...buttons);
}

async function copyText() {
  try {
    await navigator.clipboard.writeText(shown.answer.text);
    say("The text is on the clipboard.");
  } catch {
    say("The browser does not let a page at this address write to the clipboard; download the text instead.", "wrong");
  }
}

/** Read the file by every method with the chosen profile, then by every profile with the chosen method. */
function compare() {
  return during("Comparing …", async () => {
    const [profile, method] = [at("profile"), at("method")];
    const names = (select) => [...select.options].map((option) => option.value).filter(Boolean);
    const variants = [
      ...names(method).map((name) => ({ profile: profile.value, method: name })),
      ...names(profile).map((name) => ({ profile: name, method: method.value })),
    ];
    const cards = [];
    for (const [index, variant] of variants.entries()) {
      say(`Comparing, ${index + 1} of ${variants.length} …`, "busy");
      cards.push(variantCard(await (await ask(variant)).json()));
    }
    at("compared").replaceChildren(...cards);
    at("comparison").hidden = false;
    at("comparison").scrollIntoView({ block: "nearest" });
    return "";
  });
}

function variantCard(answer) {
  const text = make("pre", { tabIndex: 0 });
  const page = pagesOf(answer)[shown.page] ?? pagesOf(answer)[0];
  const before = shown.words.map((word) => word.text);
  const now = page.lines.flatMap((line, index) => [...(index ? ["\n"] : []), ...line.words.map((word) => word.text)]);
  const kept = common(before, now.filter((word) => word !== "\n"));
  let place = 0;
  for (const word of now) {
    if (word === "\n") text.append("\n");
    else {
      text.append(kept.has(place) ? word : make("mark", { textContent: word }), " ");
      place += 1;
    }
  }
  const differing = place - kept.size;
  return make(
    "div",
    { className: "variant" },
    make("h4", { textContent: `${page.profile}, ${page.method.replaceAll("_", " ")}`, style: "margin: 0" }),
    make("p", { className: "quiet", textContent: `confidence ${percent(page.confidence)}, ${differing === 0 ? "the same words" : `${differing} words differ`}` }),
    text,
  );
}

/** Places in `b` of a longest common subsequence of two lists of words. */
function common(a, b) {
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const kept = new Set();
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      kept.add(j);
      i += 1;
      j += 1;
    } else if (longest[i + 1][j] >= longest[i][j + 1]) i += 1;
    else j += 1;
  }
  return kept;
}

// Wiring --------------------------------------------------------------------------------------------------------------

function wire() {
  const drop = at("drop");
  at("file").addEventListener("change", (event) => choose(event.target.files[0]));
  for (const kind of ["dragenter", "dragover"])
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => choose(event.clipboardData.files[0]));
  at("options").addEventListener("submit", (event) => {
    event.preventDefault();
    readIt();
  });
  at("compare").addEventListener("click", compare);
  at("copy").addEventListener("click", copyText);
  at("begin-review").addEventListener("click", beginReview);
  at("open-review").addEventListener("click", () => {
    at("open-review").hidden = true;
    openLinkedReview();
  });
  at("text").addEventListener("keydown", walk);
  addEventListener("pagehide", dropJob);
  offerDownloads();
  showEngines();
  setInterval(() => document.hidden || showEngines(), STATUS_EVERY_MS);
  wireReview();
  openLinkedReview();
}

wire();
