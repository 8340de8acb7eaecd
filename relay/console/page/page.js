// @ts-check
// Draws what the pod says of itself. It only reads: one stream of server-sent events, and nothing else is asked.
"use strict";

/**
 * What `relay.console` sends; the names are its own.
 * @typedef {{level: string, says: string, to_do: string}} Finding
 * @typedef {{at_ms: number, account: string, sms_id: string, what: string, why: string, recipient: string}} LiveEvent
 * @typedef {(number | null)[]} Point
 * @typedef {Record<string, number>} Counts
 * @typedef {{since_start: Counts, in_window: Counts}} Counted
 * @typedef {{in_touch: boolean, breaker: string, oldest_unacknowledged_s: number, records_in_flight: number,
 *   late_acknowledgements: number, producer_restarts: number, publish_failures: Counts, min_insync_replicas: Counts,
 *   window_entries: number}} Kafka
 * @typedef {{pod: string, version: string, schema: number, kafka: string, settings: Record<string, [string, boolean]>,
 *   looks_back_s: number, step_s: number, started_at: number}} About
 * @typedef {{at: number, level: string, findings: Finding[], figures: Record<string, number | null>, kafka: Kafka,
 *   counted: Record<string, Counted>, events: LiveEvent[], points: Point[], about?: About}} Look
 */

const MOST_ROWS = 60;
const SILENT_AFTER_MS = 4000;
const ASK_AGAIN_MS = 2000;
const LONGEST_S = 900;
const SHORTEST_S = 120;

/** @type {Record<string, string>} */
const TONES = {
  accepted: "ok", delivered: "ok", published: "ok",
  sent: "info", pending: "info", probed: "info", in_webhook: "info", in_flight: "info", window: "info",
  unknown: "odd", "dead letter": "odd",
  deferred: "failed", abandoned: "warning", refused: "warning",
  undelivered: "failed", expired: "failed", rejected: "failed", failed: "failed", cancelled: "warning",
};

/** @param {string} id */
function at(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {string} [text]
 * @param {Record<string, string>} [data]
 */
function made(tag, text = "", data = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  Object.assign(element.dataset, data);
  return element;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const finest = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** @param {number | null | undefined} value */
function number(value) {
  if (value === null || value === undefined) return "–";
  return (value < 100 ? fine : whole).format(value);
}

/** @param {number} seconds */
function span(seconds) {
  for (const [unit, length] of /** @type {[string, number][]} */ ([["d", 86400], ["h", 3600], ["min", 60]])) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** @param {number} ms */
function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

// What is wrong

/** @param {string} level @param {Finding[]} findings */
function showVerdict(level, findings) {
  const [first, ...others] = findings;
  // Aloud only when it turns: the counts in the sentences change each second.
  if (at("verdict").dataset.level !== level) put("announced", `${first.says} ${first.to_do}`);
  at("verdict").dataset.level = level;
  renew("says", prose(first.says));
  renew("to-do", prose(first.to_do));
  renew("others", others.map((finding) => {
    const line = made("li", "", { level: finding.level });
    const says = made("b");
    says.append(...prose(finding.says));
    line.append(says, " ", ...prose(finding.to_do));
    return line;
  }));
}

/** Sets what stands between backquotes as code. @param {string} text */
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? made("code", part) : document.createTextNode(part)));
}

/**
 * Leaves alone what says the same already: a screen reader says what changes.
 * @param {string} id @param {Node[]} nodes
 */
function renew(id, nodes) {
  if (at(id).textContent !== nodes.map((node) => node.textContent).join("")) at(id).replaceChildren(...nodes);
}

/** @param {string} id @param {string} text */
function put(id, text) {
  renew(id, [document.createTextNode(text)]);
}

// Curves

