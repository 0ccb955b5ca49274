import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Failure, LiveUpdate, Watcher, WatcherTrouble } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { moment } from "../../platform/samples";
import { clock } from "../../run/time";
import { open, planned, planOf } from "./test-page";

const since = "2026-11-23T13:00:00.000Z";
const failure: Failure = {
  code: "awsRefused",
  params: {},
  summary: "read the log group",
  causes: ["InvalidOperationException: the log group has the class INFREQUENT_ACCESS"],
  hints: ["Ask a developer for a log group of the class STANDARD."],
  changed: "nothing",
  retry: "safe",
};

/** The page while the migration may start, with live messages of the watchers. */
async function watched() {
  const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
  await screen.findByTestId("run");
  const emit = (seen: LiveUpdate) => platform.emitLive({ run: view.id, at: since, seen });
  const tell = (watcher: Watcher, trouble: WatcherTrouble | null) => emit({ kind: "watcher", watcher, trouble });
  return { emit, tell };
}

describe("a watcher that fails", () => {
  it("shows its reason and its start in place of “Following”", async () => {
    const { tell } = await watched();
    expect(screen.getByTestId("log-count")).toHaveTextContent("Following");
    tell("productionLog", { since, failure });
    const note = await screen.findByTestId("log-trouble");
    expect(note).toHaveTextContent(`No new lines since ${clock(since)}.`);
    expect(note).toHaveTextContent("INFREQUENT_ACCESS");
    expect(note).toHaveTextContent("Ask a developer for a log group");
    expect(screen.getByTestId("log-count")).not.toHaveTextContent("Following");
    expect(await accessibilityFindings(document.body)).toEqual([]);
    tell("productionLog", null);
    await waitFor(() => expect(screen.queryByTestId("log-trouble")).toBeNull());
    expect(screen.getByTestId("log-count")).toHaveTextContent("Following");
  });

  it("shows why the site gives no answer", async () => {
    const { emit, tell } = await watched();
    emit({ kind: "site", isUp: false, status: 0, answerMs: 0, version: null });
    tell("site", {
      since,
      failure: { ...failure, code: "unreachable", causes: ["invalid peer certificate"], hints: [] },
    });
    expect(await screen.findByTestId("site-trouble")).toHaveTextContent("invalid peer certificate");
    expect(screen.queryByText(/\(0\)/)).toBeNull();
    expect(screen.queryByTestId("log-trouble")).toBeNull();
  });
});
