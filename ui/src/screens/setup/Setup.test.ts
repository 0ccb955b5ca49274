import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type { Candidate, SetupValue, ValueTest } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo } from "../../platform/samples";
import { groupsOf, pillOf, summaryOf } from "./groups";

const AT = "2026-11-23T13:00:00.000Z";
const test = (verdict: ValueTest["verdict"], sentence: string): ValueTest => ({ verdict, sentence, at: AT });
const cluster: SetupValue = {
  key: "aws.cluster",
  group: "aws",
  label: "ECS cluster",
  why: "The runbook names no cluster.",
  value: "",
  isList: false,
  isNeeded: true,
  isEditable: true,
  hasTest: true,
  confirmed: null,
  test: null,
};
const account: SetupValue = {
  ...cluster,
  key: "aws.account",
  label: "Account",
  value: "676917001797",
  isEditable: false,
};
const job: SetupValue = {
  ...cluster,
  key: "github.build_job",
  group: "code",
  label: "Name of the job",
  value: "build",
  confirmed: { by: "Anna", at: AT },
  test: test("right", "In the last build (87)"),
};
const checks: SetupValue = {
  ...cluster,
  key: "site.checks",
  group: "site",
  label: "What a person checks",
  value: "Log in",
  isList: true,
  hasTest: false,
};
const probe: SetupValue = { ...cluster, key: "migration.probe", group: "database", label: "Probe", isNeeded: false };

const service = (value: string, isRecommended: boolean): Candidate => ({
  value,
  detail: "2 of 2 servers",
  isRecommended,
});

