import { screen, waitFor } from "@testing-library/svelte";
import { expect, it } from "vitest";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open } from "../test-page";

it("a migration that succeeded may be reported as undone, with a note", async () => {
  const { platform, user, view } = open(moment("check-failed-late"), { reportUndone: () => ok(null) });
  await user.click(await screen.findByTestId("step-RunMigration"));
  expect(await screen.findByTestId("undone")).toHaveTextContent(/no longer as this migration left it/);
  await user.click(screen.getByTestId("report-restored"));
  await user.type(screen.getByTestId("note-text"), "Susan restored it");
  await user.click(screen.getByTestId("note-yes"));
  const { attempt } = view.steps.find((step) => step.definition.id === "RunMigration") ?? { attempt: 0 };
  const wanted = [view.id, "RunMigration", attempt, "restored", "Susan restored it"];
  await waitFor(() => expect(platform.argsOf("reportUndone")).toEqual([wanted]));
});
