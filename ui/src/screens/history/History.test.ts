import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { Failure, LogLine, RunSummary } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo, moment, summaryOf, updateOf } from "../../platform/samples";
import History from "./History.svelte";

const released = moment("released");
const stopped = moment("stopped-after-a-failed-migration");
const records = [released, stopped];

const failure = (code: Failure["code"], problem = ""): Failure => ({
  code,
  params: problem === "" ? {} : { problem },
  summary: "do what was asked",
  causes: [],
  hints: [],
  changed: "nothing",
  retry: "safe",
});
const refused = (error: Failure) => Promise.resolve({ status: "error" as const, error });

const lines = (from: number, count: number): LogLine[] =>
  Array.from({ length: count }, (_, index) => ({
    number: from + index,
    at: null,
    label: "script",
    text: `line ${from + index}`,
  }));

function open(scripted: Partial<Commands> = {}, openRun: string | null = null) {
  const platform = fake({
    listRuns: () => ok(records.map(summaryOf)),
    runUpdate: (run, seq) => {
      const record = records.find(({ view }) => view.id === run);
      return ok(record === undefined ? null : updateOf(record, seq));
    },
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(History, { platform, info: appInfo(), openRun }) };
}

const detail = () => screen.findByTestId("history-detail");
const row = (id: string) => screen.findByTestId(`history-row-${id}`);

describe("the list", () => {
  it("lists the run of a newer app as unreadable", async () => {
    const [record] = records;
    if (record === undefined) throw new Error("no record");
    const newer: RunSummary = {
      ...summaryOf(record),
      realm: "production",
      result: null,
      readOnly: "Greenlight 9.9.9 can continue it.",
    };
    open({
      listRuns: () => ok([newer]),
      runUpdate: () =>
        Promise.resolve({
          status: "error",
          error: {
            code: "journalNewer",
            params: { version: "9.9.9" },
            summary: "read the record",
            causes: [],
            hints: [],
            changed: "nothing",
            retry: "no",
          },
        }),
    });
    expect(await row(record.view.id)).toHaveTextContent("Cannot be read here");
    expect(await row(record.view.id)).toHaveTextContent("Greenlight 9.9.9 can continue it.");
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "journalNewer");
    expect(screen.queryByTestId("history-detail")).toBeNull();
  });

  it("names every run with its result", async () => {
    open();
    expect(await row(released.view.id)).toHaveAttribute("data-result", "released");
    expect(await row(released.view.id)).toHaveTextContent(/Practice Rally 2\.1\.0.*Released.*Anna.*\d+ min/s);
    expect(await row(stopped.view.id)).toHaveTextContent(/Stopped.*at the step “Migrate database”/s);
  });

  it("says so when there is no run yet", async () => {
    open({ listRuns: () => ok([]) });
    expect(await screen.findByText(/No release yet/)).toBeVisible();
    expect(screen.queryByTestId("history-detail")).toBeNull();
  });

  it("shows the failure of an unreadable list", async () => {
    open({ listRuns: () => refused(failure("journalFailed")) });
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "journalFailed");
  });

  it("finds a run by result, version and person", async () => {
    const { user } = open();
    await row(released.view.id);
    const search = screen.getByTestId("history-search");
    for (const [words, found] of [
      ["stopped", [stopped.view.id]],
      ["2.1.0", [released.view.id, stopped.view.id]],
      ["ANNA", [released.view.id, stopped.view.id]],
      ["bert", []],
    ] as const) {
      await user.clear(search);
      await user.type(search, words);
      const rows = screen.queryAllByTestId(/^history-row-/).map((one) => one.dataset["testid"]);
      expect(rows).toEqual(found.map((id) => `history-row-${id}`));
    }
    expect(screen.getByText("No release fits “bert”.")).toBeVisible();
  });

  it("shows a run of the other window", async () => {
    const [record] = records;
    if (record === undefined) throw new Error("no record");
    const goesOn: RunSummary = {
      ...summaryOf(record),
      state: "deploying",
      result: null,
      endedAt: null,
      readOnly: "It goes on in the window of practice.",
    };
    open({ listRuns: () => ok([goesOn]) });
    expect(await row(record.view.id)).not.toHaveTextContent("Cannot be read here");
    expect(await detail()).toHaveAttribute("data-run", record.view.id);
  });

  it("is filtered by production and practice", async () => {
    const { user } = open();
    await row(released.view.id);
    await user.click(screen.getByTestId("history-filter-production"));
    expect(screen.queryAllByTestId(/^history-row-/)).toEqual([]);
    await user.click(screen.getByTestId("history-filter-practice"));
    expect(screen.queryAllByTestId(/^history-row-/)).toHaveLength(records.length);
    expect(screen.getByTestId("history-filter-practice")).toHaveAttribute("aria-pressed", "true");
    await user.click(screen.getByTestId("history-filter-all"));
    expect(screen.queryAllByTestId(/^history-row-/)).toHaveLength(records.length);
  });

  it("opens the newest or the requested run", async () => {
    const first = open();
    expect(await detail()).toHaveAttribute("data-run", released.view.id);
    first.unmount();
    open({}, stopped.view.id);
    expect(await detail()).toHaveAttribute("data-run", stopped.view.id);
  });

  it("opens another run by the keyboard", async () => {
    const { user } = open();
    await detail();
    (await row(stopped.view.id)).focus();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(screen.getByTestId("history-detail")).toHaveAttribute("data-run", stopped.view.id));
    expect(await row(stopped.view.id)).toHaveAttribute("aria-current", "true");
  });
});

