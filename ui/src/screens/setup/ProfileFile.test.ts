import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { tick } from "svelte";
import { describe, expect, it } from "vitest";
import App from "../../App.svelte";
import type { AppInfo, ProfileFile } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok, refused } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo } from "../../platform/samples";

const file: ProfileFile = {
  path: "/home/anna/rally-prod.toml",
  hash: "ab12",
  product: "Rally",
  environmentName: "Production",
  servers: ["github.com"],
  account: "676917001797",
  region: "us-east-1",
  isSameProduct: true,
  differences: [
    { key: "aws.cluster", label: "ECS cluster", old: "", new: "rally-prod" },
    { key: "site.checks", label: "Checks of the site by a person", old: "a: Log in", new: null },
    { key: "site.checks", label: "Checks of the site by a person", old: null, new: "a: Sign in" },
  ],
  signInAnew: [],
};

function open(scripted: Partial<Commands> = {}, changed: Partial<AppInfo> = {}) {
  const platform = fake({
    listPlaces: () => ok({ shown: "production", all: ["production"] }),
    appInfo: () => ok(appInfo(changed)),
    listRuns: () => ok([]),
    setupValues: () => ok([]),
    readProfileFile: () => ok(file),
    useProfileFile: () => ok(null),
    exportProfile: (path) => ok(path.replace("~", "/home/anna")),
    ...scripted,
  });
  return { platform, user: userEvent.setup(), ...render(App, { platform, start: "setup" }) };
}

async function read(user: ReturnType<typeof userEvent.setup>) {
  await user.click(await screen.findByTestId("profile-import"));
  await user.type(screen.getByTestId("profile-path"), "/home/anna/rally-prod.toml{Enter}");
}

