import { expect, it } from "vitest";
import { accessibilityFindings } from "./axe";
import { fake, ok } from "./fake";

it("refuses an unscripted command by its name", async () => {
  const { commands } = fake({ listRuns: () => ok([]) });
  await expect(commands.listRuns()).resolves.toEqual({ status: "ok", data: [] });
  await expect(commands.listCredentials()).rejects.toThrow("listCredentials");
});

it("delivers events to subscribers until they stop", async () => {
  const platform = fake({});
  const seen: number[] = [];
  const stop = await platform.onRunMoved(({ seq }) => seen.push(seq));
  platform.emitMoved({ run: "a", seq: 1 });
  stop();
  platform.emitMoved({ run: "a", seq: 2 });
  expect(seen).toEqual([1]);
});

it("the accessibility check finds a button without a name", async () => {
  const part = document.createElement("div");
  part.append(document.createElement("button"));
  document.body.append(part);
  expect(await accessibilityFindings(part)).toEqual([expect.stringContaining("button-name")]);
  part.remove();
});
