// The words and bars of the plan page. The engine computes every sum.

import type { PersonNeed, PlannedStep, PlannedTime, ReleasePlan } from "../../../generated/bindings";

/** The part of a person in a step. */
export const PERSON_WORDS: Record<PersonNeed, string> = {
  appWatches: "App watches",
  starts: "You start",
  confirms: "You confirm",
  answers: "You answer",
};

/** Formats as `8` or `20 to 25`. */
function range(low: number, high: number): string {
  return low === high ? String(low) : `${low} to ${high}`;
}

/** The usual minutes of a step. */
export function minutesOf({ minutes }: PlannedStep): string {
  return minutes === null ? "not known" : range(...minutes);
}

/** A sum of usual times: `22 to 29 min, and 4 steps whose time is not known`. */
export function timeInWords({ low, high, untimed }: PlannedTime): string {
  const known = `${range(low, high)} min`;
  if (untimed === 0) return known;
  const unknown = `${untimed} ${untimed === 1 ? "step" : "steps"} whose time is not known`;
  return high === 0 ? unknown : `${known}, and ${unknown}`;
}

/** The usual time of a part as a sentence: `Deploy usually takes 5 min.` */
export function usualTime(before: string, time: PlannedTime): string {
  return isUnknown(time) ? "The usual time is not known." : `${before} ${timeInWords(time)}.`;
}

const isUnknown = ({ high, untimed }: PlannedTime) => high === 0 && untimed > 0;

/** Ends a text of the setup as a sentence. */
const ended = (text: string) => (/(^|[.!?])$/.test(text.trim()) ? text.trim() : `${text.trim()}.`);

/** The way back after a step that cannot be undone: procedure, minutes and person, if known. */
export function wayBackInWords({ wayBack, minutes, who }: Irreversible): string {
  const time = minutes === null ? "" : `about ${minutes} min`;
  const person = who.trim() === "" ? "" : `by ${who}`;
  const rest = [time, person].filter((part) => part !== "").join(", ");
  return `${ended(wayBack)} ${ended(rest.charAt(0).toUpperCase() + rest.slice(1))}`.trim();
}

type Irreversible = Extract<PlannedStep["wayBack"], { kind: "irreversible" }>;

/** When a step comes, counted from the start of its part. */
export function startOf({ startsAfter: { low, high, untimed } }: PlannedStep): string {
  if (high === 0) return untimed === 0 ? "at once" : "time not known";
  return `after ${untimed === 0 ? "" : "at least "}${range(low, high)} min`;
}

/** Place and width of the bar of a step, in percent of its part. Null without any usual time. */
export function barOf(step: PlannedStep, part: PlannedTime): { left: number; width: number } | null {
  if (part.high === 0) return null;
  const percent = (minutes: number) => (100 * minutes) / part.high;
  return { left: percent(step.startsAfter.high), width: percent(step.minutes?.[1] ?? 0) };
}

/** Whether a step belongs to Prepare. Deploy and the check of the site are the other part. */
export const isOfPrepare = (step: PlannedStep) => step.phase === "prepare";

/** The steps that need a person, after Prepare. */
export function needed(plan: ReleasePlan): PlannedStep[] {
  return plan.steps.filter((step) => !isOfPrepare(step) && step.person !== "appWatches");
}
