import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import App from "../App.svelte";
import type { Debrief, PracticeView, Realm, Trouble, TroubleState } from "../generated/bindings";
import { accessibilityFindings } from "../platform/axe";
import { fake, ok, refused } from "../platform/fake";
import type { Commands } from "../platform/platform";
import { appInfo } from "../platform/samples";
import DebriefCard from "./DebriefCard.svelte";
import { ACTS, TROUBLES } from "./words";

const AT = "2026-11-23T13:05:00.000Z";
const ALL = Object.keys(TROUBLES) as Trouble[];

function practice(states: Partial<Record<Trouble, TroubleState>> = {}, speed = 1): PracticeView {
  const view = (trouble: Trouble) => {
    const state = states[trouble] ?? "off";
    return { trouble, state, at: state === "off" ? null : AT };
  };
  return { speed, speeds: [1, 10, 60], troubles: ALL.map(view) };
}

function open(scripted: Partial<Commands> = {}, realm: Realm = "practice") {
  const platform = fake({
    listPlaces: () => ok({ shown: realm, all: [realm] }),
    appInfo: () => ok(appInfo({ realm })),
    listRuns: () => ok([]),
    listCredentials: () => ok([]),
    practiceView: () => ok(practice()),
    ...scripted,
  });
  const user = userEvent.setup();
  return { platform, user, ...render(App, { platform, start: "release" }) };
}

async function openPanel(scripted: Partial<Commands> = {}) {
  const opened = open(scripted);
  await opened.user.click(await screen.findByTestId("practice-open"));
  await screen.findByTestId("trouble-buildFails");
  return opened;
}

const flip = (trouble: Trouble) => screen.getByTestId(`trouble-${trouble}-switch`);

describe("the band", () => {
  it("says PRACTICE on every screen", async () => {
    const { user } = open();
    for (const screenName of ["release", "history", "access"]) {
      await user.click(await screen.findByTestId(`nav-${screenName}`));
      expect(screen.getByTestId("app")).toHaveAttribute("data-view", screenName);
      expect(screen.getByTestId("band")).toHaveTextContent("PRACTICE");
      expect(screen.getByTestId("band")).toHaveClass("practice");
    }
  });

  it("offers no trouble in production", async () => {
    open({}, "production");
    expect(await screen.findByTestId("band")).toHaveTextContent("PRODUCTION");
    expect(screen.queryByTestId("practice-open")).toBeNull();
  });
});

describe("the panel", () => {
  it("describes each trouble in a sentence", async () => {
    await openPanel();
    expect(ALL).toHaveLength(22);
    for (const trouble of ALL) {
      expect(screen.getByTestId(`trouble-${trouble}`)).toHaveTextContent(TROUBLES[trouble].will);
      expect(flip(trouble)).not.toBeChecked();
    }
  });

  it("switches a trouble on by the keyboard", async () => {
    const { user, platform } = await openPanel({
      switchTrouble: (trouble) => ok(practice({ [trouble]: "waiting" })),
      practiceView: () => ok(practice()),
    });
    expect(screen.getByRole("switch", { name: "The build fails" })).not.toBeChecked();
    flip("buildFails").focus();
    await user.keyboard(" ");
    await waitFor(() => expect(flip("buildFails")).toBeChecked());
    expect(platform.argsOf("switchTrouble")).toEqual([["buildFails", true]]);
    expect(screen.getByTestId("trouble-buildFails")).toHaveTextContent("Will happen once");
  });

  it("ends a trouble only by its own button", async () => {
    const { user, platform } = await openPanel({
      practiceView: () => ok(practice({ tokenExpires: "happening" })),
      switchTrouble: () => ok(practice({ tokenExpires: "happened" })),
    });
    await user.click(flip("tokenExpires"));
    expect(platform.argsOf("switchTrouble")).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Renew the practice sign-in" }));
    expect(platform.argsOf("switchTrouble")).toEqual([["tokenExpires", false]]);
  });

  it("sets the speed, and the clock of the page follows", async () => {
    let speed = 1;
    const { user, platform } = await openPanel({
      appInfo: () => ok(appInfo({ realm: "practice", speed })),
      practiceView: () => ok(practice({}, speed)),
      setSpeed: (wanted) => {
        speed = wanted;
        return ok(null);
      },
    });
    await user.click(screen.getByTestId("practice-speed-60"));
    await waitFor(() => expect(screen.getByTestId("practice-speed-60")).toHaveAttribute("aria-pressed", "true"));
    expect(platform.argsOf("setSpeed")).toEqual([[60]]);
    expect(await screen.findByText(/clock 60 times as fast/)).toBeVisible();
  });

  it("shows a failure when the simulator does not answer", async () => {
    const { user } = open({
      practiceView: () => refused("unreachable", "reach the pretend production"),
    });
    await user.click(await screen.findByTestId("practice-open"));
    expect(await screen.findByTestId("practice-failure")).toHaveAttribute("data-code", "unreachable");
  });

  it("closes with Escape and gives the focus back", async () => {
    const { user } = await openPanel();
    expect(screen.getByTestId("practice-panel")).toHaveFocus();
    await user.keyboard("{Escape}");
    expect(screen.queryByTestId("practice-panel")).toBeNull();
    expect(screen.getByTestId("practice-open")).toHaveFocus();
  });

  it("has no accessibility findings in any state", async () => {
    const states = { buildFails: "waiting", tokenExpires: "happening", mergeConflict: "happened" } as const;
    const { container } = await openPanel({ practiceView: () => ok(practice(states)) });
    expect(await accessibilityFindings(container)).toEqual([]);
  });
});

describe("the debrief", () => {
  it("of a rollback does not speak of Deploy or of a release", () => {
    for (const kind of ["startedDeploy", "ended"] as const) {
      expect(ACTS[kind]("", "rollback")).toMatch(/(started the|ended the) rollback/);
      expect(ACTS[kind]("", "release")).toMatch(/started Deploy|ended the release/);
    }
  });

  const debrief: Debrief = {
    lines: [
      {
        spell: { trouble: "backupDiskFull", began: AT, ended: AT },
        costSeconds: 600,
        acts: [{ at: AT, person: "Anna", kind: "triedAgain", about: "Back up", note: "" }],
      },
      { spell: { trouble: "connectionLostInMigration", began: AT, ended: null }, costSeconds: 45, acts: [] },
    ],
    costSeconds: 645,
    wholeSeconds: 4_320,
  };

  it("lists troubles, acts and lost time", async () => {
    const { container } = render(DebriefCard, {
      platform: fake({ debrief: () => ok(debrief) }),
      run: "r",
      kind: "release",
    });
    const line = within(await screen.findByTestId("debrief-backupDiskFull"));
    expect(line.getByText("The backup disk is full")).toBeVisible();
    expect(line.getByText(/it cost 10 min/)).toBeVisible();
    expect(line.getByText(/started “Back up” again/)).toBeVisible();
    expect(screen.getByTestId("debrief-connectionLostInMigration")).toHaveTextContent("it cost 45 s");
    expect(screen.getByTestId("debrief")).toHaveTextContent("In all it cost 10 min of 1 h 12 min");
    expect(await accessibilityFindings(container)).toEqual([]);
  });

  it("says when there was no trouble", async () => {
    const nothing = { lines: [], costSeconds: 0, wholeSeconds: 4_320 };
    render(DebriefCard, { platform: fake({ debrief: () => ok(nothing) }), run: "r", kind: "release" });
    expect(await screen.findByTestId("debrief")).toHaveTextContent("Nothing was made to go wrong");
  });
});
