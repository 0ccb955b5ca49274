import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type { Failure, ProductionNow, Realm, RunSummary, ServersNow } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok, refused } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo, moment, readiness, summaryOf, updateOf } from "../../platform/samples";
import { serversSentence } from "./production-words";

const prepared = moment("prepared");
/** The run in the list of production. */
const listed: RunSummary = { ...summaryOf(prepared), realm: "production" };
const AT = "2026-11-23T13:00:00.000Z";

function servers(changed: Partial<ServersNow> = {}): ServersNow {
  const server = { version: "2.0.1.11", revision: "rally-prod:142", state: "serving" } as const;
  return { desired: 2, servers: [server, server], isReplacing: false, since: AT, ...changed };
}

function production(changed: Partial<ProductionNow> = {}): ProductionNow {
  const site = { isUp: true, status: 200, answerMs: 142, version: "2.0.1.11-RELEASE" };
  return { at: AT, servers: { kind: "read", what: servers() }, site: { kind: "read", what: site }, ...changed };
}

function open(scripted: Partial<Commands> = {}, realm: Realm = "production") {
  const platform = fake({
    listPlaces: () => ok({ shown: realm, all: ["practice", "production"] }),
    appInfo: () => ok(appInfo({ realm })),
    listRuns: () => ok([]),
    productionNow: () => ok(production()),
    showPlace: () => ok(null),
    outputCount: () => ok(0),
    outputLines: () => ok([]),
    runUpdate: (_run, seq) => ok(updateOf(prepared, seq)),
    deployDifferences: () => ok([]),
    readiness: () => ok(readiness({})),
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(App, { platform }) };
}

describe("the sentence about the servers", () => {
  const one = servers().servers.slice(0, 1);
  const other = { version: null, revision: "rally-prod:143", state: "serving" } as const;
  it.each([
    [servers(), "good", "Every server serves on 2.0.1.11"],
    [servers({ servers: one }), "careful", "1 of 2 servers serve on 2.0.1.11"],
    [servers({ servers: [] }), "stop", "No server serves"],
    [servers({ servers: [...one, other] }), "careful", "Every server serves on 2 versions"],
    [servers({ servers: [other, other] }), "good", "Every server serves on rally-prod:143"],
    [servers({ isReplacing: true }), "careful", "AWS replaces servers. Serving now: 2 on 2.0.1.11"],
    [servers({ desired: 0, servers: [] }), "careful", "AWS is set to no server at all"],
  ] as const)("%#", (now, tone, text) => {
    expect(serversSentence(now)).toEqual({ tone, text });
  });

  it("does not count a server that only starts", () => {
    const starting = { ...other, state: "starting" } as const;
    expect(serversSentence(servers({ servers: [starting] })).text).toBe("No server serves");
  });
});

describe("Home", () => {
  it("is the first screen, with the next act beside production", async () => {
    const { container } = open();
    expect(await screen.findByTestId("servers-now")).toHaveTextContent("Every server serves on 2.0.1.11");
    expect(await screen.findByTestId("next-act")).toHaveTextContent("Release Rally");
    expect(screen.getByTestId("production-now")).toHaveTextContent("answers normally, shows 2.0.1.11-RELEASE");
    expect(await accessibilityFindings(container)).toEqual([]);
  });

  it("opens the run that is not finished", async () => {
    const { user } = open({ listRuns: () => ok([listed]) });
    expect(await screen.findByTestId("next-act")).toHaveTextContent("Deploy Rally 2.1.0");
    await user.click(screen.getByTestId("next-open"));
    expect(await screen.findByTestId("run")).toHaveAttribute("data-run", prepared.view.id);
  });

  it("starts another release beside it", async () => {
    const { user } = open({ listRuns: () => ok([listed]) });
    await user.click(await screen.findByTestId("start-another"));
    expect(await screen.findByTestId("version")).toHaveValue("");
  });

  it("says which system did not answer, and shows the other one", async () => {
    const failure: Failure = {
      code: "credentialMissing",
      params: {},
      summary: "ask AWS",
      causes: [],
      hints: [],
      changed: "nothing",
      retry: "safe",
    };
    open({ productionNow: () => ok(production({ servers: { kind: "failed", failure } })) });
    expect(await screen.findByTestId("production-failure")).toHaveAttribute("data-code", "credentialMissing");
    expect(screen.getByTestId("production-now")).toHaveTextContent("The site answers normally.");
    expect(screen.queryByTestId("servers-now")).toBeNull();
  });

  it("lists the newest releases that ended, of this place only", async () => {
    const ended = summaryOf(moment("released"));
    const rows: RunSummary[] = Array.from({ length: 7 }, (_, at) => ({ ...ended, realm: "production", id: `${at}` }));
    const { user } = open({ listRuns: () => ok([{ ...ended, realm: "practice", id: "p" }, ...rows]) });
    const table = await screen.findByTestId("recent-releases");
    expect(table.querySelectorAll("tbody tr")).toHaveLength(5);
    await user.click(screen.getByTestId("all-releases"));
    expect(screen.getByTestId("app")).toHaveAttribute("data-view", "history");
  });
});

describe("the places", () => {
  it("shows the other place once, however often it is pressed", async () => {
    const { platform, user } = open();
    await user.dblClick(await screen.findByTestId("place-practice"));
    expect(platform.argsOf("showPlace")).toEqual([["practice"]]);
    expect(await screen.findByText("Opening Practice…")).toBeVisible();
  });

  it("does nothing for the place that is shown", async () => {
    const { platform, user } = open();
    await user.click(await screen.findByTestId("place-production"));
    expect(platform.argsOf("showPlace")).toEqual([]);
  });

  it("can be left when the place cannot work", async () => {
    const { platform, user } = open({ appInfo: () => refused("badProfile", "read the profile") });
    await user.click(await screen.findByTestId("open-practice"));
    expect(platform.argsOf("showPlace")).toEqual([["practice"]]);
  });

  it("says why the other place is not shown", async () => {
    const { user } = open({ showPlace: () => refused("notAllowedNow", "show the other place") });
    await user.click(await screen.findByTestId("place-practice"));
    expect(await screen.findByTestId("place-failure")).toHaveAttribute("data-code", "notAllowedNow");
  });

  it("are not offered in a window with one place", async () => {
    open({ listPlaces: () => ok({ shown: "production", all: ["production"] }) });
    await screen.findByTestId("nav-home");
    expect(screen.queryByTestId("place-practice")).toBeNull();
  });

  it("names a run that goes on in the other one", async () => {
    const running: RunSummary = { ...listed, realm: "practice", state: "deploying", readOnly: "In Practice." };
    const { platform, user } = open({ listRuns: () => ok([running]) });
    expect(await screen.findByTestId("elsewhere")).toHaveTextContent("Rally 2.1.0 goes on in Practice");
    await user.click(screen.getByTestId("go-elsewhere"));
    await waitFor(() => expect(platform.argsOf("showPlace")).toEqual([["practice"]]));
  });
});
