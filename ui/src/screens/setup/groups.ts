// The groups of the Setup page.

import type { SetupValue } from "../../generated/bindings";

export interface Group {
  id: string;
  name: string;
  /** Who can help with its values. */
  help: string;
  values: SetupValue[];
}

const GROUPS = [
  { id: "github", name: "Build on GitHub", help: "A developer knows the names of the workflow and of its jobs." },
  { id: "aws", name: "Production on AWS", help: "The person who looks after AWS knows cluster and service." },
  { id: "site", name: "The site", help: "A developer knows where the site shows its version. You know what to check." },
  { id: "backup", name: "Backup", help: "The person who looks after the database knows where the backups are." },
  { id: "restore", name: "If it goes wrong", help: "The person who looks after the database knows the way back." },
] as const;

/** The values in groups, always in the same order. A value of no known group is in the last one. */
export function groupsOf(values: readonly SetupValue[]): Group[] {
  const idOf = (value: SetupValue) => {
    const id = value.key.split(".")[0];
    return GROUPS.some((group) => group.id === id) ? id : "restore";
  };
  return GROUPS.map((group) => ({ ...group, values: values.filter((value) => idOf(value) === group.id) })).filter(
    (group) => group.values.length > 0,
  );
}
