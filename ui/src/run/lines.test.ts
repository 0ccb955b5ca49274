import { describe, expect, it } from "vitest";
import type { LogLine } from "../generated/bindings";
import { fake, ok, refused } from "../platform/fake";
import type { Commands } from "../platform/platform";
import { LineList } from "./lines.svelte";

const line = (number: number): LogLine => ({ number, at: null, label: "script", text: `line ${number}` });
const lines = (from: number, count: number) => Array.from({ length: count }, (_, place) => line(from + place));

/** A list of an app that keeps this many lines. */
function list(kept: number, scripted: Partial<Commands> = {}) {
  const platform = fake({
    outputCount: () => ok(kept),
    outputLines: (_run, _source, from, count) => ok(lines(from, Math.max(0, Math.min(count, kept - from)))),
    ...scripted,
  });
  return { platform, list: new LineList(platform.commands, "run", "production") };
}

const settled = () => new Promise((done) => setTimeout(done));
const reads = (platform: ReturnType<typeof list>["platform"]) => platform.argsOf("outputLines").map((args) => args[2]);

describe("the lines of a source", () => {
  it("are read once they are in view", async () => {
    const { list: opened, platform } = list(100_000);
    await opened.read();
    expect(opened.count).toBe(100_000);
    expect(reads(platform)).toEqual([]);
    opened.show(99_960, 99_999);
    await settled();
    expect(opened.at(99_999)?.text).toBe("line 99999");
    opened.show(50_000, 50_040);
    await settled();
    expect(opened.at(50_000)?.text).toBe("line 50000");
    expect(reads(platform)).toEqual([99_500, 50_000]);
  });

  it("are read from both pages in view", async () => {
    const { list: opened, platform } = list(2_000);
    await opened.read();
    opened.show(480, 520);
    await settled();
    expect([480, 499, 500, 520].map((number) => opened.at(number)?.number)).toEqual([480, 499, 500, 520]);
    expect(reads(platform)).toEqual([0, 500]);
  });

  it("are held for eight pages at most", async () => {
    const { list: opened, platform } = list(100_000);
    await opened.read();
    for (let first = 0; first < 10_000; first += 500) {
      opened.show(first, first + 40);
      await settled();
    }
    expect(opened.at(0)).toBeUndefined();
    expect(lines(0, 100_000).filter(({ number }) => opened.at(number) !== undefined)).toHaveLength(8 * 500);
    opened.show(0, 40);
    await settled();
    expect(opened.at(0)?.text).toBe("line 0");
    expect(reads(platform)).toHaveLength(21);
  });

  it("that arrive without a gap need no read", async () => {
    const { list: opened, platform } = list(0);
    opened.take(lines(0, 40));
    opened.show(0, 39);
    opened.take(lines(40, 10));
    opened.show(0, 49);
    await settled();
    expect(opened.count).toBe(50);
    expect(opened.at(49)?.text).toBe("line 49");
    expect(reads(platform)).toEqual([]);
  });

  it("that are missing are read in sequence", async () => {
    const { list: opened, platform } = list(60);
    opened.take(lines(0, 20));
    opened.show(0, 39);
    opened.take(lines(50, 10));
    await settled();
    expect(opened.count).toBe(60);
    expect(opened.at(30)?.text).toBe("line 30");
    expect(reads(platform)).toEqual([0]);
  });

  it("that do not exist are requested only once", async () => {
    const { list: opened, platform } = list(0);
    opened.take(lines(30, 10));
    for (let time = 0; time < 5; time += 1) opened.show(0, 39);
    await settled();
    opened.show(0, 39);
    await settled();
    expect(opened.at(0)).toBeUndefined();
    expect(reads(platform)).toEqual([0]);
    opened.take(lines(40, 1));
    await settled();
    expect(reads(platform)).toEqual([0, 0]);
  });

  it("are read at the next poll after a failure", async () => {
    let fails = true;
    const { list: opened } = list(10, {
      outputLines: (_run, _source, from, count) =>
        fails ? refused("journalFailed", "read output") : ok(lines(from, Math.min(count, 10))),
    });
    await opened.read();
    opened.show(0, 9);
    await settled();
    expect(opened.at(0)).toBeUndefined();
    fails = false;
    opened.show(0, 9);
    await settled();
    expect(opened.at(0)?.text).toBe("line 0");
  });

  it("in view stay held while others arrive at the end", async () => {
    const { list: opened } = list(100_000);
    await opened.read();
    opened.show(50_000, 50_040);
    await settled();
    for (let from = 100_000; from < 120_000; from += 2_000) opened.take(lines(from, 2_000));
    expect(opened.count).toBe(120_000);
    expect(opened.at(50_020)?.text).toBe("line 50020");
  });
});
