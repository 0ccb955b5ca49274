import { screen, waitFor } from "@testing-library/svelte";
import { tick } from "svelte";
import { describe, expect, it } from "vitest";
import type { Failure, HostKeys } from "../../../generated/bindings";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open, openButton, released } from "../test-page";

describe("a new release", () => {
  const names = released.view.names;

  it("of a released version asks for a reason", async () => {
    const refused: Failure = {
      code: "versionNotNewer",
      params: { sentence: "2.1.0 was released before, on 23 Nov 2026 by Anna." },
      summary: "start a release of this version without a reason",
      causes: [],
      hints: [],
      changed: "nothing",
      retry: "safe",
    };
    const { platform, user } = open(released, {
      listRuns: () => ok([]),
      deriveNames: () => ok(names),
      draftRun: (_version, anyway) =>
        anyway === null ? Promise.resolve({ status: "error", error: refused }) : ok(released.view.id),
    });
    await user.type(await screen.findByTestId("version"), "2.1.0");
    await user.click(await openButton("draft"));
    expect(await screen.findByTestId("page-failure")).toHaveTextContent("2.1.0 was released before");
    await user.click(screen.getByTestId("draft-anyway"));
    await user.type(screen.getByTestId("note-text"), "the hotfix was reverted");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() => expect(platform.argsOf("draftRun").at(-1)).toEqual(["2.1.0", "the hotfix was reverted"]));
  });

  it("of a bad version shows the error and an example", async () => {
    const bad: Failure = {
      code: "badInput",
      params: { problem: "“2.1” is not a version: it needs three or four numbers. A good one is 2.1.0." },
      summary: "read the version",
      causes: [],
      hints: [],
      changed: "nothing",
      retry: "safe",
    };
    const { user } = open(released, {
      listRuns: () => ok([]),
      deriveNames: () => Promise.resolve({ status: "error", error: bad }),
    });
    await user.type(await screen.findByTestId("version"), "2.1");
    expect(await screen.findByTestId("version-error")).toHaveTextContent("A good one is 2.1.0.");
    expect(screen.getByTestId("draft")).toHaveAttribute("aria-disabled", "true");
  });
});

describe("a release that was begun on another computer", () => {
  const drafted = moment("drafted");

  it("continues and lists the unknown facts", async () => {
    const begun = {
      run: "0190-lost",
      person: "Maria",
      at: "2026-11-23T09:00:00.000Z",
      commit: "0123456789abcdef",
      isServing: false,
    };
    const { platform, user, view } = open(drafted, {
      begunElsewhere: () => ok(begun),
      continueHere: () => ok(null),
    });
    const panel = await screen.findByTestId("elsewhere");
    for (const words of ["Maria", "0190-lost", "0123456789ab", "Unknown here", "not yet"])
      expect(panel).toHaveTextContent(words);
    expect(screen.queryByTestId("start-prepare")).toBeNull();
    await user.click(await openButton("continue-here"));
    expect(platform.argsOf("continueHere")).toEqual([[view.id]]);
  });

  it("is not offered without an answer of GitHub", async () => {
    const unreachable: Failure = {
      code: "unreachable",
      params: {},
      summary: "list the repository",
      causes: [],
      hints: [],
      changed: "nothing",
      retry: "safe",
    };
    open(drafted, { begunElsewhere: () => Promise.resolve({ status: "error", error: unreachable }) });
    expect(await screen.findByTestId("start-prepare")).toBeInTheDocument();
    expect(screen.queryByTestId("elsewhere")).toBeNull();
  });
});

