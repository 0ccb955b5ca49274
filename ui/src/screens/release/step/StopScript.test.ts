import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok } from "../../../platform/fake";
import { appInfo, moment, type Moment } from "../../../platform/samples";
import { open } from "../test-page";

const started = moment("migration-started");
const migration = started.view.steps.find((one) => one.definition.id === "RunMigration");
const startedAt = Date.parse(migration?.startedAt ?? "");

/** Opens the running migration so many minutes after its start. */
function after(minutes: number, change: Partial<NonNullable<typeof migration>> = {}) {
  const steps = started.view.steps.map((one) => (one.definition.id === "RunMigration" ? { ...one, ...change } : one));
  const now = new Date(startedAt + minutes * 60_000).toISOString();
  const seen: Moment = { ...started, view: { ...started.view, steps } as Moment["view"] };
  return open(seen, {
    appInfo: () => ok(appInfo({ realm: started.view.realm, now })),
    stopScript: () => ok(null),
  });
}

describe("a migration that runs", () => {
  it("has its stop folded away until it is late", async () => {
    after(1);
    expect(await screen.findByTestId("if-script-hangs")).not.toHaveAttribute("open");
    expect(screen.getByTestId("if-script-hangs")).toContainElement(screen.getByTestId("stop-script"));
  });

  it("is stopped with the typed version and a note", async () => {
    const { platform, user, view } = after(60);
    await user.click(await screen.findByTestId("stop-script"));
    expect(screen.queryByTestId("if-script-hangs")).toBeNull();
    expect(await accessibilityFindings(screen.getByTestId("note-dialog"))).toEqual([]);
    expect(screen.getByTestId("note-dialog")).toHaveTextContent(/may be left half changed/);
    await user.type(screen.getByTestId("note-text"), "Susan agrees");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("stopScript")).toEqual([]);
    await user.type(screen.getByTestId("stop-script-version"), view.version);
    await user.click(screen.getByTestId("note-yes"));
    const { attempt } = migration ?? { attempt: 0 };
    const wanted = { step: "RunMigration", attempt, isForced: false, typed: view.version, note: "Susan agrees" };
    await waitFor(() => expect(platform.argsOf("stopScript")).toEqual([[view.id, wanted]]));
  });

  it.each([
    { seconds: 5, mayKill: false },
    { seconds: 15, mayKill: true },
  ])("may be killed $seconds s after the first order: $mayKill", async ({ seconds, mayKill }) => {
    const at = new Date(startedAt + 60 * 60_000 - seconds * 1000).toISOString();
    after(60, { stopOrder: { person: "Anna", note: "Susan agrees", isForced: false, at, firstAt: at } });
    expect(await screen.findByTestId("stop-ordered")).toHaveTextContent(/Anna, .*Susan agrees/);
    expect(screen.queryByTestId("kill-script") !== null).toBe(mayKill);
  });
});
