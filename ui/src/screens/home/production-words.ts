// Describes the state of the servers in one sentence.

import type { ServersNow } from "../../generated/bindings";

export interface ServersSentence {
  tone: "good" | "careful" | "stop";
  text: string;
}

/** The name of a server's version: the version, or the revision that has no known one. */
export const versionName = (server: ServersNow["servers"][number]): string => server.version ?? server.revision;

export function serversSentence(now: ServersNow): ServersSentence {
  const serving = now.servers.filter((server) => server.state === "serving");
  const versions = [...new Set(serving.map(versionName))];
  if (now.desired === 0) return { tone: "careful", text: "AWS is set to no server at all" };
  if (serving.length === 0) return { tone: "stop", text: "No server serves" };
  const on = versions.length === 1 ? ` on ${versions[0]}` : ` on ${versions.length} versions`;
  if (now.isReplacing) return { tone: "careful", text: `AWS replaces servers. Serving now: ${serving.length}${on}` };
  if (serving.length < now.desired)
    return { tone: "careful", text: `${serving.length} of ${now.desired} servers serve${on}` };
  return { tone: versions.length === 1 ? "good" : "careful", text: `Every server serves${on}` };
}
