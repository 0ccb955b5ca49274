import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import type { Observation } from "../../../generated/bindings";
import { ok } from "../../../platform/fake";
import type { Commands } from "../../../platform/platform";
import { appInfo, moment } from "../../../platform/samples";
import { open, openButton, planned, planOf } from "../test-page";

describe("a step that waits for its button", () => {
  it("runs exactly the plan that it shows", async () => {
    const plan = planOf("MergeBranch");
    const { platform, user, view } = open(moment("merge-offered"), {
      ...planned(plan),
      startStep: () => ok(null),
    });
    await user.click(await openButton());
    expect(screen.getByTestId("focus")).toHaveTextContent(plan.lede);
    await waitFor(() => expect(platform.argsOf("startStep")).toEqual([[view.id, "MergeBranch", plan.hash, null]]));
  });

  it("ignores the second half of a double click", async () => {
    // No time passes before the press, however slow the machine is.
    vi.useFakeTimers();
    try {
      const { platform } = open(moment("merge-offered"), {
        ...planned(planOf("MergeBranch")),
        startStep: () => ok(null),
      });
      await vi.advanceTimersByTimeAsync(0);
      expect(screen.getByTestId("focus")).toHaveAttribute("data-plan", "ready");
      await fireEvent.click(screen.getByTestId("step-button"));
      expect(platform.argsOf("startStep")).toEqual([]);
      await vi.advanceTimersByTimeAsync(1_000);
      await fireEvent.click(screen.getByTestId("step-button"));
      expect(platform.argsOf("startStep")).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("stays closed while a precondition does not hold", async () => {
    const precondition = {
      id: "backupProved",
      passed: false,
      text: "The backup is proved",
      detail: "no proved backup",
    };
    const { platform, user } = open(
      moment("migration-offered"),
      planned({ ...planOf("RunMigration"), preconditions: [precondition] }),
    );
    expect(await screen.findByTestId("precondition-backupProved")).toHaveAttribute("data-passed", "false");
    await waitFor(() =>
      expect(screen.getByTestId("focus")).toHaveTextContent("Not yet. This does not hold: The backup is proved."),
    );
    await user.click(screen.getByTestId("step-button"));
    expect(screen.queryByTestId("confirm-dialog")).toBeNull();
    expect(platform.argsOf("confirmStep")).toEqual([]);
  });

  it("announces the revoke before a word is taken", async () => {
    const { platform, user, view } = open(moment("migration-offered"), {
      ...planned(planOf("RunMigration")),
      finishedByHand: () => ok(null),
    });
    await openButton();
    await user.click(screen.getByTestId("by-hand-toggle"));
    await user.click(screen.getByTestId("finished-by-hand"));
    expect(screen.getByTestId("note-dialog")).toHaveTextContent("it never starts the migration itself");
    await user.type(screen.getByTestId("note-text"), "The database team ran it");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() =>
      expect(platform.argsOf("finishedByHand")).toEqual([[view.id, "RunMigration", "The database team ran it"]]),
    );
  });

  it("asks without a default and keeps the note", async () => {
    const question = {
      id: "stay",
      text: "Do you stay?",
      options: [{ id: "yes", label: "I stay", detail: "" }],
      needsNote: true,
    };
    const { platform, user, view } = open(moment("build-offered"), {
      ...planned({ ...planOf("DispatchBuild"), question }),
      answerQuestion: () => ok(null),
    });
    expect(await screen.findByTestId("choice-yes")).not.toBeChecked();
    expect(screen.getByTestId("step-button")).toHaveAttribute("aria-disabled", "true");
    await user.click(screen.getByTestId("choice-yes"));
    expect(screen.getByTestId("question-answer")).toHaveAttribute("aria-disabled", "true");
    await user.type(screen.getByTestId("question-note"), "until four");
    await user.click(await openButton("question-answer"));
    expect(platform.argsOf("answerQuestion")).toEqual([[view.id, "DispatchBuild", "stay", "yes", "until four"]]);
  });

  it("shows why a refused act was refused", async () => {
    const { user } = open(moment("merge-offered"), {
      ...planned(planOf("MergeBranch")),
      startStep: () =>
        Promise.resolve({
          status: "error",
          error: {
            code: "planChanged",
            params: {},
            summary: "run what was shown",
            causes: [],
            hints: [],
            changed: "nothing",
            retry: "safe",
          },
        }),
    });
    await user.click(await openButton());
    const failure = await screen.findByTestId("page-failure");
    expect(failure).toHaveAttribute("data-code", "planChanged");
    expect(failure).toHaveTextContent("Nothing was started.");
  });
});

describe("the migration", () => {
  const scripted: Partial<Commands> = {
    ...planned(planOf("RunMigration")),
    confirmStep: () => ok("token-1"),
    startStep: () => ok(null),
  };

  it("is confirmed for one plan with one token", async () => {
    const { platform, user, view } = open(moment("migration-offered"), scripted);
    await user.click(await openButton());
    const dialog = await screen.findByTestId("confirm-dialog");
    expect(within(dialog).getByTestId("confirm-no")).toHaveFocus();
    await user.click(within(dialog).getByTestId("confirm-yes"));
    const { hash } = planOf("RunMigration");
    await waitFor(() => expect(platform.argsOf("startStep")).toEqual([[view.id, "RunMigration", hash, "token-1"]]));
    expect(platform.argsOf("confirmStep")).toEqual([[view.id, "RunMigration", hash]]);
  });

  it("is not started by going back", async () => {
    const { platform, user } = open(moment("migration-offered"), scripted);
    await user.click(await openButton());
    await user.click(await screen.findByTestId("confirm-no"));
    expect(screen.queryByTestId("confirm-dialog")).toBeNull();
    expect(platform.argsOf("confirmStep")).toEqual([]);
  });

  it("asks for the version to be typed in production", async () => {
    const { events, view } = moment("migration-offered");
    const { platform, user } = open({ events, view: { ...view, realm: "production" } }, scripted);
    await user.click(await openButton());
    await user.click(await screen.findByTestId("confirm-yes"));
    expect(platform.argsOf("confirmStep")).toEqual([]);
    await user.type(screen.getByTestId("confirm-version"), " 2.1{Enter}");
    expect(platform.argsOf("confirmStep")).toEqual([]);
    await user.type(screen.getByTestId("confirm-version"), ".0 {Enter}");
    await waitFor(() => expect(platform.argsOf("startStep")).toHaveLength(1));
    expect(screen.getByTestId("band")).toHaveTextContent("PRODUCTION");
  });

  it("is the only step that asks for the version", async () => {
    const { events, view } = moment("push-offered");
    const { platform, user } = open(
      { events, view: { ...view, realm: "production" } },
      { ...planned(planOf("PushBranch")), confirmStep: () => ok("token-1"), startStep: () => ok(null) },
    );
    await user.click(await openButton());
    await screen.findByTestId("confirm-dialog");
    expect(screen.queryByTestId("confirm-version")).toBeNull();
    await user.click(screen.getByTestId("confirm-yes"));
    await waitFor(() => expect(platform.argsOf("startStep")).toHaveLength(1));
  });

  it("that another computer started can be followed", async () => {
    const plan = { ...planOf("RunMigration"), already: "a1 was started at 10:00 and runs.", follows: true };
    open(moment("migration-offered"), planned({ ...plan, button: "Follow the migration" }));
    expect(await openButton()).toHaveTextContent("Follow the migration");
    expect(screen.getByTestId("already")).toHaveTextContent("Pressing the button starts nothing");
    expect(screen.queryByText("Already done")).toBeNull();
  });

  it("of unknown outcome never gets a second start", async () => {
    const { platform, user, view } = open(moment("migration-in-doubt"), { settleDoubt: () => ok(null) });
    await user.click(await screen.findByRole("button", { name: "I looked: it did not, or not to its end" }));
    expect(screen.getByText(/it is not started again before somebody reports it undone/)).toBeVisible();
    await user.type(screen.getByTestId("note-text"), "half of the tables are there");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("settleDoubt")).toEqual([
      [view.id, "RunMigration", 1, false, "half of the tables are there"],
    ]);
  });

  it("offers no second start once it failed", async () => {
    open(moment("migration-failed"), { observeStep: () => ok({ kind: "notDone", evidence: "" }) });
    expect(await screen.findByTestId("failure")).toHaveAttribute("data-code", "scriptFailed");
    expect(screen.queryByTestId("try-again")).toBeNull();
    expect(screen.queryByTestId("step-button")).toBeNull();
    expect(screen.getByTestId("stop-here")).toBeVisible();
    expect(screen.getByTestId("person-finished-it")).toBeVisible();
  });

  it("shows the way back and not its command once it failed", async () => {
    const { user, view } = open(moment("migration-failed"));
    const recovery = await screen.findByTestId("recovery");
    expect(recovery).toHaveTextContent("Who to call");
    const backup = view.facts.findLast(({ fact }) => fact.kind === "backupProved")?.fact;
    expect(recovery).toHaveTextContent(backup?.kind === "backupProved" ? backup.file : "no backup");
    await user.click(screen.getByTestId("by-hand-toggle"));
    expect(screen.queryByTestId("by-hand")).toBeNull();
    expect(screen.getAllByTestId("recovery")).toHaveLength(2);
  });

  it.each([
    ["report-restored", "restored"],
    ["report-nothing-applied", "nothingApplied"],
  ])("that failed is reported as undone with a note: %s", async (button, how) => {
    const { platform, user, view } = open(moment("migration-failed"), { reportUndone: () => ok(null) });
    await user.click(await screen.findByTestId(button));
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("reportUndone")).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "the database team did it");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("reportUndone")).toEqual([[view.id, "RunMigration", 1, how, "the database team did it"]]);
  });

  it("shows both answers of the database when a report is refused", async () => {
    const params = { before: "41 db7", now: "42 db7" };
    const { user } = open(moment("migration-failed"), {
      reportUndone: () =>
        Promise.resolve({
          status: "error",
          error: {
            code: "databaseNotAsBefore",
            params,
            summary: "take your word",
            causes: [],
            hints: [],
            changed: "nothing",
            retry: "safe",
          },
        }),
    });
    await user.click(await screen.findByTestId("report-restored"));
    await user.type(screen.getByTestId("note-text"), "restored");
    await user.click(screen.getByTestId("note-yes"));
    expect(await screen.findByTestId("page-failure")).toHaveTextContent("41 db7 before, 42 db7 now");
  });

  it("that was undone is offered once more", async () => {
    open(moment("migration-undone"), planned(planOf("RunMigration")));
    expect(await openButton()).toHaveTextContent("Run the migration");
    expect(screen.queryByTestId("recovery")).toBeNull();
  });

  it("is left out with a note", async () => {
    const { platform, user, view } = open(moment("migration-offered"), {
      ...planned(planOf("RunMigration")),
      skipStep: () => ok(null),
    });
    await user.click(await screen.findByTestId("skip-step"));
    expect(screen.getByTestId("note-dialog")).toHaveTextContent("it never starts one");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("skipStep")).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "only texts changed");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("skipStep")).toEqual([[view.id, "RunMigration", "only texts changed"]]);
  });

  it("that was left out names the person and the reason", async () => {
    const { user } = open(moment("migration-left-out"));
    await user.click(await screen.findByTestId("step-RunMigration"));
    const person = moment("migration-left-out").events.at(-1)?.by.person ?? "nobody";
    expect(await screen.findByTestId("left-out")).toHaveTextContent(
      `${person}: this release has no migration. only texts changed`,
    );
    expect(screen.queryByTestId("skip-step")).toBeNull();
  });
});

