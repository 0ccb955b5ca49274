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

  it("name both runs by their kind when the environment is held", () => {
    const held = (params: Failure["params"]) => inWords(failure({ code: "environmentHeld", params })).happened;
    const bob = { run: "r", person: "Bob", version: "2.1.0" };
    expect(held({ ...bob, owner_kind: "rollback" })).toBe("Bob is rolling back 2.1.0 right now.");
    expect(held({ ...bob, owner_kind: "release" })).toBe("Bob is releasing 2.1.0 right now.");
    expect(held({ kind: "rollback" })).toBe("This rollback does not hold production any more.");
    expect(held({ kind: "release" })).toBe("This release does not hold production any more.");
  });

  it("name the revision that does not come back", () => {
    const { happened } = inWords(failure({ code: "rolloutFailed", params: { back: "rally-prod:143" } }));
    expect(happened).toBe("AWS could not put rally-prod:143 back.");
  });

  it("name the version that wrote a newer journal", () => {
    const { happened } = inWords(failure({ code: "journalNewer", params: { version: "9.9.9" } }));
    expect(happened).toContain("Greenlight 9.9.9");
  });

  it("name the altered entry of a journal", () => {
    const altered = inWords(failure({ code: "journalFailed", params: { entry: "4" } }));
    expect(altered.happened).toContain("altered this record: entry 4");
    expect(inWords(failure({ code: "journalFailed" })).happened).not.toContain("altered");
  });

  it("name file, line and problem of a setup file", () => {
    const params = { file: "rally.toml", line: "44", problem: "aws.account is “12”" };
    expect(inWords(failure({ code: "badProfile", params })).happened).toBe(
      "This setup file cannot be used. rally.toml, line 44: aws.account is “12”.",
    );
    expect(inWords(failure({ code: "badProfile", params: { file: "rally.toml" } })).happened).toContain("(rally.toml)");
  });

  it("prefer the hints of the failure", () => {
    expect(inWords(failure({ hints: ["Look at GitHub."] })).todo).toEqual(["Look at GitHub."]);
    expect(inWords(failure({})).todo).not.toEqual([]);
  });
});
