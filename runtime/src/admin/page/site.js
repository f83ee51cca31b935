// One site: what its attribute asked for, what is said in its place, and what would become of it with more room.

import { part, post } from "./api.js";
import { confirm } from "./dialogs.js";
import { badge, button, byId, el, name, prose, put, say } from "./dom.js";
import { NONE, bytes, calls, count, percent, time } from "./figures.js";
import { live } from "./live.js";
import { showCurve } from "./curve.js";

let shown = null;
let said = "";

/** Opens what is known of this site. */
export function open(site) {
  shown = site;
  said = "";
  put(byId("site-title"), name(site));
  byId("site-dialog").showModal();
  fill();
  showCurve(byId("site-curve"), site);
}

const viewOf = (site) => live.answers.sites?.sites.find((view) => view.site === site);
const statsOf = (site) => live.answers.stats?.sites.find((stats) => stats.site === site);

function fill() {
  const view = viewOf(shown);
  const curve = byId("site-curve") ?? el("div", { id: "site-curve" });
  const figures = el("dl", { id: "site-figures", class: "facts" });
  put(
    byId("site-body"),
    view ? head(view) : el("p", {}, "Not known any more."),
    figures,
    el("h3", {}, "Change while it runs"),
    form(shown),
    el("h3", {}, "With more or less memory"),
    curve,
    view && policy(view),
    view && reached(view),
    view && verdicts(view),
  );
  refresh();
}

/** The figures follow what is answered; the form stays as somebody left it. */
export function refresh() {
  if (shown === null || !byId("site-dialog").open) return;
  const view = viewOf(shown);
  const stats = statsOf(shown);
  put(byId("site-figures"), facts(figuresOf(view, stats)));
  const now = JSON.stringify([view?.paused, view?.tuned_ttl, view?.tuned_stale, view?.tuned_capacity]);
  if (now === said) return;
  said = now;
  say(byId("site-pause"), view?.paused ? "Let it go on\u2026" : "Pause it\u2026");
  hint("site-ttl", view?.tuned_ttl, view?.policy.ttl, time);
  hint("site-stale", view?.tuned_stale, view?.policy.stale, time);
  hint("site-capacity", view?.tuned_capacity, stats?.capacity, bytes);
}

function hint(id, tuned, declared, write) {
  const value = tuned ?? declared ?? null;
  const now = value === null ? "as the cache has it" : write(value);
  say(byId(`${id}-now`), `now ${now}${(tuned ?? null) === null ? "" : ", changed here"}`);
}

const facts = (pairs) =>
  pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value === "" ? NONE : value)));

function figuresOf(view, stats) {
  const told = [["State", view?.paused ? badge("paused", "warn") : badge("on", "ok")]];
  if (!stats) return [...told, ["Calls", "none yet"]];
  return [
    ...told,
    ["Calls", count(calls(stats))],
    ["Hit rate", percent(stats.hit_rate)],
    ["Stale serves", count(stats.stale_hits)],
    ["Loads", count(stats.loads)],
    ["Oldest load", time(stats.oldest_load_seconds)],
    ["In near", `${count(stats.entries)} entries, ${bytes(stats.bytes)}`],
    ["Invalidated", count(stats.invalidated)],
  ];
}

function head(view) {
  const pairs = [
    ["Kind", name(view.kind)],
    ["Stands at", view.at ? name(view.at) : ""],
    ["Namespace", name(view.namespace)],
    ["Keys", name(view.key)],
    ["Tags", names(view.tags)],
  ];
  return el("dl", { class: "facts" }, facts(pairs));
}

const names = (all) =>
  all.length === 0
    ? ""
    : el(
        "ul",
        { class: "names" },
        all.map((one) => el("li", {}, name(one))),
      );

function policy(view) {
  const {
    ttl,
    adaptive,
    profile,
    stale,
    refresh_ahead: ahead,
    jitter,
    timeout,
    soft_timeout: soft,
    idle,
  } = view.policy;
  const { local, cluster, predict, compress, version, cache_none: none, cache_err: failed, strict } = view.policy;
  const life = adaptive ? `${time(adaptive[0])} to ${time(adaptive[1])}, as they change` : time(ttl);
  const yes = (is) => (is ? "yes" : "no");
  const pairs = [
    ["Fresh for", profile ? [life, ", profile ", name(profile)] : life],
    ["Stale for", time(stale)],
    ["Refresh ahead", time(ahead)],
    ["Jitter", percent(jitter)],
    ["Timeout", time(timeout)],
    ["Soft timeout", time(soft)],
    ["Idle", time(idle)],
    ["None kept for", time(none)],
    ["Errors kept for", time(failed)],
    ["Stays in near", yes(local)],
    ["Strict", strict === null ? "as the cache" : yes(strict)],
    ["One load for all nodes", yes(cluster)],
    ["Predicts", yes(predict)],
    ["Compressed by", compress ? name(compress) : ""],
    ["Version", count(version)],
  ];
  return [el("h3", {}, "What its attribute asks for"), el("dl", { class: "facts" }, facts(pairs))];
}

