import { render, screen, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import Plan from "../../components/Plan.svelte";
import DebriefCard from "../../practice/DebriefCard.svelte";
import type { Debrief, RunView } from "../../generated/bindings";
import { fake, ok } from "../../platform/fake";
import { appInfo, moment } from "../../platform/samples";
import { App } from "../../run/app.svelte";
import Detail from "../history/Detail.svelte";
import ResultPanel from "./ResultPanel.svelte";
import { open, planned, planOf, stopped } from "./test-page";

const twice = ["The same text.", "The same text."];
const leftTwice: RunView = { ...stopped.view, leftBehind: twice };
const at = "2026-11-23T13:00:00.000Z";

describe("a text from outside that comes twice is shown twice", () => {
  it("as a job of the build, and as a server", async () => {
    const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
    await screen.findByTestId("run");
    const job = { name: "test", state: "in_progress", current: null, done: 1, total: 2 };
    const server = { task: "a", isNew: false, version: "rally-prod:142", state: "serving" };
    platform.emitLive({
      run: view.id,
      at,
      seen: { kind: "build", status: "in_progress", conclusion: null, url: "", jobs: [job, job] },
    });
    platform.emitLive({
      run: view.id,
      at,
      seen: {
        kind: "servers",
        desired: 2,
        newCount: 0,
        servers: [server, server],
        failedStarts: 0,
        failedStartsAllowed: null,
        lastReason: null,
        startFailure: null,
      },
    });
    expect(await screen.findAllByText("test")).toHaveLength(2);
    expect(await screen.findAllByText("rally-prod:142")).toHaveLength(2);
  });

  it("as a change since Prepare", async () => {
    const differences = twice.map((text, index) => ({ id: `mainMoved:${index}`, text }));
    open(moment("prepared"), { deployDifferences: () => ok(differences) });
    expect(within(await screen.findByTestId("differences")).getAllByRole("checkbox")).toHaveLength(2);
  });

  it("as an effect left behind, before the stop", async () => {
    const { user } = open(moment("merge-offered"), {
      ...planned(planOf("MergeBranch")),
      leftBehind: () => ok(twice),
    });
    await user.click(await screen.findByTestId("stop-run"));
    expect(within(await screen.findByTestId("note-dialog")).getAllByText("The same text.")).toHaveLength(2);
  });

  it("as an effect left behind, after the stop", () => {
    const app = new App(fake({ debrief: () => ok({ lines: [], costSeconds: 0, wholeSeconds: 1 }) }));
    const { unmount } = render(ResultPanel, { app, view: leftTwice });
    expect(screen.getAllByText("The same text.")).toHaveLength(2);
    unmount();
    const props = { platform: fake({}), info: appInfo(), view: leftTwice, events: stopped.events };
    render(Detail, { props: { ...props, onshow: () => undefined } });
    expect(screen.getAllByText("The same text.")).toHaveLength(2);
  });

  it("as a part of a plan", () => {
    const commit = { id: "0123456789", summary: "The same text.", author: "Bo", at };
    const line = { kind: "line" as const, text: "The same text.", value: "1" };
    const commits = { kind: "commits" as const, title: "Commits", commits: [commit, commit], total: 2 };
    render(Plan, { plan: { ...planOf("MergeBranch"), notices: twice, changes: [line, line, commits, commits] } });
    expect(screen.getAllByText("The same text.")).toHaveLength(2 + 2 + 2 * 2);
  });

  it("as a trouble of the debrief", async () => {
    const line: Debrief["lines"][number] = {
      spell: { trouble: "buildFails", began: at, ended: at },
      costSeconds: 1,
      acts: [],
    };
    const debrief = { lines: [line, line], costSeconds: 1, wholeSeconds: 1 };
    render(DebriefCard, { platform: fake({ debrief: () => ok(debrief) }), run: "r", kind: "release" });
    expect(await screen.findAllByTestId("debrief-buildFails")).toHaveLength(2);
  });
});
