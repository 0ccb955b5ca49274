// Events to view, as in `src-tauri/crates/engine/src/fold.rs`. Both follow the golden files in `tests/golden/fold`.

import type { Event, EventBody, RunView, StepView } from "../generated/bindings";
import { next, type StepEvent } from "./transition";

/** The record does not form a run. The page then shows nothing of it rather than something that is not true. */
export class BrokenRecord extends Error {}

/** Folds a whole run. */
export function fold(events: readonly Event[]): RunView {
  const [first, ...rest] = events;
  if (first === undefined) throw new BrokenRecord("the run has no entries");
  return rest.reduce(apply, draft(first));
}

function draft(event: Event): RunView {
  const { body } = event;
  if (body.kind !== "runDrafted") throw new BrokenRecord("the first entry is not the draft");
  return {
    id: event.run,
    seq: event.seq,
    version: body.version,
    profile: body.profile,
    names: body.names,
    realm: body.realm,
    state: "draft",
    result: null,
    endNote: "",
    leftBehind: [],
    draftedAt: event.at,
    prepareStartedAt: null,
    commitTime: null,
    preparedAt: null,
    deployStartedAt: null,
    endedAt: null,
    staging: null,
    people: [event.by.person],
    steps: body.steps.map((definition) => ({
      definition,
      status: "notStarted",
      attempt: 0,
      offeredAt: null,
      startedAt: null,
      startedBy: null,
      endedAt: null,
      how: null,
      evidence: [],
      warning: null,
      failure: null,
      doubt: null,
      plan: null,
    })),
    facts: [],
    answers: [],
    checks: [],
  };
}

/** Folds one more event in; the view given is not changed. */
export function apply(view: RunView, event: Event): RunView {
  if (event.seq !== view.seq + 1 || event.run !== view.id) {
    throw new BrokenRecord(`entry ${event.seq} cannot follow entry ${view.seq}`);
  }
  const { person } = event.by;
  const people = view.people.includes(person) ? view.people : [...view.people, person];
  const after = isStepEvent(event.body) ? withStep(view, event.body, event) : { ...view, ...runChange(view, event) };
  return { ...after, people, seq: event.seq };
}

function isStepEvent(body: EventBody): body is StepEvent {
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
    case "stepStopped":
      return true;
    case "runDrafted":
    case "prepareStarted":
    case "runPrepared":
    case "deployStarted":
    case "checkingStarted":
    case "runEnded":
    case "tookOver":
    case "factLearned":
    case "gateClosing":
    case "environmentTaking":
    case "questionAnswered":
    case "checkAnswered":
      return false;
  }
}

function withStep(view: RunView, body: StepEvent, event: Event): RunView {
  if (!view.steps.some((step) => step.definition.id === body.step)) {
    throw new BrokenRecord(`the run has no step ${body.step}`);
  }
  const steps = view.steps.map((step) => (step.definition.id === body.step ? moved(step, body, event) : step));
  return { ...view, steps };
}

function moved(step: StepView, body: StepEvent, event: Event): StepView {
  const status = nextStatus(step, body);
  const ended = { ...step, status, endedAt: event.at, doubt: null };
  switch (body.kind) {
    case "stepOffered":
      return { ...step, status, offeredAt: event.at };
    case "stepStarted":
      return {
        ...step,
        status,
        attempt: body.attempt,
        startedAt: event.at,
        startedBy: event.by.person,
        endedAt: null,
        how: null,
        evidence: [],
        warning: null,
        failure: null,
        doubt: null,
        plan: body.plan,
      };
    case "stepSucceeded":
      return { ...ended, how: body.how, evidence: body.evidence };
    case "stepWarned":
      return { ...ended, evidence: body.evidence, warning: body.warning };
    case "stepSkipped":
    case "stepStopped":
      return { ...ended, warning: body.note };
    case "stepFailed":
      return { ...ended, failure: body.failure };
    case "stepInDoubt":
      return { ...step, status, doubt: body.why };
    case "stepResumed":
      return { ...step, status, doubt: null };
    case "stepReset":
      return { ...step, status, doubt: null, offeredAt: null };
  }
}

function nextStatus(step: StepView, body: StepEvent) {
  try {
    return next(step.status, body);
  } catch (error) {
    throw new BrokenRecord(`${step.definition.id}: ${String(error)}`);
  }
}

function runChange(view: RunView, event: Event): Partial<RunView> {
  if (view.state === "ended") throw new BrokenRecord("the run has ended, and more entries follow");
  const { at, body } = event;
  switch (body.kind) {
    case "runDrafted":
      throw new BrokenRecord("the run was drafted twice");
    case "prepareStarted":
      return {
        state: "preparing",
        prepareStartedAt: at,
        commitTime: body.commitTime,
        ...(body.begun == null ? {} : { begun: body.begun }),
      };
    case "runPrepared":
      return { state: "prepared", preparedAt: at };
    case "deployStarted":
      return { state: "deploying", deployStartedAt: at, staging: body.staging };
    case "environmentTaking":
      return { staging: body.staging };
    case "checkingStarted":
      return { state: "checking" };
    case "runEnded":
      return { state: "ended", result: body.result, endNote: body.note, leftBehind: body.leftBehind, endedAt: at };
    case "factLearned":
      return { facts: [...view.facts, { at, fact: body.fact }] };
    case "questionAnswered": {
      const { question, text, answer, note } = body;
      return { answers: [...view.answers, { question, text, answer, note, person: event.by.person, at }] };
    }
    case "checkAnswered": {
      const { check, answer, note } = body;
      const others = view.checks.filter((known) => known.check !== check);
      return { checks: [...others, { check, answer, note, person: event.by.person, at }] };
    }
    case "tookOver":
    case "gateClosing":
    case "stepOffered":
    case "stepStarted":
    case "stepSucceeded":
    case "stepWarned":
    case "stepSkipped":
    case "stepFailed":
    case "stepInDoubt":
    case "stepResumed":
    case "stepReset":
    case "stepStopped":
      return {};
  }
}