describe("the setup as a file", () => {
  it("shows each value that changes before it is used", async () => {
    const { platform, user, container } = open();
    await read(user);
    const rows = within(await screen.findByTestId("profile-differences")).getAllByRole("row");
    expect(rows).toHaveLength(4);
    expect(rows[1]).toHaveTextContent(/ECS cluster.*aws\.cluster.*empty.*rally-prod/);
    expect(rows[2]).toHaveTextContent(/Log in.*not there/);
    expect(await accessibilityFindings(container)).toEqual([]);
    expect(platform.argsOf("useProfileFile")).toEqual([]);
    const use = screen.getByTestId("profile-use");
    expect(use).toHaveTextContent("Use these 3 values");
    await user.click(use);
    await waitFor(() => expect(platform.argsOf("useProfileFile")).toEqual([["/home/anna/rally-prod.toml", "ab12"]]));
    await waitFor(() => expect(platform.argsOf("setupValues")).toHaveLength(2));
    expect(screen.queryByTestId("profile-path")).toBeNull();
    expect(screen.getByTestId("profile-said")).toHaveTextContent("The chosen setup is used from now on.");
    expect(screen.getByTestId("profile-import")).toHaveFocus();
    expect(screen.getByTestId("profile-import")).toHaveAttribute("aria-expanded", "false");
  });

  it("is not shown any more beside another path", async () => {
    const { user } = open();
    await read(user);
    expect(await screen.findByTestId("profile-shown")).toHaveTextContent("/home/anna/rally-prod.toml");
    await user.type(screen.getByTestId("profile-path"), "x");
    expect(screen.queryByTestId("profile-shown")).toBeNull();
  });

  it("ignores the late answer about an earlier path", async () => {
    let answer: (() => void) | undefined;
    const { user } = open({
      readProfileFile: () => new Promise((resolve) => (answer = () => resolve({ status: "ok", data: file }))),
    });
    await read(user);
    await user.type(screen.getByTestId("profile-path"), "x");
    expect(screen.getByTestId("profile-read")).toHaveAttribute("aria-disabled", "false");
    answer?.();
    // The answer is handled, and the page is drawn.
    await new Promise((resolve) => setTimeout(resolve));
    await tick();
    expect(screen.queryByTestId("profile-shown")).toBeNull();
  });

  it("uses nothing when the person keeps everything", async () => {
    const { platform, user } = open();
    await read(user);
    await user.click(await screen.findByTestId("profile-leave"));
    expect(screen.queryByTestId("profile-shown")).toBeNull();
    await waitFor(() => expect(screen.getByTestId("profile-path")).toHaveFocus());
    expect(platform.argsOf("useProfileFile")).toEqual([]);
  });

  it("has nothing to use when no value differs", async () => {
    const { user } = open({ readProfileFile: () => ok({ ...file, differences: [] }) });
    await read(user);
    expect(await screen.findByTestId("profile-shown")).toHaveTextContent("values that you have already");
    expect(screen.queryByTestId("profile-use")).toBeNull();
  });

  it("says that another product asks for other sign-ins", async () => {
    const other = { ...file, product: "Other", isSameProduct: false, signInAnew: ["github", "aws"] as const };
    const { user, container } = open({ readProfileFile: () => ok({ ...other, signInAnew: [...other.signInAnew] }) });
    await read(user);
    expect(await screen.findByTestId("profile-anew")).toHaveTextContent("GitHub, AWS");
    expect(screen.getByTestId("profile-shown")).toHaveTextContent("This file is for another product");
    expect(screen.getByTestId("profile-shown")).toHaveTextContent("you entered for Rally stay with Rally.");
    expect(screen.getByTestId("profile-use")).toHaveTextContent("Use Other (Production)");
    expect(await accessibilityFindings(container)).toEqual([]);
  });

  it("says why a file is refused, and shows no old difference", async () => {
    const { user } = open({ useProfileFile: () => refused("badInput", "use a profile file") });
    await read(user);
    await user.click(await screen.findByTestId("profile-use"));
    expect(await screen.findByTestId("profile-refused")).toHaveAttribute("data-code", "badInput");
    expect(screen.queryByTestId("profile-use")).toBeNull();
  });

  it("is given to a colleague as a new file", async () => {
    const { platform, user } = open({ chooseProfileCopy: () => ok("/home/anna/given.toml") });
    await user.click(await screen.findByTestId("profile-give"));
    expect(screen.getByTestId("profile-copy-path")).toHaveValue("~/rally-practice.toml");
    await user.click(screen.getByTestId("profile-copy-choose"));
    await waitFor(() => expect(screen.getByTestId("profile-copy-path")).toHaveValue("/home/anna/given.toml"));
    await user.click(screen.getByTestId("profile-copy-save"));
    expect(await screen.findByTestId("profile-copy-saved")).toHaveTextContent("/home/anna/given.toml");
    expect(platform.argsOf("exportProfile")).toEqual([["/home/anna/given.toml"]]);
    await user.click(screen.getByTestId("profile-copy-save"));
    expect(screen.getByTestId("profile-copy-saved")).toBeVisible();
    expect(platform.argsOf("exportProfile")).toHaveLength(1);
  });

  it("says why no path could be chosen", async () => {
    const { user } = open({ chooseProfileCopy: () => refused("badInput", "open the dialog") });
    await user.click(await screen.findByTestId("profile-give"));
    await user.click(screen.getByTestId("profile-copy-choose"));
    expect(await screen.findByTestId("profile-copy-error")).toBeVisible();
  });

  it("leads back to the setup that comes with the app", async () => {
    const { platform, user, container } = open(
      { useBuiltInProfile: () => ok(null) },
      { profileOrigin: { kind: "chosen", file: "x.toml", confirmed: { by: "Bob", at: "2026-11-23T13:00:00.000Z" } } },
    );
    await user.click(await screen.findByTestId("profile-built-in"));
    expect(screen.getByTestId("profile-file")).toHaveTextContent("Values that you entered for Rally stay with Rally.");
    expect(await accessibilityFindings(container)).toEqual([]);
    expect(platform.argsOf("useBuiltInProfile")).toEqual([]);
    await user.click(screen.getByTestId("use-built-in"));
    await waitFor(() => expect(screen.getByTestId("profile-give")).toHaveFocus());
    expect(platform.argsOf("useBuiltInProfile")).toHaveLength(1);
  });

  it("says why it could not be saved", async () => {
    const { user } = open({ exportProfile: () => refused("badInput", "write the profile file") });
    await user.click(await screen.findByTestId("profile-give"));
    await user.click(screen.getByTestId("profile-copy-save"));
    expect(await screen.findByTestId("profile-copy-error")).toBeVisible();
  });

  it("names the file and the person that the setup comes from", async () => {
    open(
      {},
      {
        profileOrigin: {
          kind: "chosen",
          file: "colleague.toml",
          confirmed: { by: "Bob", at: "2026-11-23T13:00:00.000Z" },
        },
      },
    );
    expect(await screen.findByTestId("profile-origin")).toHaveTextContent(
      "From colleague.toml, chosen by Bob on 23 November 2026",
    );
  });

  it("cannot be replaced in a window with --profile, and is not there in practice", async () => {
    open({}, { profileOrigin: { kind: "commandLine", file: "/tmp/x.toml" } });
    expect(await screen.findByTestId("profile-give")).toBeVisible();
    expect(screen.queryByTestId("profile-import")).toBeNull();
    open({}, { realm: "practice" });
    await waitFor(() => expect(screen.getAllByTestId("setup-summary")).toHaveLength(2));
    expect(screen.getAllByTestId("profile-file")).toHaveLength(1);
  });
});
