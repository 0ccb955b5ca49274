// The journal in sentences. An event without a sentence is covered by the sentence of another one.
// Pure functions.

import { inWords } from "../errors/words";
import { between, clock } from "./time";
import type {
  CheckAnswer,
  Event,
  Fact,
  RunEvent,
  RunResult,
  RunView,
  StagingMachine,
  StepEvent,
  StepView,
  Timestamp,
  UndoKind,
} from "../generated/bindings";
import { isRollback, kindOf, purposeOf, startName } from "./run-words";

export type Tone = "plain" | "good" | "careful" | "stop";

/** One sentence of the audit trail. */
export interface Sentence {
  at: Timestamp;
  /** The person who acted. Null for an observation of the app. */
  by: string | null;
  text: string;
  /** The technical part, shown as code. */
  detail?: string;
  tone: Tone;
}

/** A press has no sentence of its own when its step was done within this time, in ms. */
const QUICK_MS = 60_000;

type Say = (text: string, tone?: Tone, by?: string | null, detail?: string) => Sentence;

/**
 * The sentence of an event. A fact is covered by the step that learned it, unless it has a sentence
 * of its own.
 */
export function sentenceOf(event: Event, view: RunView): Sentence | null {
  const { at, body } = event;
  const { person } = event.by;
  const say: Say = (text, tone = "plain", by = person, detail = "") => ({
    at,
    by,
    text: /[.!?”]$/.test(text) ? text : `${text}.`,
    tone,
    ...(detail === "" ? {} : { detail }),
  });
  switch (body.kind) {
    case "stepOffered":
    case "stepStarted":
    case "stepSucceeded":
    case "stepWarned":
    case "stepSkipped":
    case "stepFailed":
    case "stepInDoubt":
    case "stepResumed":
    case "stepReset":
    case "stepUndone":
    case "stepStopped": {
      const step = view.steps.find((one) => one.definition.id === body.step);
      return sentenceOfStep(body, step, person, say);
    }
    case "runDrafted":
    case "rollbackDrafted":
    case "prepareStarted":
    case "runPrepared":
    case "deployStarted":
    case "checkingStarted":
    case "runEnded":
    case "tookOver":
    case "factLearned":
    case "gateClosing":
    case "environmentTaking":
    case "environmentRefused":
    case "addressChanged":
    case "scriptStopping":
    case "machineGivenUp":
    case "valueCorrected":
    case "startedOver":
    case "questionAnswered":
    case "checkAnswered":
      return sentenceOfRun(body, view, say);
  }
}

function addressOf(machine: StagingMachine): string {
  return `${machine.address}:${machine.port}`;
}

function commitsOf({ base, main }: { base: string; main: string }): string {
  return `${base.slice(0, 7)} → ${main.slice(0, 7)}`;
}

function startedOverWords(note: string, view: RunView): string {
  return `Started over on the new ${view.profile.git.main}, with nothing published: “${note}”`;
}

