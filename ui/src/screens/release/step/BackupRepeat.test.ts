import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open, openButton, planned, planOf } from "../test-page";

const building = moment("migration-offered");
const plans = {
  ...planned(planOf("BackUp"), planOf("RunMigration")),
  startStep: () => ok(null),
};

describe("a backup that is done", () => {
  it("is repeated from its own step", async () => {
    const { platform, user } = open(building, plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    expect(screen.queryByTestId("step-button")).toBeNull();
    await user.click(await screen.findByTestId("repeat"));
    await user.click(await openButton());
    expect(platform.argsOf("startStep").map((args) => args.slice(1, 3))).toEqual([["BackUp", planOf("BackUp").hash]]);
  });

  it("is repeated from the migration when too old", async () => {
    const precondition = {
      id: "backupProved",
      passed: false,
      text: "The backup is fresh enough",
      detail: "130 min old",
    };
    const { platform, user } = open(building, {
      ...plans,
      ...planned(planOf("BackUp"), { ...planOf("RunMigration"), preconditions: [precondition] }),
    });
    await user.click(await screen.findByTestId("back-up-again"));
    await waitFor(() => expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "BackUp"));
    expect(await accessibilityFindings(screen.getByTestId("focus"))).toEqual([]);
    await user.click(await openButton());
    expect(platform.argsOf("startStep")).toHaveLength(1);
  });

  it("is not repeated by selecting another step", async () => {
    const { user } = open(building, plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    await user.click(await screen.findByTestId("repeat"));
    await openButton();
    await user.click(screen.getByTestId("step-DispatchBuild"));
    await user.click(screen.getByTestId("step-BackUp"));
    expect(await screen.findByTestId("repeat")).toBeVisible();
    expect(screen.queryByTestId("step-button")).toBeNull();
  });

  it("is kept after a person cancels the repeat", async () => {
    const { platform, user } = open(building, plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    await user.dblClick(await screen.findByTestId("repeat"));
    await openButton();
    await user.click(screen.getByTestId("repeat-not"));
    await waitFor(() => expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "RunMigration"));
    expect(platform.argsOf("startStep")).toEqual([]);
  });

  it("labels the times of a failed repeat", async () => {
    const { user } = open(moment("backup-repeat-failed"), plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    await waitFor(() =>
      expect(screen.getByTestId("focus")).toHaveTextContent(/Done, with something to know\s*last attempt/),
    );
    expect(screen.getByTestId("focus")).toHaveTextContent("It was not done again");
  });

  it("is confirmed by a person where no command proves it", async () => {
    const { platform, user } = open(moment("backup-found"), { finishedByHand: () => ok(null) });
    // The screen stays at the step that needs a person.
    await waitFor(() => expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "BackUp"));
    await user.click(await screen.findByTestId("confirm-backup"));
    expect(screen.getByTestId("note-dialog")).toHaveTextContent("rally-2026-11-16.dump, 4.0 GB");
    expect(await accessibilityFindings(screen.getByTestId("note-dialog"))).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "As large as last week");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("finishedByHand").map((args) => args.slice(1))).toEqual([
      ["BackUp", "As large as last week"],
    ]);
  });

  it("is requested again without a database version", async () => {
    const precondition = {
      id: "databaseSaidAtBackup",
      passed: false,
      text: "The database is the one",
      detail: "it did not say",
    };
    open(building, {
      ...plans,
      ...planned(planOf("BackUp"), { ...planOf("RunMigration"), preconditions: [precondition] }),
    });
    expect(await screen.findByTestId("back-up-again")).toBeInTheDocument();
  });

  it("is not repeated once the migration has started", async () => {
    const { user } = open(moment("migration-started"), plans);
    await user.click(await screen.findByTestId("step-BackUp"));
    expect(await screen.findByTestId("step-title")).toBeVisible();
    expect(screen.queryByTestId("repeat")).toBeNull();
  });
});
