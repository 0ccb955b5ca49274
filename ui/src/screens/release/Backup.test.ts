import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Event, Profile } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { ok } from "../../platform/fake";
import { newest } from "../../run/focus";
import { offered, open, openButton, planOf, released, followedBy, upTo } from "./stage";

const building = offered("RunMigration");
const plans = {
  planBackUp: () => ok(planOf("BackUp")),
  planRunMigration: () => ok(planOf("RunMigration")),
  runBackUp: () => ok(null),
};

describe("a backup that is done", () => {
  it("is taken again from its own step, after its plan was shown", async () => {
    const { platform, user } = open(building, plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    expect(screen.queryByTestId("step-button")).toBeNull();
    await user.click(await screen.findByTestId("repeat"));
    await user.click(await openButton());
    expect(platform.argsOf("runBackUp").map((args) => args[1])).toEqual([planOf("BackUp").hash]);
  });

  it("is taken again from the migration that waits for it because it is too old", async () => {
    const gate = { id: "backupProved", passed: false, text: "The backup is fresh enough", detail: "130 min old" };
    const { platform, user } = open(building, {
      ...plans,
      planRunMigration: () => ok({ ...planOf("RunMigration"), gates: [gate] }),
    });
    await user.click(await screen.findByTestId("back-up-again"));
    await waitFor(() => expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "BackUp"));
    expect(await accessibilityFindings(screen.getByTestId("focus"))).toEqual([]);
    await user.click(await openButton());
    expect(platform.argsOf("runBackUp")).toHaveLength(1);
  });

  it("is not taken again by looking at another step", async () => {
    const { user } = open(building, plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    await user.click(await screen.findByTestId("repeat"));
    await openButton();
    await user.click(screen.getByTestId("step-DispatchBuild"));
    await user.click(screen.getByTestId("step-BackUp"));
    expect(await screen.findByTestId("repeat")).toBeVisible();
    expect(screen.queryByTestId("step-button")).toBeNull();
  });

  it("is not taken again once the migration has started", async () => {
    const { user } = open(
      upTo(released.events, (body) => body.kind === "stepStarted" && body.step === "RunMigration"),
      plans,
    );
    await user.click(await screen.findByTestId("step-BackUp"));
    expect(await screen.findByTestId("step-title")).toBeVisible();
    expect(screen.queryByTestId("repeat")).toBeNull();
  });
});

describe("a backup that nobody can prove", () => {
  /** The same release on a profile that does not name the folder of its backups. */
  function unproved(): Event[] {
    const blind = (profile: Profile) => ({ ...profile, backup: { ...profile.backup, artifactDirectory: "" } });
    const started = upTo(released.events, (body) => body.kind === "stepStarted" && body.step === "BackUp");
    const events = started.map((event) =>
      event.body.kind === "runDrafted"
        ? { ...event, body: { ...event.body, profile: blind(event.body.profile) } }
        : event,
    );
    return followedBy(events, {
      kind: "stepWarned",
      step: "BackUp",
      attempt: 1,
      evidence: ["The backup script finished without error."],
      warning: "Nobody has proved this backup yet: look at the file and write down its name and size.",
    });
  }

  it("rests on the word of a person who saw the file, with its name and size", async () => {
    const { platform, user, view } = open(unproved(), { ...plans, finishedByHand: () => ok(null) });
    expect(newest(view, "backupProved")).toBeUndefined();
    await user.click(await screen.findByTestId("step-BackUp"));
    await user.click(await screen.findByTestId("saw-file"));
    await user.type(screen.getByTestId("note-text"), "prod-0912.dump, 4.1 GB, 09:12");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() =>
      expect(platform.argsOf("finishedByHand")).toEqual([[view.id, "BackUp", "prod-0912.dump, 4.1 GB, 09:12"]]),
    );
  });
});
