import { describe, expect, it } from "vitest";
import type { HostKeys } from "../../../generated/bindings";
import { compare, fingerprintIn } from "./host-key";

const confirmed = { by: "Anna", at: "2026-11-23T12:00:00.000Z" };
const known = { fingerprint: "SHA256:known", confirmed };
const keys = (presented: string[], before: HostKeys["known"] = null): HostKeys => ({ presented, known: before });

describe("a host key", () => {
  it.each([
    [
      "SHA256:ed",
      keys(["SHA256:ed", "SHA256:rsa"]),
      { is: "same", key: { fingerprint: "SHA256:ed", knownBy: "given" } },
    ],
    [
      "SHA256:rsa",
      keys(["SHA256:ed", "SHA256:rsa"]),
      { is: "same", key: { fingerprint: "SHA256:rsa", knownBy: "given" } },
    ],
    ["SHA256:else", keys(["SHA256:ed"]), { is: "other" }],
    ["SHA256:e", keys(["SHA256:ed"]), { is: "other" }],
    ["", keys(["SHA256:ed"]), { is: "unknown" }],
    ["ed", keys(["SHA256:ed"]), { is: "unreadable" }],
    ["MD5:aa:bb", keys(["SHA256:known"], known), { is: "unreadable" }],
    [
      "",
      keys(["SHA256:known"], known),
      { is: "same", key: { fingerprint: "SHA256:known", knownBy: "earlierRelease" } },
    ],
    ["", keys(["SHA256:new"], known), { is: "changed", known }],
    ["SHA256:new", keys(["SHA256:new"], known), { is: "same", key: { fingerprint: "SHA256:new", knownBy: "given" } }],
    ["SHA256:known", keys(["SHA256:new"], known), { is: "other" }],
  ] as const)("given as %j is judged", (given, found, expected) => {
    expect(compare(given, found)).toEqual(expected);
  });

  it("is found in a pasted line", () => {
    expect(fingerprintIn(" 256 SHA256:aB9/+z root@staging (ED25519)\n")).toBe("SHA256:aB9/+z");
    expect(fingerprintIn("MD5:aa:bb")).toBe("");
  });
});
