// The groups of the Setup page, and the state of each in a few words.

import type { SetupGroup, SetupValue } from "../../generated/bindings";

export interface Group {
  id: SetupGroup;
  name: string;
  /** Who can help with its values. */
  help: string;
  values: SetupValue[];
}

const GROUPS: readonly Omit<Group, "values">[] = [
  { id: "code", name: "Code and build", help: "A developer knows the names of branches, workflow and jobs." },
  { id: "aws", name: "AWS", help: "The person who looks after AWS knows cluster and service." },
  { id: "machine", name: "Staging machine", help: "The address is asked again at each Deploy." },
  {
    id: "database",
    name: "Database and backup",
    help: "The person who looks after the database knows the backups and the way back.",
  },
  { id: "site", name: "Site", help: "A developer knows where the site shows its version. You know what to check." },
  { id: "people", name: "People and times", help: "A release names them when something fails or takes long." },
];

/** The values in groups, always in the same order. */
export function groupsOf(values: readonly SetupValue[]): Group[] {
  return GROUPS.map((group) => ({ ...group, values: values.filter((value) => value.group === group.id) })).filter(
    (group) => group.values.length > 0,
  );
}

export const isMissing = (value: SetupValue) => value.isNeeded && value.value === "";
export const isWrong = (value: SetupValue) => value.test?.verdict === "wrong";
const isRight = (value: SetupValue) => value.test?.verdict === "right";
const isTestable = (value: SetupValue) => value.hasTest && value.value !== "";

export interface Pill {
  kind: "missing" | "wrong" | "right" | "partly" | "untested";
  text: string;
}

const counted = (values: readonly SetupValue[], is: (value: SetupValue) => boolean) => values.filter(is).length;

/** The state of a group. The worst one counts. Green only when every value with a test is right. */
export function pillOf(values: readonly SetupValue[]): Pill {
  const [missing, wrong] = [counted(values, isMissing), counted(values, isWrong)];
  if (missing > 0) return { kind: "missing", text: `${missing} to choose` };
  if (wrong > 0) return { kind: "wrong", text: `${wrong} not right` };
  const testable = values.filter(isTestable);
  const right = counted(testable, isRight);
  if (right > 0 && right === testable.length) return { kind: "right", text: `${right} tested` };
  if (right > 0) return { kind: "partly", text: `${right} of ${testable.length} tested` };
  const people = values.filter(isPerson);
  if (people.length === 0) return { kind: "untested", text: "Not tested" };
  const named = counted(people, (value) => value.value !== "");
  return { kind: "untested", text: named === 0 ? "No person named" : `${named} named` };
}

/** Whether each value that can be tested now has a result, right or not. */
export function isTested(values: readonly SetupValue[]): boolean {
  const testable = values.filter(isTestable);
  return testable.length > 0 && testable.every((value) => value.test !== null);
}

const are = (count: number) => (count === 1 ? "1 is" : `${count} are`);

/** One sentence about all values. */
export function summaryOf(values: readonly SetupValue[]): string {
  const needed = counted(values, (value) => value.isNeeded);
  const [missing, wrong, right] = [counted(values, isMissing), counted(values, isWrong), counted(values, isRight)];
  const all = needed === 1 ? "The needed value is known." : `All ${needed} needed values are known.`;
  const some = `${needed - missing} of ${needed} needed values ${needed - missing === 1 ? "is" : "are"} known.`;
  return [
    missing === 0 ? all : some,
    right === 0 ? "None is tested yet." : `${are(right)} tested and right.`,
    ...(wrong === 0 ? [] : [`${are(wrong)} not right.`]),
  ].join(" ");
}

/** Whether a value is a person to call. */
const isPerson = (value: SetupValue) => value.group === "people" && value.key.startsWith("who_to_call.");

/** The first values of a group, for its folded row. Of the people, only their names. */
export function glimpseOf(values: readonly SetupValue[]): string {
  const isShown = (value: SetupValue) =>
    value.value !== "" && !value.isList && (value.group !== "people" || isPerson(value));
  const shown = values.filter(isShown).slice(0, 4);
  if (shown.length === 0 && values.some((value) => value.group === "people")) return "No person to call is named yet";
  return shown.map((value) => value.value).join(" · ");
}
