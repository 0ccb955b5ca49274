import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { tick } from "svelte";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type {
  AppInfo,
  CredentialKind,
  CredentialView,
  FirstRun,
  FirstRunPage,
  ProfileFile,
} from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok, refused } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo, moment, summaryOf } from "../../platform/samples";
import { beside, stepOf } from "./first-run";

const card = (kind: CredentialKind, isSaved = false): CredentialView => ({
  kind,
  isSaved,
  savedAt: null,
  savedBy: null,
  shown: "",
  keptIn: "the keychain",
  sentTo: "github.com",
  usedFor: ["merge"],
  problem: null,
});

const file: ProfileFile = {
  path: "/home/anna/other.toml",
  hash: "ab12",
  product: "Other",
  environmentName: "Production",
  servers: ["github.com", "other.example.org"],
  account: "123456789012",
  region: "eu-west-1",
  isSameProduct: false,
  differences: [{ key: "product.name", label: "Name of the product", old: "Rally", new: "Other" }],
  signInAnew: ["github"],
};

/** A computer whose kept page is the one that the page asked to keep. */
function open(page: FirstRunPage | null, scripted: Partial<Commands> = {}, changed: Partial<AppInfo> = {}) {
  const kept: { value: FirstRun | null } = { value: page === null ? null : { page, isLeft: false } };
  const platform = fake({
    listPlaces: () => ok({ shown: "production", all: ["practice", "production"] }),
    appInfo: () =>
      ok(appInfo({ person: kept.value?.page === "name" ? null : "Anna", firstRun: kept.value, ...changed })),
    listRuns: () => ok([]),
    productionNow: () => refused("unconfirmed", "ask production"),
    setupValues: () => ok([]),
    listCredentials: () => ok([card("github"), card("aws"), card("stagingKey")]),
    setPerson: () => {
      kept.value = { page: "product", isLeft: false };
      return ok(null);
    },
    keepFirstRun: (next) => {
      kept.value = next;
      return ok(null);
    },
    showPlace: () => ok(null),
    ...scripted,
  });
  return { platform, kept, user: userEvent.setup(), ...render(App, { platform }) };
}

/** The answers that were given are handled, and the page is drawn. */
async function settled() {
  await new Promise((resolve) => setTimeout(resolve));
  await tick();
}

/** Presses a button of a page. It is closed while the page is new. */
async function press(user: ReturnType<typeof userEvent.setup>, testid: string) {
  await waitFor(() => expect(screen.getByTestId(testid)).toHaveAttribute("aria-disabled", "false"));
  await user.click(screen.getByTestId(testid));
}

const page = async () => (await screen.findByTestId("first-run")).getAttribute("data-page");

describe("the pages of the first run", () => {
  it("are in order, and none leads back to the name", () => {
    expect(beside("name", 1)).toBe("product");
    expect(beside("product", -1)).toBeNull();
    expect(beside("stagingKey", 1)).toBe("setup");
    expect(beside("practise", 1)).toBeNull();
    expect([stepOf("name"), stepOf("aws"), stepOf("practise")]).toEqual([0, 2, 4]);
  });
});

