import { screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import type { ReleasePlan } from "../../../generated/bindings";
import { accessibilityFindings } from "../../../platform/axe";
import { ok, refused } from "../../../platform/fake";
import type { Commands } from "../../../platform/platform";
import { moment, releasePlan } from "../../../platform/samples";
import { open, openButton, released } from "../test-page";
import { barOf, startOf, timeInWords, usualTime, wayBackInWords } from "./plan-words";

/** The button that opens the plan, once its panel is there. */
async function planButton(panel = "deploy-panel") {
  return within(await screen.findByTestId(panel)).getByTestId("see-plan");
}

/** Opens the plan of a prepared run. */
async function opened(plan: ReleasePlan = releasePlan("prepared"), scripted: Partial<Commands> = {}) {
  const page = open(moment(plan.isRollback ? "rollback-drafted" : "prepared"), {
    releasePlan: () => ok(plan),
    ...scripted,
  });
  await page.user.click(await planButton());
  const list = await screen.findByTestId("plan-page");
  await waitFor(() => expect(list).toHaveAttribute("data-ready", "true"));
  return { ...page, list, plan };
}

const row = (id: string) => screen.getByTestId(`plan-step-${id}`);

describe("the plan of a release", () => {
  it("opens before Deploy with every step once in order", async () => {
    const { platform, view, plan } = await opened();
    expect(platform.argsOf("releasePlan")).toEqual([[{ kind: "run", run: view.id }]]);
    const rows = screen.getAllByTestId(/^plan-step-/).map((one) => one.dataset["testid"]);
    expect(rows).toEqual(plan.steps.map(({ id }) => `plan-step-${id}`));
    expect(screen.getByTestId("plan-prepared")).toHaveTextContent(/^Done by /);
    expect(screen.getByText(/before Deploy/)).toBeInTheDocument();
  });

  it("opens for a version that is not drafted", async () => {
    const { platform, user } = open(released, {
      listRuns: () => ok([]),
      deriveNames: () => ok(released.view.names),
      releasePlan: () => ok(releasePlan("version")),
    });
    await user.type(await screen.findByTestId("version"), "2.1.0");
    await user.click(await openButton("see-plan"));
    expect(await screen.findByTestId("plan-step-RunMigration")).toBeInTheDocument();
    expect(platform.argsOf("releasePlan")).toEqual([[{ kind: "version", version: "2.1.0" }]]);
    expect(screen.queryByTestId("plan-prepared")).toBeNull();
    await user.click(screen.getByTestId("plan-back"));
    expect(screen.getByTestId("version")).toHaveValue("2.1.0");
    expect(platform.argsOf("draftRun")).toEqual([]);
  });

  it("opens before Prepare", async () => {
    const { user } = open(moment("drafted"), { releasePlan: () => ok(releasePlan("version")) });
    await user.click(await planButton("draft-panel"));
    expect(await screen.findByText(/before Prepare/)).toBeInTheDocument();
  });

  it("keeps the entries of the page before it", async () => {
    const { user } = open(moment("prepared"), { releasePlan: () => ok(releasePlan("prepared")) });
    await user.type(await screen.findByTestId("deploy-told"), "Support");
    await user.click(screen.getByTestId("see-plan"));
    expect(await screen.findByRole("heading", { name: "This is what will happen" })).toHaveFocus();
    expect(screen.getByTestId("start-deploy")).not.toBeVisible();
    await user.click(screen.getByTestId("plan-back"));
    expect(screen.queryByTestId("plan-page")).toBeNull();
    expect(screen.getByTestId("deploy-told")).toHaveValue("Support");
    expect(screen.getByTestId("see-plan")).toHaveFocus();
  });

  it("draws both lines before their step", async () => {
    await opened(releasePlan("version"));
    const items = screen.getAllByTestId(/^plan-(step-|stay$|no-return$)/).map((one) => one.dataset["testid"]);
    expect(items[items.indexOf("plan-stay") + 1]).toBe("plan-step-DispatchBuild");
    expect(items[items.indexOf("plan-no-return") + 1]).toBe("plan-step-RunMigration");
    expect(screen.getByTestId("plan-no-return")).toHaveTextContent("Wiki page 7. About 45 min, by Dana, 13.");
    expect(screen.getByTestId("plan-stay")).toHaveTextContent("14 to 17 min, and 3 steps whose time is not known");
  });

  it("says in words which value is not known yet", async () => {
    const { user } = await opened(releasePlan("version"));
    await user.click(screen.getByTestId("plan-details"));
    expect(row("RunMigration")).toHaveTextContent("asked at Deploy; 203.0.113.9 is proposed");
    expect(row("FollowBuild")).toHaveTextContent("known after the build is started");
    expect(within(row("AwaitRollout")).getByText("not known")).toBeInTheDocument();
    expect(screen.getByTestId("plan-told")).toHaveTextContent("Asked at the start of Deploy.");
  });

  it("shows the details of one step or of all", async () => {
    const { user } = await opened(releasePlan("version"));
    const toggle = (id: string) => within(row(id)).getByRole("button");
    await user.click(toggle("PushTag"));
    expect(toggle("PushTag")).toHaveAttribute("aria-expanded", "true");
    expect(toggle("BackUp")).toHaveAttribute("aria-expanded", "false");
    expect(row("PushTag")).toHaveTextContent("A published label is never moved.");
    await user.click(screen.getByTestId("plan-details"));
    expect(toggle("BackUp")).toHaveAttribute("aria-expanded", "true");
    expect(row("BackUp")).toHaveTextContent("Ops, 11");
    expect(toggle("PushTag")).toHaveAttribute("aria-expanded", "true");
  });

  it("shows the done steps with every value", async () => {
    const { user } = await opened();
    const fold = screen.getByTestId("plan-show-prepare");
    expect(fold).toHaveAttribute("aria-expanded", "false");
    expect(fold).toHaveTextContent(/^Show \d+ steps$/);
    await user.click(screen.getByTestId("plan-details"));
    expect(screen.getByTestId("plan-details")).toHaveAttribute("aria-expanded", "true");
    await waitFor(() => expect(fold).toHaveAttribute("aria-expanded", "true"));
  });

  it("names the people and when they are needed", async () => {
    await opened(releasePlan("version"));
    expect(screen.getByTestId("plan-needed")).toHaveTextContent(/Migrate database\s*after at least 16 to 19 min/);
    expect(screen.getByTestId("plan-needed")).not.toHaveTextContent("Build the package");
    expect(screen.getAllByTestId("plan-contact")[0]).toHaveTextContent(/Ops, 11.*Back up database, Migrate database/);
  });

  it("of a product without people says so", async () => {
    await opened({ ...releasePlan("version"), contacts: [] });
    expect(screen.getByTestId("plan-no-contact")).toHaveTextContent("name no person");
  });

  it("of a rollback has one step", async () => {
    await opened(releasePlan("rollback"));
    expect(screen.getAllByTestId(/^plan-step-/)).toHaveLength(1);
    expect(screen.getByText(/Rollback of .* before the rollback/)).toBeInTheDocument();
  });

  it("is saved to the file that the person names", async () => {
    const { platform, user, view } = await opened(releasePlan("prepared"), {
      chooseDocument: () => ok("/home/anna/plan.md"),
      savePlan: (_subject, path) => ok(path),
    });
    await user.click(screen.getByTestId("plan-save-open"));
    await user.click(screen.getByTestId("plan-choose"));
    await waitFor(() => expect(screen.getByTestId("plan-path")).toHaveValue("/home/anna/plan.md"));
    await user.click(screen.getByTestId("plan-save"));
    expect(await screen.findByTestId("plan-saved")).toHaveTextContent("/home/anna/plan.md");
    await user.click(screen.getByTestId("plan-save"));
    expect(screen.getByTestId("plan-saved")).toBeInTheDocument();
    expect(platform.argsOf("savePlan")).toEqual([[{ kind: "run", run: view.id }, "/home/anna/plan.md"]]);
  });

  it("shows why it was not saved", async () => {
    const { user } = await opened(releasePlan("prepared"), {
      savePlan: () => refused("badInput", "save the document"),
    });
    await user.click(screen.getByTestId("plan-save-open"));
    await user.click(screen.getByTestId("plan-save"));
    expect(await screen.findByTestId("plan-error")).toBeInTheDocument();
    expect(screen.queryByTestId("plan-saved")).toBeNull();
  });

  it("is printed, or says that it was not", async () => {
    const print = vi.fn<() => void>();
    vi.stubGlobal("print", print);
    const { user } = await opened();
    await user.click(screen.getByTestId("plan-print"));
    expect(print).toHaveBeenCalledTimes(1);
    print.mockImplementation(() => {
      throw new Error("refused");
    });
    await user.click(screen.getByTestId("plan-print"));
    expect(await screen.findByRole("alert")).toHaveTextContent("did not print");
    vi.unstubAllGlobals();
  });

  it("that cannot be made is asked for again", async () => {
    let fails = true;
    const { user } = open(moment("prepared"), {
      releasePlan: () => (fails ? refused("journalFailed", "read the record") : ok(releasePlan("prepared"))),
    });
    await user.click(await planButton());
    await screen.findByTestId("plan-failure");
    fails = false;
    await user.click(screen.getByTestId("plan-again"));
    expect(await screen.findByTestId("plan-step-BackUp")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "This is what will happen" })).toHaveFocus();
  });

  it("says why no file could be chosen", async () => {
    const { user } = await opened(releasePlan("prepared"), {
      chooseDocument: () => refused("badInput", "open the dialog"),
    });
    await user.click(screen.getByTestId("plan-save-open"));
    await user.click(screen.getByTestId("plan-choose"));
    expect(await screen.findByTestId("plan-error")).toBeInTheDocument();
  });

  it("has no accessibility violation", async () => {
    const { user, list } = await opened(releasePlan("version"));
    await user.click(screen.getByTestId("plan-details"));
    await user.click(screen.getByTestId("plan-save-open"));
    expect(await accessibilityFindings(list)).toEqual([]);
  });
});

