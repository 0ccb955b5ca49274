import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open, planned, planOf } from "../test-page";

const offered = moment("push-offered");
const failed = moment("push-moved");
const moved = {
  id: "mainUnmoved",
  passed: false,
  text: "Nobody has pushed to master since the merge",
  detail: "it is b2b2b2b now",
};

const shut = (preconditions = [moved]) => ({
  ...planned({ ...planOf("PushBranch"), preconditions }),
  startOver: () => ok(null),
  endRun: () => ok(null),
});

describe("a push whose main branch has moved", () => {
  it("starts over with a note", async () => {
    const { platform, user, view } = open(offered, shut());
    await user.click(await screen.findByRole("button", { name: "Start over on the new master…" }));
    const dialog = screen.getByTestId("note-dialog");
    expect(dialog).toHaveTextContent("nothing of them is on master");
    expect(dialog).toHaveTextContent("Kept: the version 2.1.0");
    expect(await accessibilityFindings(dialog)).toEqual([]);
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("startOver")).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "Bob's hotfix belongs to it");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() => expect(platform.argsOf("startOver")).toEqual([[view.id, "Bob's hotfix belongs to it"]]));
  });

  it("may be given up", async () => {
    const { platform, user, view } = open(offered, shut());
    await user.click(await screen.findByTestId("give-up"));
    await user.type(screen.getByTestId("note-text"), "the hotfix goes first");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() => expect(platform.argsOf("endRun")).toEqual([[view.id, "abandoned", "the hotfix goes first"]]));
  });

  it("starts over after it failed, and has one button for that", async () => {
    const { user } = open(failed, shut());
    await user.click(await screen.findByTestId("start-over"));
    expect(screen.getAllByTestId("start-over")).toHaveLength(1);
    expect(screen.getByTestId("note-dialog")).toBeVisible();
  });
});

it("a push on an unmoved main branch offers no start over", async () => {
  open(offered, shut([{ ...moved, passed: true }]));
  expect(await screen.findByTestId("precondition-mainUnmoved")).toHaveAttribute("data-passed", "true");
  expect(screen.queryByTestId("start-over")).toBeNull();
  expect(screen.queryByTestId("give-up")).toBeNull();
});

it("a run that may not start over offers only to give it up", async () => {
  open({ ...offered, view: { ...offered.view, mayStartOver: false } }, shut());
  expect(await screen.findByTestId("give-up")).toBeVisible();
  expect(screen.queryByTestId("start-over")).toBeNull();
});