describe("the start of Deploy", () => {
  /** The fingerprint that the settings of the product name. */
  const GIVEN = moment("prepared").view.profile.host.fingerprint;

  it("needs every confirmation and the typed version", async () => {
    const { platform, user, view } = open(moment("prepared"), {
      deployDifferences: () => ok([{ id: "mainMoved:0a1b", text: "master moved: 1 commit by Bo" }]),
      hostKeys: () => ok({ presented: [GIVEN], known: null }),
      startDeploy: () => ok(null),
    });
    const start = await screen.findByTestId("start-deploy");
    expect(screen.getByTestId("deploy-panel")).toHaveTextContent("master held 2.0.1.11 before.");
    for (const act of [
      async () => user.click(await screen.findByTestId("difference-0")),
      async () => user.click(screen.getByTestId("ask-fingerprint")),
      async () => user.type(screen.getByTestId("deploy-told"), "Support"),
      async () => user.type(screen.getByTestId("deploy-version"), "2.1.0"),
    ]) {
      await user.click(start);
      expect(platform.argsOf("startDeploy")).toEqual([]);
      await act();
    }
    await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "false"));
    await user.click(start);
    const { address, port } = view.profile.host;
    const request = {
      address,
      port,
      fingerprint: GIVEN,
      knownBy: "given" as const,
      told: "Support",
      typedVersion: "2.1.0",
      acceptedDifferences: ["mainMoved:0a1b"],
      takeOver: null,
    };
    expect(platform.argsOf("startDeploy")).toEqual([[view.id, request]]);
  });

  it("is pressed with Enter in the version, once nothing is missing", async () => {
    const { platform, user } = open(moment("prepared"), {
      hostKeys: () => ok({ presented: [GIVEN], known: null }),
      startDeploy: () => ok(null),
    });
    await user.type(await screen.findByTestId("deploy-version"), "2.1.0{Enter}");
    expect(platform.argsOf("startDeploy")).toEqual([]);
    await user.click(screen.getByTestId("ask-fingerprint"));
    await user.type(screen.getByTestId("deploy-told"), "Support");
    await openButton("start-deploy");
    await user.type(screen.getByTestId("deploy-version"), "{Enter}");
    await waitFor(() => expect(platform.argsOf("startDeploy")).toHaveLength(1));
  });

  it("drops the fingerprint of a machine that is no longer named", async () => {
    let answer: (fingerprint: string) => void = () => undefined;
    const asked = new Promise<string>((resolve) => (answer = resolve));
    const { user } = open(moment("prepared"), {
      deployDifferences: () => ok([]),
      hostKeys: () => asked.then((data) => ({ status: "ok" as const, data: { presented: [data], known: null } })),
    });
    await user.click(await openButton("ask-fingerprint"));
    await user.type(screen.getByTestId("deploy-address"), "0");
    answer(GIVEN);
    // Every callback of the answer runs before the next task.
    await new Promise((resolve) => setTimeout(resolve));
    await tick();
    expect(screen.queryByTestId("fingerprint")).toBeNull();
    await user.click(screen.getByTestId("ask-fingerprint"));
    expect(await screen.findByTestId("fingerprint")).toHaveTextContent(GIVEN);
  });

  /** Asks a machine that presents these keys, after the person entered another fingerprint. */
  async function askedWith(given: string, presented: string[], known: HostKeys["known"] = null) {
    const page = open(moment("prepared"), {
      deployDifferences: () => ok([]),
      hostKeys: () => ok({ presented, known }),
    });
    const field = await screen.findByTestId("deploy-fingerprint");
    await page.user.clear(field);
    if (given !== "") await page.user.type(field, given);
    await page.user.click(await openButton("ask-fingerprint"));
    return { ...page, verdict: await screen.findByTestId("host-verdict") };
  }

  it("does not go on with another machine than the one that the person was given", async () => {
    const { verdict } = await askedWith("SHA256:mine", ["SHA256:ed", "SHA256:rsa"]);
    expect(verdict).toHaveTextContent(/not the machine.*SHA256:ed, SHA256:rsa.*Do not go on/s);
    expect(screen.queryByTestId("fingerprint-trusted")).toBeNull();
    expect(screen.getByTestId("start-deploy")).toHaveAttribute("aria-disabled", "true");
  });

  it("stays with its verdict when the fingerprint is only taken away", async () => {
    const { user, verdict } = await askedWith("SHA256:mine", ["SHA256:ed"]);
    await user.clear(screen.getByTestId("deploy-fingerprint"));
    expect(verdict).toHaveAttribute("data-verdict", "other");
    expect(screen.queryByTestId("fingerprint-trusted")).toBeNull();
  });

  it("compares again when the right fingerprint is entered", async () => {
    const { user, verdict } = await askedWith("SHA256:wrong", ["SHA256:ed"]);
    await user.clear(screen.getByTestId("deploy-fingerprint"));
    await user.type(screen.getByTestId("deploy-fingerprint"), "256 SHA256:ed root@staging (ED25519)");
    await waitFor(() => expect(verdict).toHaveAttribute("data-verdict", "same"));
  });

  it("asks for the fingerprint of a machine that took the place of another one", async () => {
    const confirmed = { by: "Bo", at: "2026-11-02T12:00:00.000Z" };
    const { verdict } = await askedWith("", ["SHA256:new"], { fingerprint: "SHA256:old", confirmed });
    expect(verdict).toHaveTextContent(/Bo started a release with it on 2 Nov.*SHA256:old/s);
    expect(screen.queryByTestId("fingerprint-trusted")).toBeNull();
  });

  it("takes a tick for a machine whose fingerprint nobody gave, and another one for another key", async () => {
    const { user } = await askedWith("", ["SHA256:ed", "SHA256:rsa"]);
    await user.click(await screen.findByTestId("fingerprint-trusted"));
    await user.click(screen.getByTestId("fingerprint-1"));
    expect(screen.getByTestId("fingerprint")).toHaveTextContent("SHA256:rsa");
    expect(screen.getByTestId("fingerprint-trusted")).not.toBeChecked();
  });

  it("says what a fingerprint looks like", async () => {
    await askedWith("aa:bb:cc", ["SHA256:ed"]);
    expect(screen.getByText("A fingerprint begins with SHA256:")).toBeVisible();
  });
});
