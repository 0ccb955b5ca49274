// Times and durations for the screen. Timestamps are UTC texts with milliseconds; the screen shows
// local time.

import type { Timestamp } from "../generated/bindings";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** Formats as `09:12`. */
export const clock = (at: Timestamp) => CLOCK.format(new Date(at));
/** Formats as `09:12:44`. */
export const clockSeconds = (at: Timestamp) => CLOCK_SECONDS.format(new Date(at));
/** Formats as `23 November 2026`. */
export const day = (at: Timestamp) => DAY.format(new Date(at));
/** Formats as `23 Nov`. */
export const shortDay = (at: Timestamp) => SHORT_DAY.format(new Date(at));

/** Milliseconds between two times, at least 0. */
export const between = (from: Timestamp, to: Timestamp) => Math.max(0, Date.parse(to) - Date.parse(from));

/** Formats as `< 1 s`, `4 s`, `7:48` or `1 h 12 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (ms < 1000) return "< 1 s";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Whole minutes: `44 min`, `1 h 12 min`, `under a minute`. Days for a run that was prepared long
 * ago.
 */
export function minutes(ms: number): string {
  const whole = Math.round(ms / 60_000);
  if (whole < 1) return "under a minute";
  if (whole < 60) return `${whole} min`;
  const hours = Math.floor(whole / 60);
  return hours < 48 ? `${hours} h ${whole % 60} min` : `${Math.floor(hours / 24)} days`;
}
