import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type { Candidate, SetupValue, ValueTest } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok, refused } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo } from "../../platform/samples";
import { groupsOf, isTested, pillOf, summaryOf } from "./groups";

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
    expect(pillOf([job, checks])).toEqual({ kind: "right", text: "1 tested" });
    expect(pillOf([job, account])).toEqual({ kind: "partly", text: "1 of 2 tested" });
    expect(pillOf([account, probe])).toEqual({ kind: "untested", text: "Not tested" });
  });

  it("are green only when every test is right", () => {
    const unchecked = { ...account, test: test("notChecked", "No label follows it yet") };
    expect(pillOf([job, unchecked])).toEqual({ kind: "partly", text: "1 of 2 tested" });
    expect(isTested([job, unchecked])).toBe(true);
    expect(isTested([job, account])).toBe(false);
    expect(isTested([checks])).toBe(false);
  });

  it("count the people who are named", () => {
    const person = (value: string): SetupValue => ({
      ...checks,
      key: "who_to_call.aws",
      group: "people",
      value,
      isNeeded: false,
    });
    expect(pillOf([person("")])).toEqual({ kind: "untested", text: "No person named" });
    expect(pillOf([person("Ada"), person("")])).toEqual({ kind: "untested", text: "1 named" });
  });

  it("count the needed values, and those that are tested", () => {
    expect(summaryOf([job, cluster, probe])).toBe("1 of 2 needed values is known. 1 is tested and right.");
    expect(summaryOf([account, probe])).toBe("The needed value is known. None is tested yet.");
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

  it("shows two proposals with one value", async () => {
    const found = [service("web", true), service("web", false)];
    const { user } = open({ setupCandidates: () => ok({ source: "AWS", found }) });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    expect(await screen.findByTestId("candidate-1")).toBeVisible();
  });

  it("keeps the field of a person who types before the list arrives", async () => {
    let answer: (() => void) | undefined;
    const listed = { source: "AWS", found: [service("web", true)] };
    const { user } = open({
      setupCandidates: () => new Promise((resolve) => (answer = () => resolve({ status: "ok", data: listed }))),
    });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    await waitFor(() => expect(screen.getByTestId("typed-aws.cluster")).toHaveFocus());
    await user.keyboard("red");
    answer?.();
    await screen.findByTestId("type-aws.cluster");
    await user.keyboard("dish");
    expect(screen.getByTestId("typed-aws.cluster")).toHaveValue("reddish");
    expect(screen.queryByTestId("candidates")).toBeNull();
  });

  it("keeps the list until it is read again, and the emptied field", async () => {
    const answers: (() => void)[] = [];
    const listed = { source: "AWS", found: [service("web", true)] };
    const { user } = open(
      {
        setupCandidates: () => new Promise((resolve) => answers.push(() => resolve({ status: "ok", data: listed }))),
      },
      [{ ...cluster, isNeeded: false, value: "web" }],
    );
    await user.click(await screen.findByTestId("fold-aws"));
    await user.click(screen.getByTestId("edit-aws.cluster"));
    answers[0]?.();
    await waitFor(() => expect(screen.getByTestId("candidate-0")).toHaveFocus());
    await user.click(screen.getByTestId("again-aws.cluster"));
    expect(screen.getByTestId("candidates")).toBeVisible();
    await user.click(screen.getByTestId("type-aws.cluster"));
    await user.clear(screen.getByTestId("typed-aws.cluster"));
    answers[1]?.();
    await waitFor(() => expect(screen.getByTestId("again-aws.cluster")).toHaveAttribute("aria-disabled", "false"));
    expect(screen.getByTestId("typed-aws.cluster")).toHaveValue("");
  });

  it("says why nothing is proposed", async () => {
    const folder = { ...probe, key: "backup.artifact_directory", isNeeded: true };
    const { user } = open({}, [cluster, folder, { ...probe, isNeeded: true }]);
    const proposals = async (key: string) => {
      await user.click(await screen.findByTestId(`edit-${key}`));
      return screen.findByTestId(`proposals-${key}`);
    };
    await waitFor(async () =>
      expect(await proposals("migration.probe")).toHaveTextContent("No system lists this value: type it."),
    );
    await waitFor(async () =>
      expect(await proposals("backup.artifact_directory")).toHaveTextContent("once its fingerprint is known"),
    );
  });

  it("gives the focus back to the button of a closed form", async () => {
    const { user } = open({}, [{ ...probe, value: "psql" }]);
    await user.click(await screen.findByTestId("fold-database"));
    await user.click(screen.getByTestId("edit-migration.probe"));
    expect(screen.getByTestId("typed-migration.probe")).toHaveFocus();
    await user.click(screen.getByTestId("close-migration.probe"));
    await waitFor(() => expect(screen.getByTestId("edit-migration.probe")).toHaveFocus());
    await user.click(screen.getByTestId("edit-migration.probe"));
    await user.type(screen.getByTestId("typed-migration.probe"), "2{Enter}");
    await waitFor(() => expect(screen.getByTestId("edit-migration.probe")).toHaveFocus());
  });

  it("keeps a value once at a double press", async () => {
    let keep: (() => void) | undefined;
    const { platform, user } = open({
      confirmValue: () => new Promise((resolve) => (keep = () => resolve({ status: "ok", data: null }))),
    });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    await user.type(screen.getByTestId("typed-aws.cluster"), "web");
    await user.dblClick(screen.getByTestId("save-aws.cluster"));
    keep?.();
    await waitFor(() => expect(platform.argsOf("testSetup")).toEqual([["aws"]]));
    expect(platform.argsOf("confirmValue")).toHaveLength(1);
  });

  it("tests a group once more after a value was kept during its test", async () => {
    const answers: (() => void)[] = [];
    const values = [job, account, cluster, checks, probe];
    const { platform, user } = open({
      testSetup: () => new Promise((resolve) => answers.push(() => resolve({ status: "ok", data: values }))),
    });
    await user.click(await screen.findByTestId("test-all"));
    await user.click(screen.getByTestId("edit-aws.cluster"));
    await user.type(screen.getByTestId("typed-aws.cluster"), "web{Enter}");
    await waitFor(() => expect(platform.argsOf("setupValues")).toHaveLength(2));
    answers.splice(0).forEach((answer) => answer());
    await waitFor(() => expect(platform.argsOf("testSetup").map(([group]) => group)).toHaveLength(5));
    expect(platform.argsOf("testSetup").at(-1)).toEqual(["aws"]);
    expect(screen.getByTestId("group-aws")).toHaveAttribute("data-tested", "false");
  });

  it("tests the database too after a value of the machine", async () => {
    const address = { ...cluster, key: "host.address", group: "machine", label: "Address" } as const;
    const { platform, user } = open({}, [address, { ...probe, value: "psql" }]);
    await user.click(await screen.findByTestId("edit-host.address"));
    await user.type(screen.getByTestId("typed-host.address"), "10.0.0.1{Enter}");
    await waitFor(() => expect(platform.argsOf("testSetup")).toEqual([["machine"], ["database"]]));
  });

  it("asks again after the values could not be read", async () => {
    let fails = true;
    const { user } = open({
      setupValues: () => (fails ? refused("journalFailed", "read the values") : ok([cluster])),
    });
    await screen.findByTestId("setup-failure");
    expect(screen.getByTestId("test-all")).toHaveAttribute("aria-disabled", "true");
    fails = false;
    await user.click(screen.getByTestId("setup-again"));
    expect(await screen.findByTestId("value-aws.cluster")).toBeVisible();
    await waitFor(() => expect(screen.getByTestId("test-all")).toHaveFocus());
  });

  it("closes an open form when another setup is used, and tests everything", async () => {
    const { platform, user } = open({
      readProfileFile: () =>
        ok({
          path: "/home/anna/other.toml",
          hash: "ab12",
          product: "Other",
          environmentName: "Production",
          servers: [],
          account: "123456789012",
          region: "eu-west-1",
          isSameProduct: false,
          differences: [],
          signInAnew: [],
        }),
      useProfileFile: () => ok(null),
    });
    await user.click(await screen.findByTestId("edit-aws.cluster"));
    await user.type(screen.getByTestId("typed-aws.cluster"), "old");
    await user.click(screen.getByTestId("profile-import"));
    await user.type(screen.getByTestId("profile-path"), "/home/anna/other.toml{Enter}");
    await user.click(await screen.findByTestId("profile-use"));
    await waitFor(() => expect(screen.queryByTestId("typed-aws.cluster")).toBeNull());
    await waitFor(() =>
      expect(platform.argsOf("testSetup").map(([group]) => group)).toEqual(["code", "aws", "database", "site"]),
    );
    await waitFor(() => expect(screen.getByTestId("edit-aws.cluster")).toBeVisible());
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
