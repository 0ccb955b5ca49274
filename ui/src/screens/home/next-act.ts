// The next act of a person at this computer: the unfinished run that comes first, or a new one.

import type { RunState, RunSummary } from "../../generated/bindings";
import { rowName } from "../../run/run-words";

/** Words of the card, and the run that its button opens. */
export interface NextAct {
  /** `null` for the start of a new release. */
  run: RunSummary | null;
  title: string;
  lead: string;
  button: string;
}

/** The unfinished run that comes first: the one that changes production, else the newest. */
export function firstUnfinished(runs: readonly RunSummary[]): RunSummary | undefined {
  const open = runs.filter((run) => run.state !== "ended" && run.readOnly === null);
  return open.find((run) => run.state === "deploying" || run.state === "checking") ?? open[0];
}

export function nextAct(runs: readonly RunSummary[], product: string, isPractice: boolean): NextAct {
  const run = firstUnfinished(runs);
  if (run !== undefined && run.state !== "ended")
    return { run, ...(run.isRollback ? rollback : release)(run, run.state, isPractice) };
  if (isPractice) {
    return {
      run: null,
      title: `Practise a release of ${product}`,
      lead: "You release on a pretend production on this computer. It asks the same questions as the real one. Nothing real is touched, and no sign-in is needed.",
      button: "Practise a release",
    };
  }
  return {
    run: null,
    title: `Release ${product}`,
    lead: "You enter the version first. Nothing changes until you start Prepare, and production changes only in Deploy.",
    button: "Start a release",
  };
}

type Words = Omit<NextAct, "run">;
type Open = Exclude<RunState, "ended">;

function release(run: RunSummary, state: Open, isPractice: boolean): Words {
  const name = rowName(run);
  const production = isPractice ? "The pretend production" : "Production";
  const words: Record<Open, Words> = {
    draft: {
      title: `Prepare ${name}`,
      lead: "Nothing has changed yet. Prepare merges, sets the version and publishes it; production stays as it is.",
      button: "Go to the start of Prepare",
    },
    preparing: {
      title: `${name} is being prepared`,
      lead: `${production} does not change in Prepare.`,
      button: "Go to the release",
    },
    prepared: {
      title: `Deploy ${name}`,
      lead: "It is prepared. You may start Deploy today or on another day.",
      button: "Go to the start of Deploy",
    },
    deploying: {
      title: `${name} is being deployed`,
      lead: `${production} changes. The release shows what happens now and when you are needed.`,
      button: "Go to the release",
    },
    checking: {
      title: `Check the site for ${name}`,
      lead: "The servers are done. The release ends when every check has an answer.",
      button: "Go to the checks",
    },
  };
  return words[state];
}

function rollback(run: RunSummary, state: Open, isPractice: boolean): Words {
  const name = rowName(run);
  if (state === "draft" || state === "prepared" || state === "preparing") {
    return {
      title: name,
      lead: "It has not started. Production stays as it is until you start it.",
      button: "Go to its start",
    };
  }
  return {
    title: `${name} goes on`,
    lead: isPractice ? "The pretend production changes." : "Production changes.",
    button: "Go to the rollback",
  };
}