describe("a step in doubt", () => {
  const inDoubt = moment("push-in-doubt");

  it("offers observing and reporting, but no start", async () => {
    const answer: Observation = { kind: "unknown", why: "GitHub does not answer" };
    const { platform, user, view } = open(inDoubt, { observeStep: () => ok(answer) });
    expect(await screen.findByTestId("doubt")).toHaveTextContent("the answer was lost");
    expect(screen.queryByTestId("step-button")).toBeNull();
    await user.click(screen.getByTestId("ask-again"));
    await waitFor(() => expect(screen.getByTestId("doubt")).toHaveTextContent("GitHub does not answer"));
    expect(platform.argsOf("observeStep")).toEqual([[view.id, "PushBranch"]]);
  });

  it("shows the request, its system and safe acts", async () => {
    const answer: Observation = { kind: "conflict", what: "another commit" };
    const { user } = open(inDoubt, { observeStep: () => ok(answer) });
    const doubt = await screen.findByTestId("doubt");
    expect(doubt).toHaveTextContent("We do not know yet whether this happened");
    expect(doubt).toHaveTextContent("GitHub, the main branch");
    expect(screen.getByTestId("doubt-safe")).toHaveTextContent("Asking changes nothing");
    await user.click(screen.getByTestId("ask-again"));
    await waitFor(() => expect(screen.getByTestId("doubt-answer")).toHaveTextContent("another commit"));
    expect(screen.getByTestId("doubt-safe")).toHaveTextContent("Do not start anything");
  });

  it("shows the answer to the app's own poll", async () => {
    const { platform, view } = open(inDoubt);
    await screen.findByTestId("doubt");
    const what: Observation = { kind: "unknown", why: "GitHub answers 503" };
    platform.emitLive({
      run: view.id,
      at: "2026-11-23T09:30:00.000Z",
      seen: { kind: "heard", step: "PushBranch", what },
    });
    await waitFor(() => expect(screen.getByTestId("doubt-answer")).toHaveTextContent("GitHub answers 503"));
  });

  it("is settled by a person only with a note", async () => {
    const { platform, user, view } = open(inDoubt, { settleDoubt: () => ok(null) });
    await user.click(await screen.findByTestId("did-not-happen"));
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("settleDoubt")).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "looked at GitHub");
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("settleDoubt")).toEqual([[view.id, "PushBranch", 1, false, "looked at GitHub"]]);
  });
});

