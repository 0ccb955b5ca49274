// The record in sentences: what an event says to a person, or nothing when another one says it. Pure.

import { clock } from "./time";
import type { CheckAnswer, Event, Fact, RunResult, RunState, RunView, Stamp, StepId } from "../generated/bindings";

export type Tone = "plain" | "good" | "careful" | "stop";

/** One sentence of the record. */
export interface Told {
  at: Stamp;
  /** Who acted; none where the app only saw something. */
  by: string | null;
  text: string;
  tone: Tone;
}

/** What an event tells. A fact is told by the step that learned it, unless it stands for itself. */
export function told(event: Event, view: RunView): Told | null {
  const { at, body } = event;
  const say = (text: string, tone: Tone = "plain", by: string | null = event.by.person): Told => ({
    at,
    by,
    text,
    tone,
  });
  const title = (id: StepId) => view.steps.find((step) => step.definition.id === id)?.definition.title ?? id;
  const isWatching = (id: StepId) =>
    view.steps.find((step) => step.definition.id === id)?.definition.role === "watching";
  switch (body.kind) {
    case "runDrafted":
      return say(`Opened the release of ${view.profile.product.name} ${body.version}`);
    case "prepareStarted":
      return say(`Started Prepare: “${body.statement}”`);
    case "runPrepared":
      return say("Prepared; nothing is held", "good", null);
    case "deployStarted":
      return say(
        `Started Deploy on ${body.staging.address}; told: ${body.told}${list(" Accepted: ", body.differences)}`,
      );
    case "checkingStarted":
      return say("The site can be checked", "plain", null);
    case "runEnded":
      return say(
        `${resultWords(body.result).word}${body.note === "" ? "" : `: “${body.note}”`}`,
        resultWords(body.result).tone,
      );
    case "tookOver":
      return say(`Took over from ${body.from}`);
    case "stepOffered":
      return null;
    case "stepStarted": {
      if (isWatching(body.step)) return null;
      const again = body.attempt > 1 ? ` (attempt ${body.attempt})` : "";
      return say(`Pressed “${body.plan.button}”${again}`);
    }
    case "factLearned": {
      const text = fact(body.fact);
      return text === null ? null : say(text, "plain", null);
    }
    case "stepSucceeded": {
      // The answers to its checks tell it, each with its person.
      if (body.step === "CheckSite" && body.how.kind === "did") return null;
      const evidence = body.evidence.join(" ");
      const how = body.how;
      switch (how.kind) {
        case "did":
          return say(evidence === "" ? `Done: ${title(body.step)}` : evidence, "good", null);
        case "alreadyDone":
          return say(`Already done: ${evidence}`, "good", null);
        case "foundDone":
          return say(`It had happened: ${evidence}`, "good", null);
        case "byHand":
          return say(`Done by hand, and the world shows it: “${how.note}”`, "good");
        case "saidBy":
          return say(`Said to be done: “${how.note}”`, "careful");
      }
      return null;
    }
    case "stepWarned":
      return say(`${title(body.step)}: ${body.warning}`, "careful", null);
    case "stepSkipped":
      return say(`Left out “${title(body.step)}”: ${body.note}`, "careful");
    case "stepFailed":
      return say(`“${title(body.step)}” stopped with an error: failed to ${body.failure.summary}`, "stop", null);
    case "stepInDoubt":
      return say(`We did not know whether “${title(body.step)}” happened: ${body.why}`, "careful", null);
    case "stepResumed":
      return say(`Followed again: ${body.evidence}`, "plain", null);
    case "stepReset":
      return say(`“${title(body.step)}” had not happened: ${body.evidence}`, "careful");
    case "stepStopped":
      return say(`Stopped “${title(body.step)}”: ${body.note}`, "careful");
    case "questionAnswered":
      return say(
        `Answered “${body.text}”: ${choice(view, body.step, body.answer)}${body.note === "" ? "" : `, “${body.note}”`}`,
      );
    case "checkAnswered": {
      const text = view.profile.site.checks.find((check) => check.id === body.check)?.text ?? body.check;
      const note = body.note === "" ? "" : ` “${body.note}”`;
      return say(`${CHECK_WORDS[body.answer]}: ${text}${note}`, body.answer === "passed" ? "good" : "careful");
    }
  }
}

const list = (before: string, lines: readonly string[]) => (lines.length === 0 ? "" : `${before}${lines.join("; ")}`);

/** A choice is kept by its name; the words stood on the screen when it was made. */
function choice(_view: RunView, _step: StepId, answer: string): string {
  return answer
    .replaceAll(/[-_]/g, " ")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
}

/** Facts that no step's end tells. */
function fact(one: Fact): string | null {
  switch (one.kind) {
    case "packageReady":
      return `The package is built and in the registry, pushed ${clock(one.pushedAt)}`;
    case "serverBecameNew":
      return `${one.count} of ${one.of} servers are new`;
    case "siteAnswered":
      return `The site shows ${one.version}`;
    case "merged":
    case "versionSet":
    case "tagMade":
    case "mainPublished":
    case "tagPublished":
    case "revisionSaved":
    case "backupProved":
    case "buildStarted":
    case "buildEnded":
    case "deployPhaseBegan":
    case "migrationFinished":
    case "rolledOut":
      return null;
  }
}

/** The words of an answer to a check of the site. */
export const CHECK_WORDS: Record<CheckAnswer, string> = {
  passed: "Passed",
  failed: "Failed",
  couldNotCheck: "Could not be checked",
};

const RESULTS: Record<RunResult, { word: string; tone: Tone }> = {
  released: { word: "Released", tone: "good" },
  releasedWithFailedCheck: { word: "Released with a failed check", tone: "careful" },
  rolledBack: { word: "Rolled back", tone: "careful" },
  stopped: { word: "Stopped", tone: "stop" },
  abandoned: { word: "Given up", tone: "plain" },
};

/** The word and tone of a result. */
export function resultWords(result: RunResult): { word: string; tone: Tone } {
  return RESULTS[result];
}

/** The word and tone of a state that is no end. */
export const STATE_WORDS: Record<Exclude<RunState, "ended">, string> = {
  draft: "Not started",
  preparing: "Prepare goes on",
  prepared: "Prepared",
  deploying: "Deploy goes on",
  checking: "Being checked",
};