describe("a run", () => {
  it("shows its result, duration and check answers", async () => {
    open();
    const article = within(await detail());
    expect(article.getByRole("heading", { level: 2 })).toHaveTextContent("Rally 2.1.0 was released");
    expect(article.getByText(/Deploy took \d+ min/)).toBeVisible();
    for (const id of ["sign-in", "study", "footer"]) {
      expect(article.getByTestId(`record-check-${id}`)).toHaveAttribute("data-answer", "passed");
      expect(article.getByTestId(`record-check-${id}`)).toHaveTextContent(/passed, Anna/);
    }
  });

  it("has a row with times for each step", async () => {
    open();
    const article = within(await detail());
    for (const step of released.view.steps) {
      expect(article.getByTestId(`record-${step.definition.id}`)).toHaveTextContent(/\d\d:\d\d:\d\d · \S+/);
    }
  });

  it("that was stopped shows step, reason and effects", async () => {
    open({}, stopped.view.id);
    const article = within(await detail());
    expect(article.getByRole("heading", { level: 2 })).toHaveTextContent("The release of Rally 2.1.0 was stopped");
    expect(article.getAllByText(/the migration failed/)[0]).toBeVisible();
    for (const line of stopped.view.leftBehind) expect(article.getByText(line)).toBeVisible();
    expect(article.getByTestId("record-failure-RunMigration")).toHaveAttribute("data-code", "scriptFailed");
    expect(article.getByTestId("record-CheckSite")).toHaveTextContent(/not started/);
  });

  it("shows an unfinished step as stopped", async () => {
    open({}, stopped.view.id);
    const step = within(await detail()).getByTestId("record-FollowBuild");
    expect(step).toHaveTextContent("not followed to its end");
    expect(step).not.toHaveTextContent(/under way/i);
  });

  it("keeps the question, answer and note of a step", async () => {
    open();
    const step = await within(await detail()).findByTestId("record-DispatchBuild");
    expect(step).toHaveTextContent(/Do you stay\?” Anna: stay, “as agreed”/);
  });

  it("keeps the label of a choice", async () => {
    const events = released.events.map((event) =>
      event.body.kind === "questionAnswered"
        ? { ...event, body: { ...event.body, label: "I stay until it is done" } }
        : event,
    );
    open({ runUpdate: () => ok({ view: released.view, events }) });
    const step = await within(await detail()).findByTestId("record-DispatchBuild");
    expect(step).toHaveTextContent(/Do you stay\?” Anna: I stay until it is done, “as agreed”/);
  });

  it("keeps the failure of a step finished by hand", async () => {
    const reported = moment("migration-reported-done");
    open({ runUpdate: (_run, seq) => ok(updateOf(reported, seq)) }, stopped.view.id);
    const step = await within(await detail()).findByTestId("record-RunMigration");
    expect(step).toHaveTextContent("the database team finished it");
    expect(within(step).getByTestId("record-failure-RunMigration")).toHaveAttribute("data-code", "scriptFailed");
  });

  it("that cannot be folded shows only its failure", async () => {
    const error = { ...failure("journalFailed"), causes: ["entry 5 cannot follow entry 3"] };
    open({ runUpdate: () => refused(error) });
    expect(await screen.findByTestId("broken-record")).toHaveTextContent("cannot follow entry 3");
    expect(screen.queryByTestId("history-detail")).toBeNull();
  });

  it("that becomes unreadable disappears from the screen", async () => {
    let isBroken = false;
    const { platform } = open({
      runUpdate: (_run, seq) => (isBroken ? refused(failure("journalFailed")) : ok(updateOf(released, seq))),
    });
    await detail();
    isBroken = true;
    platform.emitMoved({ run: released.view.id, seq: released.view.seq + 1 });
    expect(await screen.findByTestId("broken-record")).toBeVisible();
    expect(screen.queryByTestId("history-detail")).toBeNull();
  });

  it("that continues is read again on a hint", async () => {
    let known = moment("migration-failed");
    const { platform } = open({ runUpdate: (_run, seq) => ok(updateOf(known, seq)) }, stopped.view.id);
    expect(await screen.findByText("The release of Rally 2.1.0 is not finished")).toBeVisible();
    known = stopped;
    platform.emitMoved({ run: stopped.view.id, seq: stopped.view.seq });
    expect(await screen.findByText("The release of Rally 2.1.0 was stopped")).toBeVisible();
  });

  it("reads the output of its backup by page", async () => {
    const { user, platform } = open({
      outputCount: () => ok(2_003),
      outputLines: (_run, _source, from, count) => ok(lines(from, Math.min(count, 2_003 - from))),
    });
    const step = await within(await detail()).findByTestId<HTMLDetailsElement>("record-BackUp");
    expect(platform.argsOf("outputLines")).toEqual([]);
    step.open = true;
    const more = await within(step).findByRole("button", { name: "Show 3 more" });
    expect(within(step).getByTestId("output-BackUp")).toHaveTextContent(/line 0\b.*line 1999$/s);
    await user.click(more);
    await waitFor(() => expect(within(step).getByTestId("output-BackUp")).toHaveTextContent(/line 2002$/s));
    expect(platform.argsOf("outputLines").map(([, source, from]) => [source, from])).toEqual([
      ["backup", 0],
      ["backup", 2_000],
    ]);
  });

  it("shows the failure of its unreadable output", async () => {
    open({ outputCount: () => refused(failure("journalFailed")) });
    const step = await within(await detail()).findByTestId<HTMLDetailsElement>("record-RunMigration");
    step.open = true;
    expect(await within(step).findByTestId("output-failure-RunMigration")).toBeVisible();
  });
});