function open(scripted: Partial<Commands> = {}, values: SetupValue[] = [job, account, cluster, checks, probe]) {
  const platform = fake({
    listPlaces: () => ok({ shown: "production", all: ["production"] }),
    appInfo: () => ok(appInfo()),
    listRuns: () => ok([]),
    setupValues: () => ok(values),
    setupCandidates: () => ok({ source: "", found: [] }),
    confirmValue: () => ok(null),
    testSetup: () => ok(values),
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(App, { platform, start: "setup" }) };
}

describe("the groups of Setup", () => {
  it("keep their order", () => {
    expect(groupsOf([probe, checks, cluster, job]).map((group) => group.id)).toEqual([
      "code",
      "aws",
      "database",
      "site",
    ]);
  });

  it("name the worst state of their values", () => {
    const wrong = { ...job, test: test("wrong", "The last build (87) has no such job") };
    expect(pillOf([job, cluster, wrong])).toEqual({ kind: "missing", text: "1 to choose" });
    expect(pillOf([job, wrong])).toEqual({ kind: "wrong", text: "1 not right" });
    expect(pillOf([job, account])).toEqual({ kind: "right", text: "1 tested" });
    expect(pillOf([account, probe])).toEqual({ kind: "untested", text: "Not tested" });
  });

  it("count the needed values, and those that are tested", () => {
    expect(summaryOf([job, cluster, probe])).toBe("1 of 2 needed values are known. 1 are tested and right.");
    expect(summaryOf([account, probe])).toBe("All 1 needed values are known. None is tested yet.");
  });
});

describe("Setup", () => {
  it("unfolds a group that needs a person, and folds the others", async () => {
    const { container, user } = open();
    expect(await screen.findByTestId("value-aws.cluster")).toHaveTextContent("Not known yet");
    expect(screen.queryByTestId("value-github.build_job")).toBeNull();
    expect(screen.getByTestId("setup-summary")).toHaveTextContent("3 of 4 needed values are known.");
    await user.click(screen.getByTestId("fold-code"));
    const row = await screen.findByTestId("value-github.build_job");
    expect(row).toHaveTextContent("by Anna, 23 Nov");
    expect(row).toHaveTextContent("In the last build (87)");
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.click(screen.getByTestId("fold-site"));
    expect(screen.getByTestId("value-site.checks")).toHaveTextContent("Cannot be tested");
    await user.click(screen.getByTestId("fold-aws"));
    expect(screen.queryByTestId("value-aws.cluster")).toBeNull();
  });

  it("offers no edit of a value that decides which production it is for", async () => {
    open();
    expect(await screen.findByTestId("value-aws.account")).toHaveTextContent("Fixed");
    expect(screen.queryByTestId("edit-aws.account")).toBeNull();
  });

  it("proposes the recommended value, and keeps the chosen one", async () => {
    const found = [service("web", true), service("worker", false)];
    const { container, platform, user } = open({ setupCandidates: () => ok({ source: "AWS", found }) });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    expect(await screen.findByTestId("candidate-0")).toBeChecked();
    expect(screen.getByTestId("value-aws.cluster")).toHaveTextContent("2 read from AWS, just now.");
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.click(screen.getByTestId("candidate-1"));
    expect(screen.getByTestId("save-aws.cluster")).toHaveTextContent("Use worker");
    await user.click(screen.getByTestId("save-aws.cluster"));
    await waitFor(() => expect(platform.argsOf("confirmValue")).toEqual([["aws.cluster", "worker"]]));
    await waitFor(() => expect(platform.argsOf("testSetup")).toEqual([["aws"]]));
  });

  it("lets a person type a value that is not in the list", async () => {
    const found = [service("web", true)];
    const { platform, user } = open({ setupCandidates: () => ok({ source: "AWS", found }) });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    await user.click(await screen.findByTestId("type-aws.cluster"));
    await user.clear(screen.getByTestId("typed-aws.cluster"));
    await user.type(screen.getByTestId("typed-aws.cluster"), " blue ");
    await user.click(screen.getByTestId("save-aws.cluster"));
    await waitFor(() => expect(platform.argsOf("confirmValue")).toEqual([["aws.cluster", "blue"]]));
  });

  it("keeps a corrected value, and opens the next missing one", async () => {
    const { platform, user } = open();
    await user.click(await screen.findByTestId("fold-code"));
    await user.click(screen.getByTestId("edit-github.build_job"));
    const field = await screen.findByTestId("typed-github.build_job");
    expect(field).toHaveValue("build");
    await user.click(screen.getByTestId("save-github.build_job"));
    expect(platform.argsOf("confirmValue")).toEqual([]);
    await user.clear(field);
    await user.type(field, " package ");
    await user.click(screen.getByTestId("save-github.build_job"));
    await waitFor(() => expect(platform.argsOf("confirmValue")).toEqual([["github.build_job", "package"]]));
    expect(await screen.findByTestId("typed-aws.cluster")).toBeVisible();
  });

  it("removes a value that a release does not need", async () => {
    const { platform, user } = open({}, [{ ...probe, value: "psql" }]);
    await user.click(await screen.findByTestId("fold-database"));
    await user.click(screen.getByTestId("edit-migration.probe"));
    await user.clear(await screen.findByTestId("typed-migration.probe"));
    await user.click(screen.getByTestId("save-migration.probe"));
    await waitFor(() => expect(platform.argsOf("confirmValue")).toEqual([["migration.probe", ""]]));
  });

  it("makes a row of each pasted line", async () => {
    const { platform, user, container } = open();
    await user.click(await screen.findByTestId("fold-site"));
    await user.click(screen.getByTestId("edit-site.checks"));
    await user.click(await screen.findByTestId("add-site.checks"));
    await user.click(screen.getByTestId("typed-site.checks-1"));
    await user.paste("Open a study\r\n\nSend a mail");
    expect(screen.getByTestId("typed-site.checks-2")).toHaveValue("Send a mail");
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.click(screen.getByTestId("remove-site.checks-0"));
    await user.click(screen.getByTestId("save-site.checks"));
    await waitFor(() =>
      expect(platform.argsOf("confirmValue")).toEqual([["site.checks", "Open a study\nSend a mail"]]),
    );
  });

  it("tests every group at once, and shows each result", async () => {
    const wrong = { ...account, test: test("wrong", "The sign-in is for account 1") };
    const { platform, user } = open({ testSetup: () => ok([job, wrong, cluster, checks, probe]) });
    await user.click(await screen.findByTestId("test-all"));
    expect(await screen.findByText("The sign-in is for account 1")).toBeVisible();
    expect(platform.argsOf("testSetup").map(([group]) => group)).toEqual(["code", "aws", "database", "site"]);
  });

  it("says what is wrong with a value, and keeps the form open", async () => {
    const error = {
      code: "badInput",
      params: { problem: "Expected a name of letters." },
      summary: "use this value",
      causes: [],
      hints: [],
      changed: "nothing",
      retry: "safe",
    } as const;
    const { user } = open({
      confirmValue: () => Promise.resolve({ status: "error", error: { ...error, causes: [], hints: [] } }),
    });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    await user.type(await screen.findByTestId("typed-aws.cluster"), "a b");
    await user.click(screen.getByTestId("save-aws.cluster"));
    const row = screen.getByTestId("value-aws.cluster");
    expect(await within(row).findByText(/Expected a name of letters\./)).toBeVisible();
  });

  it("is where a new release sends a person for missing values", async () => {
    const { user } = open({
      appInfo: () => ok(appInfo({ unconfirmed: [{ key: "aws.cluster", label: "ECS cluster", why: "" }] })),
    });
    await user.click(await screen.findByTestId("nav-release"));
    expect(await screen.findByTestId("unconfirmed")).toHaveTextContent("1 value is not known yet");
    await user.click(screen.getByTestId("open-setup"));
    expect(await screen.findByTestId("setup-summary")).toBeVisible();
  });
});
