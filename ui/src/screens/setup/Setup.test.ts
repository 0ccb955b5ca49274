import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type { SetupValue } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo } from "../../platform/samples";
import { groupsOf } from "./groups";

const cluster: SetupValue = {
  key: "aws.cluster",
  label: "ECS cluster",
  why: "The runbook names no cluster.",
  value: "",
  isList: false,
  confirmed: null,
};
const job: SetupValue = {
  ...cluster,
  key: "github.build_job",
  label: "Name of the job",
  value: "build",
  confirmed: { by: "Anna", at: "2026-11-23T13:00:00.000Z" },
};
const checks: SetupValue = {
  ...cluster,
  key: "site.checks",
  label: "What a person checks",
  value: "Log in",
  isList: true,
};

function open(scripted: Partial<Commands> = {}) {
  const platform = fake({
    listPlaces: () => ok({ shown: "production", all: ["production"] }),
    appInfo: () => ok(appInfo()),
    listRuns: () => ok([]),
    setupValues: () => ok([job, cluster, checks]),
    setupCandidates: () => ok([]),
    confirmValue: () => ok(null),
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(App, { platform, start: "setup" }) };
}

describe("the groups of Setup", () => {
  it("keep their order, and lose no value", () => {
    const odd = { ...cluster, key: "moon.phase" };
    expect(
      groupsOf([odd, checks, cluster, job]).map((group) => [group.id, group.values.map(({ key }) => key)]),
    ).toEqual([
      ["github", ["github.build_job"]],
      ["aws", ["aws.cluster"]],
      ["site", ["site.checks"]],
      ["restore", ["moon.phase"]],
    ]);
  });
});

describe("Setup", () => {
  it("shows each value with its source", async () => {
    const { container } = open();
    const row = await screen.findByTestId("value-github.build_job");
    expect(row).toHaveTextContent("build");
    expect(row).toHaveTextContent("Confirmed by Anna on 23 November 2026");
    expect(screen.getByTestId("value-site.checks")).toHaveTextContent("From the profile");
    expect(screen.getByTestId("value-aws.cluster")).toHaveTextContent("Not known yet");
    expect(screen.getByTestId("setup-summary")).toHaveTextContent("2 of 3 values are known.");
    expect(await accessibilityFindings(container)).toEqual([]);
  });

  it("keeps a corrected value, and opens the next missing one", async () => {
    const { platform, user } = open();
    await user.click(await screen.findByTestId("edit-github.build_job"));
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

  it("takes a value that was found", async () => {
    const { user } = open({ setupCandidates: () => ok([{ value: "release / build", detail: "a job of build 87" }]) });
    await user.click(await screen.findByTestId("edit-github.build_job"));
    await user.click(await screen.findByTestId("candidate-0"));
    expect(screen.getByTestId("typed-github.build_job")).toHaveValue("release / build");
  });

  it("keeps pasted lines as rows of a list", async () => {
    const { platform, user } = open();
    await user.click(await screen.findByTestId("edit-site.checks"));
    await user.click(screen.getByTestId("typed-site.checks"));
    await user.paste("\nOpen a study\nSend a mail");
    await user.click(screen.getByTestId("save-site.checks"));
    await waitFor(() => expect(platform.argsOf("confirmValue")).toHaveLength(1));
    expect(String(platform.argsOf("confirmValue")[0]?.[1]).split("\n")).toHaveLength(3);
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