describe("the first run", () => {
  it("asks for the name first, and nothing else can be opened", async () => {
    const { platform, user, container } = open("name");
    expect(await page()).toBe("name");
    expect(screen.queryByTestId("nav-home")).toBeNull();
    expect(screen.queryByTestId("first-run-back")).toBeNull();
    expect(screen.getByTestId("person-name")).toHaveFocus();
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.type(screen.getByTestId("person-name"), "Anna{Enter}");
    await waitFor(() => expect(platform.argsOf("setPerson")).toEqual([["Anna"]]));
    await waitFor(async () => expect(await page()).toBe("product"));
  });

  it("says what is wrong with a name", async () => {
    const { user } = open("name", { setPerson: () => refused("badInput", "keep the name") });
    await user.type(await screen.findByTestId("person-name"), "<");
    await user.click(screen.getByTestId("person-save"));
    expect(await screen.findByText("What was entered does not fit.")).toBeVisible();
  });

  it("goes on with the built-in product, and can skip every page after it", async () => {
    const { kept, user, container } = open("product");
    expect(await screen.findByTestId("product-facts")).toHaveTextContent("676917001797");
    expect(await accessibilityFindings(container)).toEqual([]);
    await press(user, "first-run-next");
    for (const expected of ["github", "aws", "stagingKey"] as const) {
      await waitFor(async () => expect(await page()).toBe(expected));
      expect(await screen.findByTestId(`card-${expected}`)).toBeVisible();
      expect(screen.getByTestId("first-run-next")).toHaveAttribute("aria-disabled", "true");
      await press(user, "first-run-later");
    }
    await waitFor(async () => expect(await page()).toBe("setup"));
    await press(user, "first-run-next");
    await waitFor(async () => expect(await page()).toBe("practise"));
    expect(await accessibilityFindings(container)).toEqual([]);
    await press(user, "first-run-home");
    expect(await screen.findByTestId("next-act")).toBeVisible();
    expect(kept.value).toBeNull();
  });

  it("skips no page at a double press", async () => {
    const { platform, kept, user } = open("product");
    await press(user, "first-run-next");
    expect(await screen.findByTestId("card-github")).toBeVisible();
    expect(screen.getByTestId("first-run-later")).toHaveAttribute("aria-disabled", "true");
    await user.click(screen.getByTestId("first-run-later"));
    expect(kept.value).toEqual({ page: "github", isLeft: false });
    await press(user, "first-run-later");
    await waitFor(async () => expect(await page()).toBe("aws"));
    expect(platform.argsOf("keepFirstRun")).toHaveLength(2);
  });

  it("asks once while a page is being kept", async () => {
    let keep: (() => void) | undefined;
    const { platform, user } = open("product", {
      keepFirstRun: () => new Promise((resolve) => (keep = () => resolve({ status: "ok", data: null }))),
    });
    await press(user, "first-run-next");
    await user.click(screen.getByTestId("first-run-next"));
    keep?.();
    await waitFor(async () => expect(await page()).toBe("github"));
    expect(platform.argsOf("keepFirstRun")).toHaveLength(1);
  });

  it("does not pull a person back who left meanwhile", async () => {
    const answers: (() => void)[] = [];
    const { user } = open("product", {
      keepFirstRun: () => new Promise((resolve) => answers.push(() => resolve({ status: "ok", data: null }))),
    });
    await press(user, "first-run-next");
    await user.click(screen.getByTestId("nav-home"));
    expect(await screen.findByTestId("next-act")).toBeVisible();
    answers.forEach((answer) => answer());
    await settled();
    expect(screen.queryByTestId("first-run")).toBeNull();
    expect(screen.getByTestId("next-act")).toBeVisible();
  });

  it("marks a sign-in that was left for later", async () => {
    open("setup", { listCredentials: () => ok([card("github", true), card("aws"), card("stagingKey", true)]) });
    await waitFor(() => expect(screen.getByTestId("first-step-2")).toHaveTextContent("left for later"));
    expect(screen.getByTestId("first-step-2")).not.toHaveClass("done");
    expect(screen.getByTestId("first-step-1")).toHaveClass("done");
  });

  it("marks the sign-ins as done once each is kept", async () => {
    open("setup", { listCredentials: () => ok([card("github", true), card("aws", true), card("stagingKey", true)]) });
    await waitFor(() => expect(screen.getByTestId("first-step-2")).toHaveClass("done"));
    expect(screen.getByTestId("first-step-2")).toHaveTextContent("done");
  });

  it("shows why a page cannot go on", async () => {
    open("github");
    expect(await screen.findByText("Save the sign-in first, or choose Later.")).toBeVisible();
  });

  it("goes back by one page", async () => {
    const { user } = open("aws");
    await screen.findByTestId("card-aws");
    await press(user, "first-run-back");
    expect(await screen.findByTestId("card-github")).toBeVisible();
    await press(user, "first-run-back");
    expect(await screen.findByTestId("product-facts")).toBeVisible();
    expect(screen.queryByTestId("first-run-back")).toBeNull();
  });

  it("goes on from a sign-in that is saved", async () => {
    const { user, container } = open("github", { listCredentials: () => ok([card("github", true)]) });
    expect(await screen.findByTestId("card-github")).toHaveAttribute("data-saved", "true");
    expect(screen.queryByTestId("first-run-later")).toBeNull();
    expect(await accessibilityFindings(container)).toEqual([]);
    await press(user, "first-run-next");
    await waitFor(async () => expect(await page()).toBe("aws"));
    expect(screen.getByRole("heading", { name: "Sign in to AWS" })).toHaveFocus();
  });

  it("goes on at the page at which the app was closed", async () => {
    open("setup", {}, { unconfirmed: [{ key: "aws.cluster", label: "ECS cluster", why: "" }] });
    expect(await page()).toBe("setup");
    expect(screen.getByTestId("first-run-missing")).toHaveTextContent("1 value is missing");
    expect(screen.getByTestId("first-step-3")).toHaveAttribute("aria-current", "step");
  });

  it("opens Setup, and comes back from there", async () => {
    const { kept, user, container } = open("setup");
    await press(user, "first-run-setup");
    expect(await screen.findByTestId("setup-summary")).toBeVisible();
    expect(screen.getByRole("heading", { name: "Setup of Rally" })).toHaveFocus();
    expect(kept.value).toEqual({ page: "setup", isLeft: true });
    expect(screen.getByTestId("first-run-strip")).toHaveTextContent("“Setup” is next, step 4 of 5.");
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.click(screen.getByTestId("first-run-resume"));
    await waitFor(async () => expect(await page()).toBe("setup"));
  });

  it("lets a person leave for another screen, and never nags after that", async () => {
    const { kept, user } = open("product");
    await screen.findByTestId("first-run");
    await user.click(screen.getByTestId("nav-home"));
    expect(await screen.findByTestId("next-act")).toBeVisible();
    expect(kept.value).toEqual({ page: "product", isLeft: true });
    await user.click(screen.getByTestId("first-run-dismiss"));
    await waitFor(() => expect(screen.getByRole("heading", { name: "Home" })).toHaveFocus());
    await waitFor(() => expect(screen.queryByTestId("first-run-strip")).toBeNull());
    expect(kept.value).toBeNull();
  });

  it("lets a person leave although that cannot be kept", async () => {
    const { user } = open("product", { keepFirstRun: () => refused("journalFailed", "keep a setting") });
    await screen.findByTestId("first-run");
    await user.click(screen.getByTestId("nav-home"));
    expect(await screen.findByTestId("next-act")).toBeVisible();
  });

  it("opens practice at the end, and is finished then", async () => {
    const { platform, kept, user } = open("practise");
    await press(user, "first-run-practise");
    await waitFor(() => expect(platform.argsOf("showPlace")).toEqual([["practice"]]));
    expect(kept.value).toBeNull();
  });

  it("offers only Home where there is no practice", async () => {
    open("practise", { listPlaces: () => ok({ shown: "production", all: ["production"] }) });
    expect(await screen.findByTestId("first-run-home")).toBeVisible();
    expect(screen.queryByTestId("first-run-practise")).toBeNull();
  });

  it("stays on its page when the page cannot be kept", async () => {
    const { user } = open("product", { keepFirstRun: () => refused("journalFailed", "keep a setting") });
    await press(user, "first-run-next");
    expect(await screen.findByTestId("first-run-failure")).toHaveAttribute("data-code", "journalFailed");
    expect(await page()).toBe("product");
  });

  it("does not show the way back while a release is open", async () => {
    const run = summaryOf(moment("prepared"));
    open(
      null,
      { listRuns: () => ok([run]), runUpdate: () => ok(null), outputCount: () => ok(0) },
      { firstRun: { page: "aws", isLeft: true } },
    );
    await waitFor(() => expect(screen.getByTestId("app")).toHaveAttribute("data-ready", "true"));
    expect(screen.queryByTestId("first-run-strip")).toBeNull();
  });
});

