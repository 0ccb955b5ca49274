import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok, refused } from "../../../platform/fake";
import { moment, readiness } from "../../../platform/samples";
import { open } from "../test-page";
import { findingsOf, groupsOf, summaryOf, whyClosed } from "./readiness";

const drafted = moment("drafted");
const prepared = moment("prepared");
const blocked = {
  check: "buildJob",
  group: "code",
  state: "blocked",
  sentence: "The last build (87) has no job “build”. It has: package",
  meaning: "The app could not tell when the package is built.",
  repair: { kind: "value", key: "github.build_job" },
} as const;
const choose = { check: "site", state: "choose", sentence: "The site answers with an error (503)" } as const;
const later = {
  check: "breaker",
  state: "later",
  sentence: "AWS gives up after 3 failed starts, about 2 min",
} as const;
const unknown = { check: "logGroup", state: "unknown", sentence: "This check has no answer" } as const;

describe("what keeps Start closed", () => {
  it.each([
    [null, "", "The app is still checking whether everything is ready."],
    [readiness({}), "", undefined],
    [readiness({}, later, unknown), "", undefined],
    [readiness({}, blocked), "known", "1 check says that the release would fail."],
    [readiness(blocked, { ...blocked, check: "workflow" }), "", "2 checks say that the release would fail."],
    [readiness(choose), "", "Write why you start all the same."],
    [readiness(choose), " ", "Write why you start all the same."],
    [readiness(choose), "known", undefined],
  ])("%#", (found, reason, why) => {
    expect(whyClosed(found, reason)).toBe(why);
  });
});

describe("the rows of a look", () => {
  it("are in groups of one order, the most serious first", () => {
    const groups = groupsOf(readiness({}, unknown, { ...blocked, group: "production" }, choose, later, blocked));
    expect(groups.map((group) => group.id)).toEqual(["code", "production"]);
    expect(groups[1]?.open.map((row) => row.state)).toEqual(["blocked", "choose", "unknown"]);
    expect(groups[1]?.later).toHaveLength(1);
  });

  it("are counted in one sentence", () => {
    expect(summaryOf(readiness({}, later))).toBe("Nothing is in the way: 2 checks.");
    expect(summaryOf(readiness({}, choose))).toBe("1 of 2 checks are fine; 1 row needs you.");
    expect(summaryOf(readiness({}, later, unknown))).toBe("2 of 3 checks are fine; 1 is not known.");
    expect(summaryOf(readiness({}, choose, blocked))).toBe("1 of 3 checks are fine; 2 rows need you.");
  });

  it("need a reason only for a decision", () => {
    expect(findingsOf(readiness({}, choose, later, unknown, blocked))).toEqual([choose.sentence]);
  });
});

describe("before Prepare", () => {
  it("Start is open when nothing is in the way", async () => {
    const { platform, user, view } = open(drafted, { startPrepare: () => ok(null) });
    expect(await screen.findByTestId("readiness-summary")).toHaveTextContent("Nothing is in the way: 1 check.");
    await user.click(screen.getByTestId("testing-finished"));
    await user.click(screen.getByTestId("start-prepare"));
    expect(platform.argsOf("startPrepare")).toEqual([[view.id, "Testing of 2.1.0 is finished"]]);
    expect(platform.argsOf("acceptFindings")).toEqual([]);
  });

  it("a blocking row keeps Start closed, and its value can be corrected", async () => {
    const { platform, user } = open(drafted, {
      readiness: () => ok(readiness(blocked)),
      runValues: () => ok([{ key: "github.build_job", label: "Job that builds", value: "build" }]),
    });
    const row = await screen.findByTestId("check-buildJob");
    expect(row).toHaveTextContent("has no job “build”");
    await user.click(screen.getByTestId("testing-finished"));
    await user.click(screen.getByTestId("start-prepare"));
    expect(platform.argsOf("startPrepare")).toEqual([]);
    await user.click(screen.getByTestId("repair-buildJob"));
    expect(await screen.findByTestId("correct-dialog")).toBeVisible();
  });

  it("a decision needs a reason, which is kept before the start", async () => {
    const { platform, user, view } = open(drafted, {
      readiness: () => ok(readiness(choose)),
      acceptFindings: () => ok(null),
      startPrepare: () => ok(null),
    });
    await user.click(await screen.findByTestId("testing-finished"));
    await screen.findByTestId("check-site");
    await user.click(screen.getByTestId("start-prepare"));
    expect(platform.argsOf("acceptFindings")).toEqual([]);
    await user.type(screen.getByTestId("readiness-reason"), "the site is being moved");
    await user.click(screen.getByTestId("start-prepare"));
    await waitFor(() => expect(platform.argsOf("startPrepare")).toHaveLength(1));
    expect(platform.argsOf("acceptFindings")).toEqual([[view.id, [choose.sentence], "the site is being moved"]]);
  });

  it("does not start when the reason was not kept", async () => {
    const { platform, user } = open(drafted, {
      readiness: () => ok(readiness(choose)),
      acceptFindings: () => refused("journalFailed", "keep the reason"),
    });
    await user.click(await screen.findByTestId("testing-finished"));
    await user.type(await screen.findByTestId("readiness-reason"), "known");
    await user.click(screen.getByTestId("start-prepare"));
    await waitFor(() => expect(platform.argsOf("acceptFindings")).toHaveLength(1));
    expect(platform.argsOf("startPrepare")).toEqual([]);
  });

  it("shows the rows that are fine on request, and looks again", async () => {
    const { platform, user } = open(drafted, { readiness: () => ok(readiness({}, later)) });
    await screen.findByTestId("readiness-summary");
    expect(screen.queryByTestId("check-servers")).toBeNull();
    await user.click(screen.getByTestId("readiness-show-production"));
    expect(screen.getByTestId("check-servers")).toHaveAttribute("data-state", "ready");
    expect(screen.getByTestId("check-breaker")).toHaveAttribute("data-state", "later");
    await user.click(screen.getByTestId("readiness-again"));
    await waitFor(() => expect(platform.argsOf("readiness")).toHaveLength(2));
    expect(await accessibilityFindings(screen.getByTestId("readiness"))).toEqual([]);
  });

  it("a look that failed can be repeated", async () => {
    let looks = 0;
    const { user } = open(drafted, {
      readiness: () => (looks++ === 0 ? refused("journalFailed", "look") : ok(readiness({}))),
    });
    await user.click(await screen.findByTestId("readiness-retry"));
    expect(await screen.findByTestId("readiness-summary")).toBeVisible();
  });
});

describe("before Deploy", () => {
  it("asks the staging machine once it is confirmed, and shows the commands", async () => {
    const { fingerprint } = prepared.view.profile.host;
    const { platform, user, view } = open(prepared, { hostKeys: () => ok({ presented: [fingerprint], known: null }) });
    await screen.findByTestId("readiness-summary");
    await user.click(screen.getByTestId("ask-fingerprint"));
    await waitFor(() => expect(platform.argsOf("readiness")).toHaveLength(2));
    const machine = { address: view.profile.host.address, port: view.profile.host.port, fingerprint };
    expect(platform.argsOf("readiness")).toEqual([
      [view.id, null],
      [view.id, machine],
    ]);
    expect(await screen.findByText("date +%s")).toBeInTheDocument();
  });
});
