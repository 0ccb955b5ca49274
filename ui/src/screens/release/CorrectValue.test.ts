import { screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { accessibilityFindings } from "../../platform/axe";
import { ok } from "../../platform/fake";
import { moment } from "../../platform/samples";
import { open, planned, planOf } from "./test-page";

const values = [
  { key: "github.build_job", label: "Name of the build job", value: "build" },
  { key: "aws.cluster", label: "ECS cluster", value: "rally" },
];

describe("a wrong value of the profile", () => {
  it("is corrected with a reason, and kept for later releases", async () => {
    const { platform, user } = open(moment("build-offered"), {
      ...planned(planOf("DispatchBuild")),
      runValues: () => ok(values),
      correctValue: () => ok(null),
    });
    await user.click(await screen.findByTestId("correct"));
    const confirm = await screen.findByTestId("correct-yes");
    expect(confirm).toHaveAttribute("aria-disabled", "true");
    await user.selectOptions(screen.getByTestId("correct-key"), "github.build_job");
    expect(screen.getByTestId("correct-value")).toHaveValue("build");
    expect(await accessibilityFindings(screen.getByTestId("correct-dialog"))).toEqual([]);
    await user.clear(screen.getByTestId("correct-value"));
    await user.type(screen.getByTestId("correct-value"), "package");
    expect(confirm).toHaveAttribute("aria-disabled", "true");
    await user.type(screen.getByTestId("correct-reason"), "GitHub calls it so");
    await user.click(confirm);
    expect(platform.argsOf("correctValue").map((args) => args[1])).toEqual([
      { key: "github.build_job", value: "package", reason: "GitHub calls it so", isForLaterRuns: true },
    ]);
  });
});