describe("the export", () => {
  it("writes to the proposed path and shows it", async () => {
    const { user, platform } = open({ saveMarkdown: () => ok("/home/anna/Rally-2.1.0-2026-11-23.md") });
    expect(await screen.findByTestId("record-path")).toHaveValue("~/Rally-2.1.0-2026-11-23.md");
    await user.click(screen.getByTestId("record-save"));
    expect(await screen.findByTestId("record-saved")).toHaveTextContent("/home/anna/Rally-2.1.0-2026-11-23.md");
    expect(platform.argsOf("saveMarkdown")).toEqual([[released.view.id, "~/Rally-2.1.0-2026-11-23.md"]]);
  });

  it("shows why a path was refused", async () => {
    const { user } = open({
      saveMarkdown: () => refused(failure("badInput", "A full path is needed, such as ~/Documents/release-2.1.0.md.")),
    });
    await user.clear(await screen.findByTestId("record-path"));
    await user.type(screen.getByTestId("record-path"), "notes.txt{Enter}");
    expect(await screen.findByTestId("record-error")).toHaveTextContent("A full path is needed");
    expect(screen.getByTestId("record-path")).toHaveAttribute("aria-invalid", "true");
    expect(screen.queryByTestId("record-saved")).toBeNull();
  });

  it("copies the document without calling it saved", async () => {
    const { user } = open({ exportMarkdown: () => ok("# Rally 2.1.0") });
    const write = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    await user.click(await screen.findByTestId("record-copy"));
    expect(await screen.findByTestId("record-copied")).toBeVisible();
    expect(write).toHaveBeenCalledWith("# Rally 2.1.0");
    expect(screen.queryByTestId("record-saved")).toBeNull();
  });

  it("says when the clipboard refuses the document", async () => {
    const { user } = open({ exportMarkdown: () => ok("# Rally 2.1.0") });
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"));
    await user.click(await screen.findByTestId("record-copy"));
    expect(await screen.findByTestId("record-error")).toHaveTextContent("clipboard");
  });
});

it.each(records.map((record) => [record.view.result, record]))(
  "the screen of a run that was %s has no accessibility findings, with every step unfolded",
  async (_result, record) => {
    const { container } = open({ outputCount: () => ok(0) }, record.view.id);
    await detail();
    for (const fold of container.querySelectorAll("details")) fold.open = true;
    expect(await accessibilityFindings(container)).toEqual([]);
  },
);
