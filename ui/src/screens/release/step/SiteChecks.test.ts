import { screen, waitFor } from "@testing-library/svelte";
import { expect, it } from "vitest";
import { ok, refused } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { open } from "../test-page";

/** The page whose first answer is pending until `arrive`. */
function openWithPendingAnswer(isAccepted: boolean) {
  let arrive: () => void = () => undefined;
  const pending = new Promise<void>((resolve) => (arrive = resolve));
  const page = open(moment("check-failed-late"), {
    answerCheck: async () => {
      await pending;
      return isAccepted ? ok(null) : refused("journalFailed", "write the journal");
    },
  });
  const [first, second] = page.view.profile.site.checks;
  if (first === undefined || second === undefined) throw new Error("the sample has two checks");
  return { ...page, first: first.id, second: second.id, arrive };
}

it("an answer that is given while another one is pending is saved after it", async () => {
  const { platform, user, first, second, arrive } = openWithPendingAnswer(true);
  await user.click(await screen.findByTestId(`check-${first}-passed`));
  await user.click(screen.getByTestId(`check-${second}-passed`));
  expect(platform.argsOf("answerCheck")).toHaveLength(1);
  expect(screen.getByTestId(`check-${second}`)).toHaveTextContent("saving…");
  arrive();
  await waitFor(() => expect(platform.argsOf("answerCheck").map(([, check]) => check)).toEqual([first, second]));
});

it("a refused answer keeps the answers after it from hiding why", async () => {
  const { platform, user, first, second, arrive } = openWithPendingAnswer(false);
  await user.click(await screen.findByTestId(`check-${first}-passed`));
  await user.click(screen.getByTestId(`check-${second}-passed`));
  arrive();
  expect(await screen.findByTestId("page-failure")).toBeInTheDocument();
  await waitFor(() => expect(screen.getByTestId(`check-${second}`)).not.toHaveTextContent("saving…"));
  expect(platform.argsOf("answerCheck")).toHaveLength(1);
});
