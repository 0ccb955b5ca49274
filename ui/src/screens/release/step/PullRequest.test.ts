import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { optionsOf } from "../../../run/focus";
import { open, planned, planOf } from "../test-page";

const recorded = moment("push-offered");

/** The moment of an earlier record, with the optional step that a new run has. */
function withChoice(): typeof recorded {
  const push = recorded.view.steps.find((step) => step.definition.id === "PushBranch");
  if (push === undefined) throw new Error("the record has no push");
  const definition = {
    ...push.definition,
    id: "OpenPullRequest" as const,
    title: "Open a pull request into master",
    shortTitle: "Open a pull request",
    isOptional: true,
  };
  const choice = { ...push, definition, options: { ...optionsOf(push), mayChoose: true } };
  return { ...recorded, view: { ...recorded.view, steps: [...recorded.view.steps, choice] } };
}

const offered = withChoice();
const url = "https://github.com/owner/rally/pull/12";

function closedBy(id: string, text: string, detail: string) {
  const push = {
    ...planOf("PushBranch"),
    byHand: { lines: ["Merge pull request 12 into master"], page: url },
    preconditions: [{ id, passed: false, text, detail }],
  };
  const open = { ...push, step: "OpenPullRequest" as const, preconditions: [] };
  return { ...planned(push, open), openPage: () => ok(null) };
}

describe("a main branch that takes only pull requests", () => {
  it("closes the push and leads to the plan of the pull request", async () => {
    const { user } = open(
      offered,
      closedBy("mayPush", "No rule of GitHub forbids a push to master", "it takes changes only by pull request"),
    );
    await user.click(await screen.findByTestId("go-to-OpenPullRequest"));
    await waitFor(() => expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "OpenPullRequest"));
    expect(screen.queryByTestId("open-pull-request")).toBeNull();
  });

  it("waits for the merge, with a button to the page on GitHub", async () => {
    const { platform, user } = open(
      offered,
      closedBy("pullRequestMerged", "Pull request 12 is merged into master", "a reviewer has to merge it on GitHub"),
    );
    await user.click(await screen.findByTestId("open-pull-request"));
    await waitFor(() => expect(platform.argsOf("openPage")).toEqual([[url]]));
    expect(await accessibilityFindings(screen.getByTestId("focus"))).toEqual([]);
  });
});
