import { screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { Difference, Failure } from "../../generated/bindings";
import { ok } from "../../platform/fake";
import { moment } from "../../platform/samples";
import { open, openButton, planOf } from "./test-page";

describe("a world that moves while somebody reads", () => {
  const mainMoved: Difference = { id: "mainMoved:0a1b", text: "master moved: 1 commit by Bo" };
  const moved: Failure = {
    code: "planChanged",
    params: {},
    summary: "start Deploy: something changed since it was shown",
    causes: [],
    hints: [],
    changed: "nothing",
    retry: "safe",
  };

  it("shows the difference that refused Deploy", async () => {
    let differences: Difference[] = [];
    const { platform, user } = open(moment("prepared"), {
      deployDifferences: () => ok(differences),
      hostKeys: () => ok({ presented: [moment("prepared").view.profile.host.fingerprint], known: null }),
      startDeploy: () => Promise.resolve({ status: "error", error: moved }),
    });
    const start = await screen.findByTestId("start-deploy");
    await user.click(await screen.findByTestId("ask-fingerprint"));
    await user.type(screen.getByTestId("deploy-told"), "Support");
    await user.type(screen.getByTestId("deploy-version"), "2.1.0");
    await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "false"));
    differences = [mainMoved];
    await user.click(start);
    expect(await screen.findByTestId("difference-0")).not.toBeChecked();
    expect(start).toHaveAttribute("aria-disabled", "true");
    expect(platform.argsOf("deployDifferences")).toHaveLength(2);
  });

  it("asks again about another object with equal text", async () => {
    let differences = [mainMoved];
    const { user } = open(moment("prepared"), {
      deployDifferences: () => ok(differences),
      hostKeys: () => ok({ presented: [moment("prepared").view.profile.host.fingerprint], known: null }),
      startDeploy: () => Promise.resolve({ status: "error", error: moved }),
    });
    const start = await screen.findByTestId("start-deploy");
    await user.click(await screen.findByTestId("difference-0"));
    await user.click(screen.getByTestId("ask-fingerprint"));
    await user.type(screen.getByTestId("deploy-told"), "Support");
    await user.type(screen.getByTestId("deploy-version"), "2.1.0");
    await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "false"));
    differences = [{ ...mainMoved, id: "mainMoved:0c2d" }];
    await user.click(start);
    await waitFor(() => expect(screen.getByTestId("difference-0")).not.toBeChecked());
    expect(start).toHaveAttribute("aria-disabled", "true");
  });

  it("refreshes the changes while the panel is open", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 20 });
    try {
      let differences: Difference[] = [];
      const { platform } = open(moment("prepared"), { deployDifferences: () => ok(differences) });
      await screen.findByText(/are where Prepare left them/);
      differences = [mainMoved];
      await vi.advanceTimersByTimeAsync(70_000);
      expect(screen.getByTestId("difference-0")).not.toBeChecked();
      expect(screen.queryByText(/are where Prepare left them/)).toBeNull();
      expect(platform.argsOf("deployDifferences")).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it("waits for a plan slower than the poll interval", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 20 });
    try {
      const closed = {
        ...planOf("MergeBranch"),
        preconditions: [{ id: "main", passed: false, text: "The main branch stands still", detail: "" }],
      };
      const answers: (() => void)[] = [];
      const { platform } = open(moment("merge-offered"), {
        planStep: () =>
          answers.length === 0 && platform.argsOf("planStep").length === 1
            ? ok(closed)
            : new Promise((answer) => answers.push(() => answer({ status: "ok", data: planOf("MergeBranch") }))),
      });
      await screen.findByText("The main branch stands still");
      await vi.advanceTimersByTimeAsync(20_000);
      expect(platform.argsOf("planStep")).toHaveLength(2);
      answers[0]?.();
      await waitFor(() => expect(screen.queryByText("The main branch stands still")).toBeNull());
    } finally {
      vi.useRealTimers();
    }
  });

  it("renews a plan after a minute and confirms it", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 20 });
    try {
      const read = planOf("RunMigration");
      const aged = (detail: string) => [{ id: "backup", passed: true, text: "The backup is fresh", detail }];
      let made = { ...read, preconditions: aged("22 min old") };
      const { platform, view } = open(moment("migration-offered"), {
        planStep: () => ok(made),
        confirmStep: () => ok("token"),
        startStep: () => ok(null),
      });
      const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
      const button = await openButton();
      made = { ...made, preconditions: aged("23 min old") };
      await vi.advanceTimersByTimeAsync(30_000);
      expect(screen.getByText("22 min old")).toBeVisible();
      await vi.advanceTimersByTimeAsync(40_000);
      expect(screen.getByText("23 min old")).toBeVisible();

      await user.click(button);
      made = { ...made, hash: "another" };
      await vi.advanceTimersByTimeAsync(70_000);
      expect(platform.argsOf("planStep").length).toBeGreaterThanOrEqual(3);
      await user.click(screen.getByTestId("confirm-yes"));
      await waitFor(() => expect(platform.argsOf("confirmStep")).toEqual([[view.id, "RunMigration", read.hash]]));
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps a step that a person selected while a start was pending", async () => {
    let finish = () => {};
    const { user, platform } = open(moment("merge-offered"), {
      planStep: (_run, step) => ok(planOf(step)),
      startStep: () => new Promise((answer) => (finish = () => answer({ status: "ok", data: null }))),
    });
    await user.click(await openButton());
    await waitFor(() => expect(platform.argsOf("startStep")).toHaveLength(1));
    await user.click(screen.getByTestId("step-SetVersion"));
    expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "SetVersion");
    const reads = platform.argsOf("runUpdate").length;
    finish();
    await waitFor(() => expect(platform.argsOf("runUpdate").length).toBeGreaterThan(reads));
    await new Promise((over) => setTimeout(over));
    expect(screen.getByTestId("focus")).toHaveAttribute("data-step", "SetVersion");
  });

  it("lets a person accept a late failed check", async () => {
    open(moment("check-failed-late"));
    expect(await screen.findByTestId("accept-failed-check")).toBeInTheDocument();
  });
});