class Curves {
  /**
   * @param {string} id
   * @param {{label: string, column: number, tone: string, fill?: boolean}[]} lines
   * @param {string} unit
   */
  constructor(id, lines, unit) {
    this.box = at(id);
    this.legend = at(`${id}-legend`);
    this.lines = lines;
    this.unit = unit;
    /** @type {Point[]} */
    this.points = [];
    this.until = Date.now() / 1000;
    this.plot = this.draw();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: Math.max(200, this.box.clientWidth), height: 210 };
  }

  draw() {
    const ink = colour("--dim");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const series = this.lines.map((line) => {
      const stroke = colour(`--${line.tone}`);
      return { label: line.label, stroke, width: 2, fill: line.fill ? faint(stroke) : undefined, points: { size: 4 } };
    });
    return new uPlot({
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: true, range: () => [this.since(), this.until] }, y: { range: (_, __, most) => [0, roundUp(most)] } },
      axes: [{ ...axis, size: 26, space: 70, values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toTimeString().slice(0, tick % 60 ? 8 : 5)) },
        { ...axis, size: 46, space: 40, values: (_, ticks) => ticks.map((tick) => finest.format(tick)) }],
      series: [{}, ...series],
      hooks: { setCursor: [(plot) => this.name(plot.cursor.idx ?? null)] },
    }, this.columns(), this.box);
  }

  /** The window's begin; a pod that is young fills the width all the same. */
  since() {
    const first = this.points[0]?.[0] ?? this.until;
    return Math.max(this.until - LONGEST_S, Math.min(first, this.until - SHORTEST_S));
  }

  /** @returns {uPlot.AlignedData} */
  columns() {
    const columns = [this.points.map((point) => point[0]), ...this.lines.map((line) => this.points.map((point) => point[line.column]))];
    return /** @type {uPlot.AlignedData} */ (columns);
  }

  /** @param {Point[]} points @param {number} until */
  show(points, until) {
    this.points = points;
    this.until = until;
    this.plot.setData(this.columns());
    this.name(this.plot.cursor.idx ?? null);
  }

  redraw() {
    this.plot.destroy();
    this.plot = this.draw();
    this.legend.replaceChildren();
    this.show(this.points, this.until);
  }

  /** Names the lines, with their values under the pointer, else the last ones. @param {number | null} index */
  name(index) {
    const values = this.lines.map((line) => {
      if (index !== null) return this.points[index]?.[line.column] ?? null;
      return this.points.findLast((point) => point[line.column] !== null)?.[line.column] ?? null;
    });
    if (this.legend.childElementCount !== this.lines.length) {
      this.legend.replaceChildren(...this.lines.map((line) => {
        const entry = made("span");
        const swatch = made("i");
        swatch.style.background = colour(`--${line.tone}`);
        entry.append(swatch, line.label, made("b"));
        return entry;
      }));
    }
    this.legend.querySelectorAll("b").forEach((cell, place) => { cell.textContent = number(values[place]); });
    const said = this.lines.map((line, place) => `${line.label} ${number(values[place])}`).join(", ");
    this.box.setAttribute("aria-label", `${this.unit} over the last 15 minutes; last: ${said}`);
  }
}

/** @param {number | null} most */
function roundUp(most) {
  if (!most || most <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(most * 1.1)) / 2;
  return Math.ceil((most * 1.1) / step) * step;
}