describe("the product of the first run", () => {
  const wrong = {
    code: "badProfile",
    params: { file: "other.toml", line: "44", problem: "aws.account is “12”", expected: "twelve digits in quotes" },
    summary: "read the profile",
    causes: [],
    hints: ["Correct line 44 of other.toml. Expected there: twelve digits in quotes."],
    changed: "nothing",
    retry: "safe",
  } as const;

  it("refuses a wrong file with file, line and expectation", async () => {
    const { user, container } = open("product", {
      readProfileFile: () =>
        Promise.resolve({ status: "error", error: { ...wrong, causes: [], hints: [...wrong.hints] } }),
    });
    await user.click(await screen.findByTestId("product-file"));
    expect(screen.getByTestId("first-run-next")).toHaveAttribute("aria-disabled", "true");
    await user.type(screen.getByTestId("profile-path"), "/home/anna/other.toml{Enter}");
    const problem = await screen.findByTestId("profile-refused");
    expect(problem).toHaveTextContent("other.toml, line 44: aws.account is “12”.");
    expect(problem).toHaveTextContent("twelve digits in quotes");
    expect(screen.queryByTestId("profile-use")).toBeNull();
    expect(await accessibilityFindings(container)).toEqual([]);
  });

  it("shows a chosen file before it is used, with its hash", async () => {
    const { platform, user, container } = open("product", {
      chooseProfileFile: () => ok("/home/anna/other.toml"),
      readProfileFile: () => ok(file),
      useProfileFile: () => ok(null),
    });
    await user.click(await screen.findByTestId("product-file"));
    await user.click(screen.getByTestId("profile-choose"));
    const shown = await screen.findByTestId("profile-shown");
    for (const fact of ["Other", "Production", "other.example.org", "123456789012"]) {
      expect(shown).toHaveTextContent(fact);
    }
    expect(screen.getByTestId("profile-anew")).toHaveTextContent("GitHub");
    expect(shown).toHaveTextContent("Values that you entered for Rally stay with Rally.");
    expect(shown).toHaveTextContent("1 value differs");
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.click(screen.getByTestId("profile-use"));
    await waitFor(() => expect(platform.argsOf("useProfileFile")).toEqual([["/home/anna/other.toml", "ab12"]]));
    expect(await screen.findByTestId("product-facts")).toBeVisible();
    await waitFor(() => expect(screen.getByTestId("product-present")).toHaveFocus());
  });

  it("shows each value that changes of the same product", async () => {
    const { user } = open("product", { readProfileFile: () => ok({ ...file, isSameProduct: true }) });
    await user.click(await screen.findByTestId("product-file"));
    await user.type(screen.getByTestId("profile-path"), "/home/anna/other.toml{Enter}");
    expect(await screen.findByTestId("profile-differences")).toHaveTextContent("product.name");
    expect(screen.getByTestId("profile-use")).toHaveTextContent("Use this value");
  });

  it("keeps everything when the dialog is closed without a file", async () => {
    const { platform, user } = open("product", { chooseProfileFile: () => ok(null) });
    await user.click(await screen.findByTestId("product-file"));
    await user.click(screen.getByTestId("profile-choose"));
    expect(platform.argsOf("readProfileFile")).toEqual([]);
  });

  it("goes back to the built-in product", async () => {
    const chosen = { kind: "chosen", file: "other.toml", confirmed: { by: "Anna", at: "2026-11-23T13:00:00.000Z" } };
    const { platform, user } = open(
      "product",
      { useBuiltInProfile: () => ok(null) },
      { profileOrigin: chosen as AppInfo["profileOrigin"] },
    );
    await user.click(await screen.findByTestId("product-built-in"));
    await user.click(screen.getByTestId("use-built-in"));
    await waitFor(() => expect(platform.argsOf("useBuiltInProfile")).toHaveLength(1));
  });

  it("is fixed by the command line", async () => {
    open("product", {}, { profileOrigin: { kind: "commandLine", file: "/tmp/x.toml" } });
    expect(await screen.findByTestId("product-present")).toBeChecked();
    expect(screen.queryByTestId("product-file")).toBeNull();
  });
});

