// What the tests of the screens show: the golden records of the engine, and a computer that is set up.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AppInfo, Event, RunSummary, RunView } from "../generated/bindings";

/** A record with the view that the engine made of it. */
export interface Golden {
  events: Event[];
  view: RunView;
}

/** Reads `tests/golden/fold/NAME.json`. */
export function golden(name: "released" | "stopped-after-a-failed-migration" | "a-backup-taken-again"): Golden {
  const file = join(import.meta.dirname, "../../../tests/golden/fold", `${name}.json`);
  return JSON.parse(readFileSync(file, "utf8")) as Golden;
}

/** The line of the history list for a record. */
export function summaryOf({ view }: Golden): RunSummary {
  const stopped = view.steps.find((step) => step.status === "failed" || step.status === "inDoubt");
  return {
    id: view.id,
    product: view.profile.product.name,
    version: view.version,
    realm: view.realm,
    state: view.state,
    result: view.result,
    stoppedAt: view.result === "stopped" ? (stopped?.definition.shortTitle ?? null) : null,
    person: view.people[0] ?? "",
    draftedAt: view.draftedAt,
    endedAt: view.endedAt,
    readOnly: null,
  };
}

/** A computer on which everything is set up. */
export function appInfo(changed: Partial<AppInfo> = {}): AppInfo {
  return {
    version: "0.1.0",
    realm: "production",
    profile: golden("released").view.profile,
    person: "Anna",
    computer: "anna-laptop",
    band: "Rally · AWS account 6769 1700 1797 · us-east-1",
    customEndpoints: false,
    unconfirmed: [],
    speed: 1,
    now: "2026-11-23T13:00:00.000Z",
    proposedKeyFile: "~/.ssh/rallyE1.pem",
    keyFileFound: true,
    ...changed,
  };
}
