import { screen, waitFor } from "@testing-library/svelte";
import { expect, it } from "vitest";
import { ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open } from "../test-page";

it("an answer that is pending closes the other answers", async () => {
  let arrive: () => void = () => undefined;
  const pending = new Promise<void>((resolve) => (arrive = resolve));
  const { platform, user, view } = open(moment("check-failed-late"), {
    answerCheck: async () => {
      await pending;
      return ok(null);
    },
  });
  const [first, second] = view.profile.site.checks;
  if (first === undefined || second === undefined) throw new Error("the sample has two checks");
  await user.click(await screen.findByTestId(`check-${first.id}-passed`));
  const other = screen.getByTestId(`check-${second.id}-passed`);
  await waitFor(() => expect(other).toHaveAttribute("aria-disabled", "true"));
  await user.click(other);
  expect(platform.argsOf("answerCheck")).toHaveLength(1);
  arrive();
  await waitFor(() => expect(other).toHaveAttribute("aria-disabled", "false"));
  await user.click(other);
  await waitFor(() => expect(platform.argsOf("answerCheck")).toHaveLength(2));
});