describe("a build in doubt", () => {
  const inDoubt = moment("build-in-doubt");
  const question = {
    id: "build:1:2",
    text: "GitHub shows 2 builds of this commit. Which one does this release follow?",
    options: ["1", "2"].map((id) => ({ id, label: `GitHub run ${id}`, detail: "" })),
    needsNote: true,
  };

  it("offers the builds of GitHub, and no word that it happened", async () => {
    const { platform, user, view } = open(inDoubt, {
      ...planned({ ...planOf("DispatchBuild"), question }),
      answerQuestion: () => ok(null),
    });
    expect(screen.queryByTestId("did-happen")).toBeNull();
    await user.click(await screen.findByTestId("choice-2"));
    await user.type(screen.getByTestId("question-note"), "my name is beside it");
    await user.click(screen.getByTestId("question-answer"));
    expect(platform.argsOf("answerQuestion")).toEqual([
      [view.id, "DispatchBuild", question.id, "2", "my name is beside it"],
    ]);
    expect(screen.queryByTestId("step-button")).toBeNull();
  });
});

describe("a step that is under way", () => {
  it.each([
    { minutes: 1, isLate: false },
    { minutes: 60, isLate: true },
  ])("is late after twice its usual time: $minutes min", async ({ minutes, isLate }) => {
    const started = moment("migration-started");
    const step = started.view.steps.find((one) => one.definition.id === "RunMigration");
    const at = Date.parse(step?.startedAt ?? "");
    const now = new Date(at + minutes * 60_000).toISOString();
    open(started, { appInfo: () => ok(appInfo({ realm: started.view.realm, now })) });
    await screen.findByTestId("focus");
    if (isLate) expect(await screen.findByTestId("late")).toHaveTextContent("Usually it takes up to 4 min.");
    else expect(screen.queryByTestId("late")).toBeNull();
  });
});
