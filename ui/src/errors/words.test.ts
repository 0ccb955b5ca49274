import { describe, expect, it } from "vitest";
import type { Failure } from "../generated/bindings";
import { inWords } from "./words";

const failure = (changed: Partial<Failure>): Failure => ({
  code: "timedOut",
  params: {},
  summary: "push the tag",
  causes: [],
  hints: [],
  changed: "nothing",
  retry: "safe",
  ...changed,
});

describe("the words of a failure", () => {
  it("say when nothing was changed", () => {
    expect(inWords(failure({})).means).toBe("Nothing was changed.");
  });

  it("say when the outcome is unknown", () => {
    expect(inWords(failure({ changed: "unknown" })).means).toContain("do not know yet whether this happened");
  });

  it("do not call a failed script unknown", () => {
    const { happened, means } = inWords(failure({ code: "scriptFailed", params: { exit: "3" }, changed: "unknown" }));
    expect(happened).toContain("(3)");
    expect(means).not.toContain("do not know");
  });

  it("name the person who stopped a script", () => {
    const params = { exit: "143", stopped_by: "Anna" };
    expect(inWords(failure({ code: "scriptFailed", params })).happened).toMatch(
      /^Anna ordered the script to stop.*\(143\)/,
    );
  });

  it("name the altered entry of a journal", () => {
    const altered = inWords(failure({ code: "journalFailed", params: { entry: "4" } }));
    expect(altered.happened).toContain("altered this record: entry 4");
    expect(inWords(failure({ code: "journalFailed" })).happened).not.toContain("altered");
  });

  it("prefer the hints of the failure", () => {
    expect(inWords(failure({ hints: ["Look at GitHub."] })).todo).toEqual(["Look at GitHub."]);
    expect(inWords(failure({})).todo).not.toEqual([]);
  });
});
