// Whether the staging machine is the one that the person means, by its host key.

import type { FingerprintSource, HostKeys, KnownHostKey } from "../../../generated/bindings";

/** A fingerprint that may be used, and how the person knew it. */
export interface TrustedKey {
  fingerprint: string;
  knownBy: FingerprintSource;
}

export type Verdict =
  /** The machine has the key that the person was given, or that an earlier release confirmed. */
  | { is: "same"; key: TrustedKey }
  /** The person was given another fingerprint than any that the machine presents. */
  | { is: "other" }
  /** An earlier release confirmed another fingerprint, and the person was given none. */
  | { is: "changed"; known: KnownHostKey }
  /** The person entered a text without a fingerprint. */
  | { is: "unreadable" }
  /** Nothing is there to compare with. */
  | { is: "unknown" };

/** The fingerprint in a typed or pasted text, such as a line of `ssh-keygen -l`. */
export function fingerprintIn(text: string): string {
  return /SHA256:[A-Za-z0-9+/]+/.exec(text)?.[0] ?? "";
}

/** Compares the entered fingerprint with the host keys that the machine presents. */
export function compare(given: string, keys: HostKeys): Verdict {
  const fingerprint = fingerprintIn(given);
  if (fingerprint !== "") {
    return keys.presented.includes(fingerprint)
      ? { is: "same", key: { fingerprint, knownBy: "given" } }
      : { is: "other" };
  }
  if (given.trim() !== "") return { is: "unreadable" };
  if (keys.known === null) return { is: "unknown" };
  return keys.presented.includes(keys.known.fingerprint)
    ? { is: "same", key: { fingerprint: keys.known.fingerprint, knownBy: "earlierRelease" } }
    : { is: "changed", known: keys.known };
}
