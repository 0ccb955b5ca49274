import { screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import type { BuildView } from "../../../generated/bindings";
import { moment } from "../../../platform/samples";
import { open, planned, planOf } from "../test-page";

const at = "2026-11-23T13:00:00.000Z";

it("shows for whom the build waits, and no longer than it waits", async () => {
  const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
  await screen.findByTestId("run");
  const build: BuildView = { status: "waiting", conclusion: null, url: "", waitsFor: null, jobs: [] };
  const waitsFor = "GitHub waits for an approval of production by lena.";
  platform.emitLive({ run: view.id, at, seen: { kind: "build", ...build, waitsFor } });
  expect(await screen.findByTestId("build-waits")).toHaveTextContent(waitsFor);
  platform.emitLive({ run: view.id, at, seen: { kind: "build", ...build, status: "in_progress" } });
  await expect.poll(() => screen.queryByTestId("build-waits")).toBeNull();
});
