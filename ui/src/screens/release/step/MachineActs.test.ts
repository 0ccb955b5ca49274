import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../../platform/axe";
import { ok } from "../../../platform/fake";
import { moment, type Moment } from "../../../platform/samples";
import { open } from "../test-page";

const doubted = moment("migration-in-doubt");
const gone = { person: "Anna", note: "AWS ended the instance", at: "2026-11-23T10:12:00.000Z" };

function withView({ events, view }: Moment, change: Partial<Moment["view"]>): Moment {
  return { events, view: { ...view, ...change } };
}

describe("a followed job whose machine does not answer", () => {
  async function lost() {
    const opened = open(moment("migration-started"), { changeAddress: () => ok(null), giveUpMachine: () => ok(null) });
    await screen.findByTestId("focus");
    const text = "Connection lost, 40 s so far. Whether it still runs is not known until the machine answers.";
    opened.platform.emitLive({
      run: opened.view.id,
      at: "2026-11-23T10:12:00.000Z",
      seen: { kind: "connection", step: "RunMigration", lost: true, text },
    });
    expect(await screen.findByTestId("connection-lost")).not.toHaveTextContent(/goes on|keeps running/);
    return opened;
  }

  it("is followed at its new address", async () => {
    const { platform, user, view } = await lost();
    await user.click(screen.getByTestId("machine-moved"));
    expect(await accessibilityFindings(screen.getByTestId("address-dialog"))).toEqual([]);
    await user.click(screen.getByTestId("address-yes"));
    expect(platform.argsOf("changeAddress")).toEqual([]);
    await user.type(screen.getByTestId("new-address"), " 192.0.2.77 ");
    await user.click(screen.getByTestId("address-yes"));
    await waitFor(() => expect(platform.argsOf("changeAddress")).toEqual([[view.id, "192.0.2.77", 22]]));
  });

  it("is given up only with a note", async () => {
    const { platform, user, view } = await lost();
    await user.click(screen.getByTestId("machine-gone"));
    await user.click(screen.getByTestId("note-yes"));
    expect(platform.argsOf("giveUpMachine")).toEqual([]);
    await user.type(screen.getByTestId("note-text"), "AWS ended the instance");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() => expect(platform.argsOf("giveUpMachine")).toEqual([[view.id, "AWS ended the instance"]]));
  });
});

describe("a migration in doubt", () => {
  it("on a machine that is gone names the person, and asks the machine nothing", async () => {
    const { user } = open(withView(doubted, { machineGivenUp: gone }));
    expect(await screen.findByTestId("machine-given-up")).toHaveTextContent(/Anna said .*AWS ended the instance/);
    expect(screen.queryByTestId("machine-gone")).toBeNull();
    await user.click(screen.getByRole("button", { name: "I looked: it did not" }));
    expect(screen.getByText(/Nobody can ask the staging machine any more/)).toBeVisible();
  });

  it("may end the release, which says that it stays unknown", async () => {
    const { platform, user, view } = open(doubted, { endRun: () => ok(null) });
    await user.click(await screen.findByTestId("stop-in-doubt"));
    expect(screen.getByText(/next release of this computer asks what became of the database/)).toBeVisible();
    await user.type(screen.getByTestId("note-text"), "a new machine is prepared");
    await user.click(screen.getByTestId("note-yes"));
    await waitFor(() => expect(platform.argsOf("endRun")).toEqual([[view.id, "stopped", "a new machine is prepared"]]));
  });

  it("offers no act after the end of the release", async () => {
    const { user, view, moveOn } = open(doubted);
    await user.click(await screen.findByTestId("step-RunMigration"));
    moveOn(withView(doubted, { seq: view.seq + 1, state: "ended", result: "stopped", endNote: "enough" }));
    await waitFor(() =>
      expect(screen.getByTestId("doubt")).toHaveTextContent("The release ended before that was known."),
    );
    expect(screen.queryByTestId("ask-again")).toBeNull();
  });
});
