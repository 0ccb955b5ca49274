import { describe, expect, it } from "vitest";
import type { RunState, RunSummary } from "../../generated/bindings";
import { moment, summaryOf } from "../../platform/samples";
import { firstUnfinished, nextAct } from "./next-act";

const ended = summaryOf(moment("released"));
const run = (id: string, state: RunState, changed: Partial<RunSummary> = {}): RunSummary => ({
  ...ended,
  id,
  state,
  result: null,
  endedAt: null,
  ...changed,
});

describe("the next act", () => {
  it.each([
    ["draft", "Prepare Rally 2.1.0", "Go to the start of Prepare"],
    ["preparing", "Rally 2.1.0 is being prepared", "Go to the release"],
    ["prepared", "Deploy Rally 2.1.0", "Go to the start of Deploy"],
    ["deploying", "Rally 2.1.0 is being deployed", "Go to the release"],
    ["checking", "Check the site for Rally 2.1.0", "Go to the checks"],
  ] as const)("of a release that is %s", (state, title, button) => {
    expect(nextAct([run("1", state), ended], "Rally", false)).toMatchObject({ title, button });
  });

  it.each([
    ["prepared", "Rollback of Rally 2.1.0"],
    ["deploying", "Rollback of Rally 2.1.0 goes on"],
  ] as const)("of a rollback that is %s", (state, title) => {
    expect(nextAct([run("1", state, { isRollback: true })], "Rally", false).title).toBe(title);
  });

  it("is a new release when every run has ended, or cannot be continued here", () => {
    const foreign = run("1", "prepared", { readOnly: "Greenlight 9.9.9 can continue it." });
    expect(nextAct([ended, foreign], "Rally", false)).toMatchObject({ run: null, title: "Release Rally" });
    expect(nextAct([], "Rally", true)).toMatchObject({ run: null, title: "Practise a release of Rally" });
  });

  it("is the run that changes production before a newer one that only prepares", () => {
    const runs = [run("2", "preparing"), run("1", "deploying")];
    expect(firstUnfinished(runs)?.id).toBe("1");
    expect(firstUnfinished(runs.slice(0, 1))?.id).toBe("2");
  });
});