function reached(view) {
  const lines = view.invalidated_by.map((edge) => el("li", {}, name(edge.function), " by ", name(edge.by)));
  const none = "No function here invalidates it by its attribute.";
  return [el("h3", {}, "Invalidated by"), lines.length > 0 ? el("ul", { class: "names" }, lines) : el("p", {}, none)];
}

function verdicts(view) {
  if (view.verdicts.length === 0) return null;
  const line = ({ shape, verdict }) => {
    const word = verdict.cacheable ? badge("worth it", "ok") : badge(verdict.reason, "info");
    return el("li", {}, word, " ", name(shape), " ", prose(verdict.text));
  };
  return [el("h3", {}, "What the adviser says"), el("ul", { class: "names" }, view.verdicts.map(line))];
}

const FIELDS = [
  { id: "site-ttl", field: "ttl", label: "Fresh for (10m, or seconds)" },
  { id: "site-stale", field: "stale", label: "Stale for (1h, or seconds)" },
  { id: "site-capacity", field: "capacity", label: "Room in near (64 MiB, or bytes)" },
];

function form(site) {
  const inputs = FIELDS.map(({ id, label }) =>
    el(
      "div",
      { class: "field" },
      el("label", { for: id }, label),
      el("input", { id, type: "text", autocomplete: "off", "aria-describedby": `${id}-now` }),
      el("span", { id: `${id}-now`, class: "muted" }),
    ),
  );
  const change = (event) => {
    event.preventDefault();
    tune(site, wanted(), "changes to what you said", "Change it");
  };
  const pause = () => {
    const paused = !viewOf(site)?.paused;
    const what = paused
      ? "is paused: its calls go by the cache, and load each time"
      : "goes on: its calls use the cache again";
    tune(site, { paused }, what, paused ? "Pause it" : "Let it go on");
  };
  const reset = () => tune(site, { reset: true }, "goes back to what its attribute asks for and the configuration says", "Reset it");
  return el(
    "form",
    { id: "site-form", class: "fields", novalidate: true, onsubmit: change },
    inputs,
    el(
      "div",
      { class: "choices" },
      el("button", { type: "submit" }, "Change\u2026"),
      button("", pause, { id: "site-pause" }),
      button("Reset\u2026", reset),
    ),
  );
}

/** What was typed, as the API wants it; what is no number goes as it is, and the API says what is wrong. */
function wanted() {
  const body = {};
  for (const { id, field } of FIELDS) {
    const text = byId(id).value.trim();
    if (text) body[field] = field === "capacity" ? room(text) : numberOr(text);
  }
  return body;
}

const numberOr = (text) => (Number.isFinite(Number(text)) ? Number(text) : text);

function room(text) {
  const [, size, unit] = /^(\d+(?:\.\d+)?)\s*([kmg]i?b)$/i.exec(text) ?? [];
  if (!unit) return numberOr(text);
  const power = "kmg".indexOf(unit[0].toLowerCase()) + 1;
  return Math.round(Number(size) * 1024 ** power);
}

function tune(site, body, what, verb) {
  const said = Object.entries(body).filter(([field]) => field !== "paused" && field !== "reset");
  const list = said.map(([field, value]) =>
    el("li", {}, `${field}: `, name(field === "capacity" ? `${bytes(value)} (${value})` : value)),
  );
  confirm({
    title: `${verb}?`,
    says: [
      el("p", {}, name(site), ` ${what}, on this node, until it ends or is told otherwise.`),
      list.length > 0 && el("ul", {}, list),
    ],
    verb,
    send: () => post(`sites/${part(site)}`, body),
    done: () => {
      for (const { id } of FIELDS) byId(id).value = "";
      return [name(site), ` ${what}.`];
    },
  });
}

export function prepare() {
  byId("site-close").addEventListener("click", () => byId("site-dialog").close());
  byId("site-dialog").addEventListener("close", () => {
    shown = null;
    put(byId("site-body"));
  });
}
