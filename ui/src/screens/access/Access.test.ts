import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { AppInfo, CredentialKind, CredentialView, Failure } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo } from "../../platform/samples";
import Access from "./Access.svelte";

const KINDS: CredentialKind[] = ["github", "aws", "stagingKey"];
const SHOWN: Record<CredentialKind, string> = {
  github: "ends in 9f2c",
  aws: "AKIAEXAMPLE",
  stagingKey: "~/.ssh/rallyE1.pem",
};

const credential = (kind: CredentialKind, isSaved: boolean): CredentialView => ({
  kind,
  isSaved,
  savedAt: isSaved ? "2026-11-23T12:00:00.000Z" : null,
  savedBy: isSaved ? "Anna" : null,
  shown: isSaved ? SHOWN[kind] : "",
  keptIn: "The keychain of this computer",
  sentTo: "rally: github.com and api.github.com",
  usedFor: ["Prepare and Deploy"],
  problem: null,
});

const refusal = (code: Failure["code"]): Failure => ({
  code,
  params: {},
  summary: "sign in",
  causes: ["401 Unauthorized"],
  hints: [],
  changed: "nothing",
  retry: "safe",
});

/** An app that saves and removes credentials as the page requests. */
function open(saved: CredentialKind[] = [], scripted: Partial<Commands> = {}, info: Partial<AppInfo> = {}) {
  const kept = new Set(saved);
  const keep = (kind: CredentialKind) => {
    kept.add(kind);
    return ok(null);
  };
  const platform = fake({
    listCredentials: () => ok(KINDS.map((kind) => credential(kind, kept.has(kind)))),
    testCredential: () => ok({ works: true, lines: ["Works."], failure: null }),
    saveGithub: () => keep("github"),
    saveAws: () => keep("aws"),
    saveStagingKey: () => keep("stagingKey"),
    removeCredential: (kind) => {
      kept.delete(kind);
      return ok(null);
    },
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(Access, { platform, info: appInfo(info) }) };
}

const card = (kind: CredentialKind) => screen.findByTestId(`card-${kind}`);

describe("a card", () => {
  it("shows whether and by whom it is saved", async () => {
    open(["github"]);
    expect(await card("github")).toHaveAttribute("data-saved", "true");
    expect(screen.getByTestId("github-standing")).toHaveTextContent("Saved, not tested");
    expect(await card("github")).toHaveTextContent(/Saved.*ends in 9f2c.*Anna, 23 Nov/s);
    expect(await card("aws")).toHaveAttribute("data-saved", "false");
    expect(await card("aws")).toHaveTextContent("Not saved");
  });

  it("shows the failure of the secret store", async () => {
    open([], {
      listCredentials: () => ok([{ ...credential("github", false), problem: refusal("keychainLocked") }]),
    });
    expect(await screen.findByTestId("github-problem")).toHaveTextContent("The keychain of this computer is locked.");
  });

  it("proposes the key file and checks it", async () => {
    const first = open([], {}, { keyFileFound: true });
    expect(await screen.findByTestId("stagingKey-path")).toHaveValue("~/.ssh/rallyE1.pem");
    expect(await card("stagingKey")).toHaveTextContent("A file is there.");
    first.unmount();
    open([], {}, { keyFileFound: false });
    expect(await card("stagingKey")).toHaveTextContent("No file is there on this computer.");
  });
});

describe("saving", () => {
  it("sends the token once and clears the field", async () => {
    const { user, platform, container } = open();
    await user.type(await screen.findByTestId("github-token"), "ghp_secret");
    expect(screen.getByTestId("github-token")).toHaveAttribute("type", "password");
    await user.click(screen.getByTestId("github-save"));
    await waitFor(async () => expect(await card("github")).toHaveAttribute("data-saved", "true"));
    expect(screen.getByTestId("github-token")).toHaveValue("");
    expect(container.innerHTML).not.toContain("ghp_secret");
    expect(platform.argsOf("saveGithub")).toEqual([["ghp_secret"]]);
  });

  it("sends a session token only when there is one", async () => {
    const { user, platform } = open();
    for (const session of ["", "temporary"]) {
      await user.type(await screen.findByTestId("aws-key-id"), "AKIAEXAMPLE");
      await user.type(screen.getByTestId("aws-secret"), "wJalr");
      if (session !== "") await user.type(screen.getByTestId("aws-session"), session);
      await user.click(screen.getByTestId("aws-save"));
      await waitFor(() => expect(screen.getByTestId("aws-secret")).toHaveValue(""));
    }
    expect(platform.argsOf("saveAws")).toEqual([
      ["AKIAEXAMPLE", "wJalr", null],
      ["AKIAEXAMPLE", "wJalr", "temporary"],
    ]);
  });

  it("stays closed until every field that is needed is filled", async () => {
    const { user, platform } = open();
    await user.type(await screen.findByTestId("aws-key-id"), "AKIAEXAMPLE");
    expect(screen.getByTestId("aws-save")).toHaveAttribute("aria-disabled", "true");
    await user.click(screen.getByTestId("aws-save"));
    await user.type(screen.getByTestId("aws-key-id"), "{Enter}");
    expect(platform.argsOf("saveAws")).toEqual([]);
  });

  it("that is refused keeps the path and clears the passphrase", async () => {
    const { user } = open([], {
      saveStagingKey: () => Promise.resolve({ status: "error", error: refusal("keyFileUnreadable") }),
    });
    await user.type(await screen.findByTestId("stagingKey-passphrase"), "open sesame");
    await user.type(screen.getByTestId("stagingKey-path"), ".old");
    await user.click(screen.getByTestId("stagingKey-save"));
    expect(await screen.findByTestId("stagingKey-failure")).toHaveAttribute("data-code", "keyFileUnreadable");
    expect(screen.getByTestId("stagingKey-passphrase")).toHaveValue("");
    expect(screen.getByTestId("stagingKey-path")).toHaveValue("~/.ssh/rallyE1.pem.old");
  });
});

describe("choosing the key file", () => {
  it("takes the chosen file, and keeps the path when nothing was chosen", async () => {
    const chosen = ["/home/anna/.ssh/staging.pem", null];
    const { user } = open([], { chooseKeyFile: () => ok(chosen.shift() ?? null) });
    await user.click(await screen.findByTestId("stagingKey-choose"));
    await user.click(screen.getByTestId("stagingKey-choose"));
    expect(screen.getByTestId("stagingKey-path")).toHaveValue("/home/anna/.ssh/staging.pem");
  });
});

describe("a test", () => {
  it("that works shows its plain lines", async () => {
    const { user } = open(["github"], {
      testCredential: () => ok({ works: true, lines: ["Works: signed in as build-bot."], failure: null }),
    });
    await user.click(await screen.findByTestId("github-test"));
    expect(await screen.findByTestId("github-result")).toHaveAttribute("data-works", "true");
    expect(screen.getByTestId("github-result")).toHaveTextContent("Works: signed in as build-bot.");
  });

  it("that fails shows its meaning and next act", async () => {
    const { user } = open(["aws"], {
      testCredential: () => ok({ works: false, lines: [], failure: refusal("credentialRefused") }),
    });
    await user.click(await screen.findByTestId("aws-test"));
    expect(await screen.findByTestId("aws-result")).toHaveAttribute("data-works", "false");
    expect(screen.getByTestId("aws-result")).toHaveTextContent("The sign-in was refused.");
  });

  it("follows each save, and its result is the state of the card", async () => {
    const { user, platform } = open([], {
      testCredential: () => ok({ works: false, lines: [], failure: refusal("credentialRefused") }),
    });
    await user.type(await screen.findByTestId("github-token"), "ghp_wrong");
    await user.click(screen.getByTestId("github-save"));
    await waitFor(() => expect(screen.getByTestId("github-standing")).toHaveTextContent("Does not work"));
    expect(platform.argsOf("testCredential")).toEqual([["github"]]);
  });

  it("is closed while nothing is saved", async () => {
    const { user, platform } = open();
    await user.click(await screen.findByTestId("github-test"));
    expect(platform.argsOf("testCredential")).toEqual([]);
  });
});

describe("removing", () => {
  it("asks first, and does nothing when the answer is no", async () => {
    const { user, platform } = open(["aws"]);
    await user.click(await screen.findByTestId("aws-remove"));
    await user.click(within(screen.getByTestId("remove-dialog")).getByTestId("remove-no"));
    expect(screen.queryByTestId("remove-dialog")).toBeNull();
    expect(platform.argsOf("removeCredential")).toEqual([]);
  });

  it("takes the sign-in away once it is confirmed", async () => {
    const { user } = open(["aws"]);
    await user.click(await screen.findByTestId("aws-remove"));
    await user.click(screen.getByTestId("remove-yes"));
    await waitFor(async () => expect(await card("aws")).toHaveAttribute("data-saved", "false"));
  });
});

it("says that practice credentials reach nothing real", async () => {
  open([], {}, { realm: "practice" });
  expect(await screen.findByText(/cost nothing and reach nothing real/)).toBeVisible();
});

it("a list that cannot be read says so", async () => {
  open([], { listCredentials: () => Promise.resolve({ status: "error", error: refusal("keychainMissing") }) });
  expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "keychainMissing");
});

it.each([
  ["nothing is saved", []],
  ["everything is saved", KINDS],
])("the screen has no accessibility findings when %s", async (_when, saved) => {
  const { container, user } = open(saved, {
    testCredential: () => ok({ works: false, lines: ["Signed in."], failure: refusal("permissionMissing") }),
  });
  await card("stagingKey");
  if (saved.length > 0) await user.click(screen.getByTestId("github-test"));
  expect(await accessibilityFindings(container)).toEqual([]);
});