describe("a sum of usual times", () => {
  it("is put in words without invented minutes", () => {
    expect(timeInWords({ low: 5, high: 5, untimed: 0 })).toBe("5 min");
    expect(timeInWords({ low: 5, high: 6, untimed: 1 })).toBe("5 to 6 min, and 1 step whose time is not known");
    expect(timeInWords({ low: 0, high: 0, untimed: 7 })).toBe("7 steps whose time is not known");
  });

  it("of steps without a usual time is not known", () => {
    expect(usualTime("Deploy usually takes", { low: 0, high: 0, untimed: 8 })).toBe("The usual time is not known.");
    expect(usualTime("Usually", { low: 5, high: 5, untimed: 0 })).toBe("Usually 5 min.");
  });

  it("leaves out a person who is not known", () => {
    const back = { kind: "irreversible", wayBack: "Wiki page 7", minutes: 45, who: "" } as const;
    expect(wayBackInWords(back)).toBe("Wiki page 7. About 45 min.");
    expect(wayBackInWords({ ...back, minutes: null })).toBe("Wiki page 7.");
    expect(wayBackInWords({ ...back, minutes: null, who: "Dana, 13" })).toBe("Wiki page 7. By Dana, 13.");
  });

  it("places the bar of a step", () => {
    const [step] = releasePlan("version").steps.filter(({ id }) => id === "FollowBuild");
    if (step === undefined) throw new Error("the plan has no build");
    expect(barOf(step, { low: 0, high: 24, untimed: 0 })).toEqual({ left: (100 * 7) / 24, width: 50 });
    expect(barOf(step, { low: 0, high: 0, untimed: 7 })).toBeNull();
    expect(startOf({ ...step, startsAfter: { low: 0, high: 0, untimed: 2 } })).toBe("time not known");
  });
});
