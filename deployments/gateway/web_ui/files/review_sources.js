// Where the words of a review come from and where it is kept: a job of the service, or this browser alone.
//
// Both have the same methods: `begin()` makes it ready, `more(count)` gives words that are to be asked, `keep(decisions)`
// keeps what was said, `picture(word)` is the address of the picture of the word's page. `state` is as the service tells
// it.

import { post, send } from "./service.js";

const REVIEWED_BELOW = 0.7;
const SECONDS_A_WORD = 4.5;

/** A name for this browser, by which the service knows that the same person comes back. */
export function session() {
  const known = localStorage.getItem("quorum-session");
  if (known) return known;
  const made = crypto.getRandomValues(new Uint32Array(3)).join("-");
  localStorage.setItem("quorum-session", made);
  return made;
}

export class JobReview {
  constructor(job, key = "", keepUntilSent = true) {
    this.job = job;
    this.key = key;
    this.address = `jobs/${job}/review`;
    this.state = null;
    this.pictures = new Map();
    this.keepUntilSent = keepUntilSent;
  }

  get headers() {
    return this.key ? { "X-Review-Key": this.key } : {};
  }

  /** What brings somebody else, or the same person on another day, to this review. */
  get link() {
    const address = new URL(location.href);
    address.search = `?review=${this.job}`;
    address.hash = this.key || this.state?.key || "";
    return address.href;
  }

  async begin() {
    if (!this.key) await this.make();
    this.state = await (await send(this.address, { headers: this.headers })).json();
  }

  /** A review of one's own job; the one that there is, where there is one. */
  async make() {
    try {
      await send(this.address, { headers: this.headers });
    } catch (error) {
      if (error.status !== 404) throw error;
      await post(this.address, {});
    }
  }

  async more(count) {
    const answer = await post(`${this.address}/next`, { session: session(), count: Math.min(100, count) }, this.headers);
    this.state = answer.review;
    return answer.words;
  }

  async keep(decisions, reviewer, leaving = false) {
    const body = { session: session(), reviewer, decisions };
    const answer = await post(`${this.address}/decisions`, body, this.headers, leaving);
    this.state = answer.review;
    return answer.refused;
  }

  /** The address of the picture of a page, fetched once. */
  picture({ file, page }) {
    const name = `${file}-${page}`;
    if (!this.pictures.has(name)) this.pictures.set(name, this.fetchPicture(file, page));
    return this.pictures.get(name);
  }

  async fetchPicture(file, page) {
    const response = await send(`${this.address}/picture?file=${file}&page=${page}`, { headers: this.headers });
    return URL.createObjectURL(await response.blob());
  }
}

/** The words of an answer, where the service keeps no jobs. What was said is kept in this browser, under `name`. */
export class BrowserReview {
  constructor(name, pages, pictureOf) {
    this.name = `quorum-review-of-${name}`;
    this.pages = pages;
    this.pictureOf = pictureOf;
    this.keepUntilSent = false;
    this.decisions = new Map(JSON.parse(localStorage.getItem(this.name) ?? "[]"));
    this.all = pages.flatMap((page, index) => wordsOf(page, index)).map((word, number) => ({ ...word, number }));
    const doubted = this.all.filter((word) => word.confidence < REVIEWED_BELOW);
    this.queue = doubted.sort((one, other) => one.confidence - other.confidence || one.number - other.number);
  }

  get link() {
    return "";
  }

  async begin() {
    this.tell();
  }

  async more(count) {
    return this.queue.filter((word) => !this.decisions.has(word.number)).slice(0, count);
  }

  async keep(decisions, reviewer) {
    for (const { number, kind, text } of decisions) {
      if (kind === "undo") this.decisions.delete(number);
      else this.decisions.set(number, { kind, text, reviewer, at: new Date().toISOString() });
    }
    localStorage.setItem(this.name, JSON.stringify([...this.decisions]));
    this.tell();
    return [];
  }

  picture(word) {
    return this.pictureOf(word.pageIndex);
  }

  tell() {
    const left = this.queue.filter((word) => !this.decisions.has(word.number));
    const lacking = (words) => words.reduce((sum, word) => sum + 1 - word.confidence, 0) / Math.max(1, this.all.length);
    const next = left.slice(0, 40);
    const seen = new Set(this.decisions.keys());
    const now = lacking(this.all.filter((word) => !seen.has(word.number)));
    this.state = {
      asked: this.queue.length,
      decided: this.queue.length - left.length,
      left: left.length,
      leased: 0,
      reviewers: {},
      estimate: { error_rate: now, words: next.length, seconds: next.length * SECONDS_A_WORD, error_rate_after: now - lacking(next) },
    };
  }

  /** The answer's pages with what was said in them. */
  corrected() {
    const said = new Map(this.all.filter((word) => this.decisions.has(word.number)).map((word) => [`${word.pageIndex}.${word.line}.${word.index}`, this.decisions.get(word.number)]));
    return this.pages.map((page, pageIndex) => ({
      ...page,
      lines: page.lines?.map((line, lineIndex) => {
        const words = line.words.map((word, index) => withDecision(word, said.get(`${pageIndex}.${lineIndex}.${index}`))).filter((word) => word.text);
        return { ...line, words, text: words.map((word) => word.text).join(" ") };
      }),
    }));
  }
}

function withDecision(word, decision) {
  if (!decision) return word;
  const text = decision.kind === "illegible" ? word.text : decision.text;
  const correction = { kind: decision.kind, was: word.text, text, engines: [], by: "", reviewer: decision.reviewer, at: decision.at };
  return { ...word, text, confidence: decision.kind === "illegible" ? 0 : 1, correction };
}

function wordsOf(page, pageIndex) {
  if (!page.lines || page.text_source === "existing") return [];
  return page.lines.flatMap((line, lineIndex) => {
    let start = 0;
    return (line.legible ? line.words : []).map((word, index) => {
      const own = { ...word, pageIndex, line: lineIndex, index, start, line_text: line.text, line_polygon: line.polygon, language: line.language };
      start += word.text.length + 1;
      return { ...own, polygon: word.polygon ?? line.polygon, page: page.page ?? 1, width: page.width, height: page.height, readings: readingsOf(word.votes) };
    });
  });
}

/** Each text that an engine read, those of most engines first. */
function readingsOf(votes) {
  const engines = new Map();
  for (const [engine, text] of Object.entries(votes)) engines.set(text, [...(engines.get(text) ?? []), engine]);
  return [...engines].map(([text, own]) => ({ text, engines: own })).sort((one, other) => other.engines.length - one.engines.length);
}
