import { screen, waitFor } from "@testing-library/svelte";
import { expect, it } from "vitest";
import { ok } from "../../platform/fake";
import { moment, summaryOf, updateOf, type Moment } from "../../platform/samples";
import { open } from "./test-page";

const deploying = moment("migration-started");
const { view } = moment("merge-started");
const hotfix: Moment = { ...moment("merge-started"), view: { ...view, id: "run-2", version: "2.1.1" } };

it("a release in Deploy stays visible while a hotfix is prepared beside it", async () => {
  const runs = [summaryOf(hotfix), summaryOf(deploying)];
  const { user } = open(deploying, {
    listRuns: () => ok(runs),
    runUpdate: (run, seq) => ok(updateOf(run === "run-2" ? hotfix : deploying, seq)),
  });
  expect(await screen.findByTestId("run")).toHaveAttribute("data-run", deploying.view.id);
  expect(screen.queryByTestId("other-run")).toBeNull();
  await user.click(screen.getByTestId("leave-run"));
  await user.click(await screen.findByTestId("open-run-2"));
  await waitFor(() => expect(screen.getByTestId("run")).toHaveAttribute("data-run", "run-2"));
  expect(screen.getByTestId("other-run")).toHaveTextContent("2.1.0 goes on at the same time");
  await user.click(screen.getByTestId(`open-${deploying.view.id}`));
  await waitFor(() => expect(screen.getByTestId("run")).toHaveAttribute("data-run", deploying.view.id));
});