/** @param {string} name a custom property; resolved, since a canvas knows none */
function colour(name) {
  const probe = made("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** @param {string} rgb */
function faint(rgb) {
  return rgb.replace("rgb(", "rgba(").replace(")", ", 0.14)");
}

// Counts

/** @param {string} id @param {Counted} counted @param {string} nothing */
function showBars(id, counted, nothing) {
  const entries = Object.entries(counted.in_window).sort((one, other) => other[1] - one[1]);
  const most = Math.max(1, ...entries.map(([, count]) => count));
  const lines = entries.map(([name, count]) => {
    const line = made("li", "", { tone: TONES[name] ?? "warning", name });
    const total = counted.since_start[name] ?? count;
    line.title = `${whole.format(total)} since the start`;
    line.style.setProperty("--share", `${Math.max(1, (100 * count) / most)}%`);
    line.append(made("span", name.replaceAll("_", " ")), made("b", whole.format(count)));
    return line;
  });
  if (lines.length === 0) {
    const none = made("li", nothing);
    none.className = "nothing";
    lines.push(none);
  }
  at(id).replaceChildren(...lines);
}

/** @param {Counts} counts */
function sum(counts) {
  return Object.values(counts).reduce((all, one) => all + one, 0);
}

/** @param {Kafka} kafka @param {Counted} topics @param {string} servers */
function showKafka(kafka, topics, servers) {
  /** @type {[string, string, string][]} */
  const facts = [
    ["Brokers", kafka.in_touch ? "answer" : "do not answer", kafka.in_touch ? "ok" : "failed"],
    ["Breaker", kafka.breaker, kafka.breaker === "closed" ? "ok" : "failed"],
    ["Oldest unacknowledged", `${fine.format(kafka.oldest_unacknowledged_s)} s`, kafka.oldest_unacknowledged_s >= 1 ? "failed" : ""],
    ["Records in flight", whole.format(kafka.records_in_flight), ""],
    ["Late acknowledgements", whole.format(kafka.late_acknowledgements), ""],
    ["Producer restarts", whole.format(kafka.producer_restarts), ""],
    ["Not acknowledged", whole.format(sum(kafka.publish_failures)), ""],
    ["Ids remembered", whole.format(kafka.window_entries), ""],
  ];
  const replicas = Object.values(kafka.min_insync_replicas);
  if (replicas.length) facts.push(["min.insync.replicas", whole.format(Math.min(...replicas)), ""]);
  facts.push(["Bootstrap servers", servers, ""]);
  showFacts("kafka", facts);
  const records = Object.entries(topics.since_start);
  showFacts("topics", records.length ? records.map(([topic, count]) => [topic, whole.format(count), ""]) : [["None yet", "", ""]]);
}

/** @param {string} id @param {[string, string, string][]} facts name, value, tone */
function showFacts(id, facts) {
  at(id).replaceChildren(...facts.flatMap(([name, value, tone]) => [made("dt", name), made("dd", value, tone ? { tone } : {})]));
}

// Live events

let paused = false;
/** @type {LiveEvent[]} */
let waiting = [];

/** @param {LiveEvent[]} events oldest first */
function showEvents(events) {
  if (paused) {
    waiting = [...waiting, ...events].slice(-MOST_ROWS);
    put("live-note", `Paused; ${waiting.length}${waiting.length === MOST_ROWS ? " or more" : ""} new.`);
    return;
  }
  const body = at("live");
  body.prepend(...events.map(row).reverse());
  while (body.childElementCount > MOST_ROWS) body.lastElementChild?.remove();
  at("live-nothing").hidden = body.childElementCount > 0;
}

/** @param {LiveEvent} event */
function row(event) {
  const line = made("tr");
  const status = made("td");
  const badge = made("span", event.what, { tone: TONES[event.what] ?? "failed" });
  badge.className = "badge";
  status.append(badge);
  const id = made("td");
  id.append(made("code", event.sms_id || "–"));
  const recipient = made("td");
  recipient.append(made("code", event.recipient || "–"));
  line.append(made("td", clock(event.at_ms)), status, id, made("td", event.why.replaceAll("_", " ") || "–"), recipient, made("td", event.account));
  return line;
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  put("pause", paused ? "Go on" : "Pause");
  if (!paused) {
    put("live-note", "Numbers are masked.");
    showEvents(waiting);
    waiting = [];
  }
});

// Settings

/** @param {About} about */
function showAbout(about) {
  put("pod", about.pod);
  put("version", `· version ${about.version} · event schema ${about.schema}`);
  document.title = `Sofy Relay · ${about.pod}`;
  const entries = Object.entries(about.settings).sort((one, other) => Number(one[1][1]) - Number(other[1][1]));
  put("settings-count", `${entries.filter(([, [, usual]]) => !usual).length} not the default, of ${entries.length}; secrets are masked`);
  at("settings").replaceChildren(...entries.map(([name, [value, usual]]) => {
    const line = made("tr");
    line.className = usual ? "default" : "";
    line.append(made("td", name), made("td", usual ? `${value || "–"}  (default)` : value));
    return line;
  }));
}

// The stream

const rates = new Curves("rates", [
  { label: "accepted", column: 1, tone: "ok", fill: true },
  { label: "503", column: 2, tone: "failed", fill: true },
  { label: "refused", column: 3, tone: "warning" },
], "Webhooks a second");
const latencies = new Curves("latencies", [
  { label: "answer p50", column: 7, tone: "info" },
  { label: "answer p99", column: 8, tone: "odd" },
  { label: "Kafka p99", column: 10, tone: "accent" },
], "Milliseconds");

/** @type {About | undefined} */
let about;
/** @type {Point[]} */
let points = [];
let heardAt = 0;

/** @param {Look} look */
function show(look) {
  heardAt = Date.now();
  setLink("live");
  if (look.about !== undefined) {
    about = look.about;
    points = [];
    at("live").replaceChildren();
    showAbout(about);
  }
  if (about === undefined) return;
  points = [...points, ...look.points].slice(-Math.ceil(about.looks_back_s / about.step_s));
  put("up", `· up ${span(look.at - about.started_at)}`);
  showVerdict(look.level, look.findings);
  const counts = look.counted;
  /** @type {Record<string, number | null>} */
  const figures = { ...look.figures, duplicates: sum(counts.duplicates.in_window), dead_letters: sum(counts.dead_letters.in_window) };
  for (const cell of document.querySelectorAll("[data-figure]")) {
    cell.textContent = number(figures[/** @type {HTMLElement} */ (cell).dataset.figure ?? ""]);
  }
  rates.show(points, look.at);
  latencies.show(points, look.at);
  showBars("webhooks", counts.webhooks, "No webhook.");
  showBars("refusals", counts.refusals, "None.");
  showBars("statuses", counts.statuses, "No event.");
  showBars("duplicates", counts.duplicates, "None.");
  showBars("dead_letters", counts.dead_letters, "None.");
  showKafka(look.kafka, counts.topics, about.kafka);
  showEvents(look.events);
}

/** @param {"live" | "lost"} state */
function setLink(state) {
  at("link").dataset.state = state;
  put("link-text", state === "live" ? "live" : "no answer");
  document.body.toggleAttribute("data-stale", state === "lost");
}

/** @type {EventSource | undefined} */
let stream;

function follow() {
  const opened = new EventSource("console/events");
  stream = opened;
  for (const name of ["everything", "look"]) {
    opened.addEventListener(name, (message) => show(JSON.parse(/** @type {MessageEvent<string>} */ (message).data)));
  }
  opened.addEventListener("error", () => {
    lost();
    // After an answer that is no stream a browser gives up by itself: a proxy's 502, say, or too many pages.
    if (opened.readyState === EventSource.CLOSED && stream === opened) setTimeout(follow, ASK_AGAIN_MS);
  });
}

// A tab that nobody sees gives its connection back: a browser has six for one host, whatever tabs there are.
document.addEventListener("visibilitychange", () => {
  stream?.close();
  stream = undefined;
  heardAt = 0;
  if (!document.hidden) follow();
});
setInterval(() => { if (heardAt && Date.now() - heardAt > SILENT_AFTER_MS) lost(); }, 1000);

function lost() {
  if (at("link").dataset.state === "lost") return;
  setLink("lost");
  const since = heardAt ? `What it last said was at ${clock(heardAt)}.` : "";
  showVerdict("failed", [{ level: "failed", says: "This pod does not answer.", to_do: `${since} The page asks again by itself.` }]);
}

// Light and dark

const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? dark.matches : chosen === "dark";
}

function themed() {
  put("theme", isDark() ? "Light" : "Dark");
  rates.redraw();
  latencies.redraw();
}

at("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  themed();
});
dark.addEventListener("change", themed);
themed();
follow();
