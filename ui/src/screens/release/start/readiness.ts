// The readiness checks for the screen: groups, their counts, and what keeps Start closed.

import type { Readiness, ReadinessGroup, ReadinessRow, ReadinessState } from "../../../generated/bindings";

export interface Group {
  id: ReadinessGroup;
  name: string;
  /** Rows that need a person, the most serious first. */
  open: ReadinessRow[];
  /** Rows that one of the steps settles. */
  later: ReadinessRow[];
  ready: ReadinessRow[];
}

const NAMES: Record<ReadinessGroup, string> = {
  code: "Code",
  production: "Production",
  machine: "Staging machine",
  computer: "This computer",
};
const ORDER: ReadinessGroup[] = ["code", "production", "machine", "computer"];
const URGENCY: ReadinessState[] = ["blocked", "choose", "unknown"];

/** The groups that have rows, always in the same order. */
export function groupsOf(readiness: Readiness): Group[] {
  return ORDER.map((id) => {
    const rows = readiness.rows.filter((row) => row.group === id);
    const open = rows.filter((row) => URGENCY.includes(row.state));
    open.sort((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state));
    return {
      id,
      name: NAMES[id],
      open,
      later: rows.filter((row) => row.state === "later"),
      ready: rows.filter((row) => row.state === "ready"),
    };
  }).filter((group) => group.open.length + group.later.length + group.ready.length > 0);
}

/** The sentences for which a person has to give a reason. */
export function findingsOf(readiness: Readiness): string[] {
  return readiness.rows.filter((row) => row.state === "choose").map((row) => row.sentence);
}

/** Why Start is closed. */
export function whyClosed(readiness: Readiness | null, reason: string): string | undefined {
  if (readiness === null) return "The app is still checking whether everything is ready.";
  const blocked = readiness.rows.filter((row) => row.state === "blocked").length;
  if (blocked > 0) return `${blocked === 1 ? "1 check says" : `${blocked} checks say`} that the release would fail.`;
  if (findingsOf(readiness).length > 0 && reason.trim() === "") return "Write why you start all the same.";
  return undefined;
}

/** One sentence above the groups. */
export function summaryOf({ rows }: Readiness): string {
  const count = (...states: ReadinessState[]) => rows.filter((row) => states.includes(row.state)).length;
  const [needed, unknown] = [count("blocked", "choose"), count("unknown")];
  if (needed + unknown === 0) return `Nothing is in the way: ${counted(rows.length, "check")}.`;
  const parts = [`${count("ready", "later")} of ${counted(rows.length, "check")} are fine`];
  if (needed > 0) parts.push(`${counted(needed, "row")} ${needed === 1 ? "needs" : "need"} you`);
  if (unknown > 0) parts.push(`${unknown} ${unknown === 1 ? "is" : "are"} not known`);
  return `${parts.join("; ")}.`;
}

const counted = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