function sentenceOfRun(body: RunEvent, view: RunView, say: Say): Sentence | null {
  switch (body.kind) {
    case "runDrafted":
      return say(`Opened the release of ${view.profile.product.name} ${body.version}`);
    case "rollbackDrafted":
      return say(`Opened the rollback of ${view.profile.product.name} ${body.version}`);
    case "prepareStarted":
      return say(`Started Prepare: “${body.statement}”`);
    case "runPrepared":
      return say("Prepared; nothing is held", "good", null);
    case "deployStarted": {
      const accepted = body.differences.map(({ text }) => text);
      return say(
        `Started ${startName(view)}. Told beforehand: ${body.told}.${list(" Accepted: ", accepted)}`,
        "plain",
        undefined,
        // A rollback asks no staging machine.
        isRollback(view) ? "" : `${body.staging.user}@${body.staging.address}:${body.staging.port}`,
      );
    }
    case "checkingStarted":
      return say("The site can be checked", "plain", null);
    case "runEnded":
      return say(
        `${resultWords(body.result).word}${body.note === "" ? "" : `: “${body.note}”`}`,
        resultWords(body.result).tone,
      );
    case "tookOver":
      return say(`Took over from ${body.from}`);
    case "factLearned": {
      const known = fact(body.fact, view);
      return known === null ? null : say(known.text, "plain", null, known.detail);
    }
    case "gateClosing": {
      const title = view.steps.find((one) => one.definition.id === body.step)?.definition.title ?? body.step;
      return body.note === ""
        ? say(`Made sure that no order still on its way starts “${title}”.`, "plain", null)
        : say(`Closed “${title}” on the staging machine, so that the app never starts it.`, "careful");
    }
    case "environmentTaking":
    case "environmentRefused":
      return sentenceOfLock(body, view, say);
    case "addressChanged":
      return say("The staging machine has another address now", "plain", undefined, addressOf(body.staging));
    case "scriptStopping":
      return say(`Ordered to ${body.isForced ? "kill" : "stop"} ${body.job}: “${body.note}”`, "careful");
    case "machineGivenUp":
      return say(`Said that the staging machine is gone: “${body.note}”`, "careful");
    case "valueCorrected":
      return say(`Corrected “${body.label}”: “${body.reason}”`, "careful", undefined, `${body.old} → ${body.new}`);
    case "startedOver":
      return say(startedOverWords(body.note, view), "careful", undefined, commitsOf(body));
    case "questionAnswered":
      return say(`Answered “${body.text}”: ${choiceWords(body)}${body.note === "" ? "" : `, “${body.note}”`}`);
    case "checkAnswered": {
      const text = view.profile.site.checks.find((check) => check.id === body.check)?.text ?? body.check;
      const note = body.note === "" ? "" : ` “${body.note}”`;
      return say(`${CHECK_WORDS[body.answer]}: ${text}${note}`, body.answer === "passed" ? "good" : "careful");
    }
  }
}

type LockEvent = Extract<RunEvent, { kind: "environmentTaking" | "environmentRefused" }>;

function sentenceOfLock(body: LockEvent, view: RunView, say: Say): Sentence {
  const environment = view.profile.product.environmentName;
  if (body.kind === "environmentRefused") {
    // A rollback takes no lock on a machine.
    const guard = isRollback(view) ? "nothing else" : "only the one on the staging machine";
    return say(`GitHub refuses the lock of ${environment}: ${guard} guards it.`, "careful", null, body.reason);
  }
  const { from, reason } = body;
  if (from === null)
    return say(`Took ${environment} for this ${kindOf(view)}, so that nobody else changes it meanwhile.`);
  return say(
    `Took ${environment} over from ${from.person} on ${from.computer}, who held it for ${purposeOf(from)}: “${reason}”`,
    "careful",
  );
}

function sentenceOfStep(body: StepEvent, step: StepView | undefined, person: string, say: Say): Sentence | null {
  const title = step?.definition.title ?? body.step;
  switch (body.kind) {
    case "stepOffered":
      return null;
    case "stepStarted": {
      if (step?.definition.role === "watching" || isToldByItsEnd(step, body.attempt)) return null;
      const again = body.attempt > 1 ? ` (attempt ${body.attempt})` : "";
      // "Continue this release here" records several of these with one press.
      return say(
        body.plan.already === null || body.plan.follows === true
          ? `Pressed “${body.plan.button}”${again}`
          : "Looked at what is there already",
      );
    }
    case "stepSucceeded":
      // The answers to its checks have their own sentences, each with its person.
      if (body.step === "CheckSite" && body.how.kind === "did") return null;
      return say(...succeeded(body, person, step));
    case "stepWarned":
      return say(`${title}: ${body.warning}`, "careful", null);
    case "stepSkipped":
      if (body.step === "RunMigration") return say(`This release has no migration. ${body.note}`, "careful");
      return say(`Left out “${title}”: ${body.note}`, "careful");
    case "stepFailed":
      return say(
        `“${title}” stopped. ${inWords(body.failure).happened}`,
        "stop",
        null,
        [`failed to ${body.failure.summary}`, ...body.failure.causes].join("; "),
      );
    case "stepInDoubt":
      return say(`We did not know whether “${title}” happened: ${body.why}`, "careful", null);
    case "stepResumed":
      return say(`“${title}” is followed again: ${body.evidence}`, "plain", null);
    case "stepReset":
      return say(`“${title}” had not happened: ${body.evidence}`, "careful", body.reportedBy ?? null);
    case "stepUndone":
      return say(`${UNDO_WORDS[body.how]}: “${body.note}” ${body.evidence}`, "careful", undefined, body.job);
    case "stepStopped":
      return say(`Stopped “${title}”: ${body.note}`, "careful");
  }
}

