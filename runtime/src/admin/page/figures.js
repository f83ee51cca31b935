// How numbers are written, everywhere the same.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const digits = [0, 1, 2, 3].map(
  (n) => new Intl.NumberFormat("en-US", { minimumFractionDigits: n, maximumFractionDigits: n }),
);

/** What is shown where there is nothing to show. */
export const NONE = "\u2013";

const isNumber = (n) => typeof n === "number" && Number.isFinite(n);

export const count = (n) => (isNumber(n) ? whole.format(n) : NONE);

/** A number of about three digits, such as a rate by the second. */
export function rough(n) {
  if (!isNumber(n)) return NONE;
  const size = Math.abs(n);
  return digits[size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2].format(n);
}

/** A part of one, in percent with one decimal. */
export const percent = (part) => (isNumber(part) ? `${digits[1].format(part * 100)} %` : NONE);

export function bytes(n) {
  if (!isNumber(n)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = n;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(size) : rough(size)} ${units[unit]}`;
}

/** How long something takes: from nanoseconds to days. */
export function time(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds === 0) return "0 s";
  const size = Math.abs(seconds);
  if (size < 1e-6) return `${whole.format(seconds * 1e9)} ns`;
  if (size < 1e-3) return `${rough(seconds * 1e6)} \u00b5s`;
  if (size < 1) return `${rough(seconds * 1e3)} ms`;
  if (size < 120) return `${rough(seconds)} s`;
  if (size < 7200) return `${rough(seconds / 60)} min`;
  if (size < 172_800) return `${rough(seconds / 3600)} h`;
  return `${rough(seconds / 86_400)} d`;
}

/** Half of them took at most the first, 99 of a hundred at most the second; nothing where nothing was measured. */
export const timesOf = (measured) => (measured?.count > 0 ? `${time(measured.p50)} / ${time(measured.p99)}` : NONE);

export const ago = (seconds) => (isNumber(seconds) ? `${time(Math.max(0, seconds))} ago` : NONE);

/** A part of a whole, or nothing where there is no whole. */
export const ratio = (part, all) => (all > 0 ? part / all : null);

/** All calls of a site, or of all. */
export const calls = (stats) => stats.hits + stats.misses;