describe("a chosen setup that cannot be read", () => {
  it("leaves production closed until a person chooses again", async () => {
    let isRead = false;
    const { platform, user, container } = open(null, {
      appInfo: () =>
        isRead
          ? ok(appInfo())
          : Promise.resolve({
              status: "error",
              error: {
                code: "badProfile",
                params: { file: "/data/profile.toml", problem: "it was changed outside the app", choose: "true" },
                summary: "read the profile that was chosen",
                causes: [],
                hints: ["Choose the file again, or use the product that comes with Greenlight."],
                changed: "nothing",
                retry: "safe",
              },
            }),
      readProfileFile: () => ok({ ...file, differences: [], signInAnew: [] }),
      useProfileFile: () => {
        isRead = true;
        return ok(null);
      },
    });
    expect(await screen.findByTestId("page-failure")).toHaveTextContent("it was changed outside the app");
    expect(screen.getByTestId("open-practice")).toBeVisible();
    expect(await accessibilityFindings(container)).toEqual([]);
    await user.type(screen.getByTestId("profile-path"), "/home/anna/other.toml{Enter}");
    await user.click(await screen.findByTestId("profile-use"));
    expect(await screen.findByTestId("next-act")).toBeVisible();
    expect(platform.argsOf("useProfileFile")).toEqual([["/home/anna/other.toml", "ab12"]]);
  });
});