const list = (before: string, lines: readonly string[]) => (lines.length === 0 ? "" : `${before}${lines.join("; ")}`);

/** Whether the sentence of an attempt's end covers its press. */
function isToldByItsEnd(step: StepView | undefined, attempt: number): boolean {
  if (step?.status !== "succeeded" || step.attempt !== attempt || step.startedAt === null) return false;
  return step.how.kind === "did" && between(step.startedAt, step.endedAt) < QUICK_MS;
}

type Said = [text: string, tone: Tone, by: string | null];

function succeeded(
  body: Extract<StepEvent, { kind: "stepSucceeded" }>,
  person: string,
  step: StepView | undefined,
): Said {
  const evidence = body.evidence.join(" ");
  const title = step?.definition.title ?? body.step;
  const { how } = body;
  switch (how.kind) {
    case "did":
      return [
        evidence === "" ? `Done: ${title}` : evidence,
        "good",
        isToldByItsEnd(step, body.attempt) ? (step?.startedBy ?? null) : null,
      ];
    case "alreadyDone":
      return [`Already done: ${evidence}`, "good", null];
    case "foundDone":
      return [`It had happened: ${evidence}`, "good", null];
    case "byHand":
      return [`“${title}” was done by hand, and the world shows it: “${how.note}”`, "good", person];
    case "saidBy":
      return [`“${title}” is done, as a person says: “${how.note}”`, "careful", person];
  }
}

/** The choice as the screen showed it. Journals of earlier versions have only its id. */
export function choiceWords({ answer, label }: { answer: string; label?: string }): string {
  if (label !== undefined && label !== "") return label;
  return answer
    .replaceAll(/[-_]/g, " ")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
}

/** Facts that the end of no step covers. */
function fact(one: Fact, view: RunView): { text: string; detail: string } | null {
  switch (one.kind) {
    case "packageReady":
      return {
        text: `The package is built and in the registry, pushed ${clock(one.pushedAt)}.`,
        detail: `${one.digest.slice(0, 19)}…`,
      };
    case "serverBecameNew":
      // The number of servers is in the sentence of the end, because a started server may have
      // stopped.
      return { text: `AWS started a server with ${view.version}.`, detail: one.task.slice(0, 8) };
    case "siteAnswered":
      return { text: `The site shows ${one.version}.`, detail: one.url };
    case "startFailed":
      return { text: `A server with ${view.version} did not start: ${one.reason}.`, detail: one.task.slice(0, 8) };
    case "rolloutLost": {
      const lost = isRollback(view) ? `the version before ${view.version}` : view.version;
      return { text: `Not every server runs ${lost} any more.`, detail: one.reason };
    }
    case "revisionAccepted":
      return { text: `${one.person} accepted the start-up settings of the build.`, detail: one.arn };
    case "pullRequestOpened":
    case "pullRequestMerged":
    case "merged":
    case "versionSet":
    case "tagMade":
    case "mainPublished":
    case "tagPublished":
    case "revisionSaved":
    case "backupFound":
    case "backupProved":
    case "buildStarted":
    case "buildRerun":
    case "buildCancelled":
    case "buildEnded":
    case "deployPhaseBegan":
    case "migrationFinished":
    case "rolledOut":
    case "failureLimitRaised":
    case "failureLimitRestored":
    case "rolloutStopped":
    case "rolledBack":
      return null;
  }
}

const UNDO_WORDS: Record<UndoKind, string> = {
  restored: "Reported that the database was restored after the migration",
  nothingApplied: "Reported that the migration applied nothing",
};

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
