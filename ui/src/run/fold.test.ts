import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Event, RunView } from "../generated/bindings";
import { apply, BrokenRecord, fold } from "./fold";

const FOLDER = join(import.meta.dirname, "../../../tests/golden/fold");

type Golden = { events: Event[]; view: RunView };

const goldens = readdirSync(FOLDER).map((name): [string, Golden] => [
  name,
  JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Golden,
]);

describe.each(goldens)("the record %s", (_name, { events, view }) => {
  it("folds to the view that the engine made of it", () => {
    expect(fold(events)).toEqual(view);
  });

  it("folds event by event to the same view", () => {
    const [first, ...rest] = events;
    expect(rest.reduce(apply, fold(first === undefined ? [] : [first]))).toEqual(view);
  });

  it("is refused when an entry is missing or stands twice", () => {
    for (let cut = 1; cut < events.length - 1; cut += 1) {
      expect(() => fold(events.toSpliced(cut, 1))).toThrow(BrokenRecord);
      const entry = events[cut];
      if (entry !== undefined) expect(() => fold(events.toSpliced(cut, 0, entry))).toThrow(BrokenRecord);
    }
  });

  it("leaves the view that it was given as it was", () => {
    const before = fold(events.slice(0, 1));
    const copy = structuredClone(before);
    const second = events[1];
    if (second !== undefined) apply(before, second);
    expect(before).toEqual(copy);
  });
});

it("there are golden records to follow", () => {
  expect(goldens.length).toBeGreaterThanOrEqual(2);
});
