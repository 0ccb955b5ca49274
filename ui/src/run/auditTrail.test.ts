import { describe, expect, it } from "vitest";
import type { EventBody, StepId } from "../generated/bindings";
import { goldenRuns, moment, type Moment } from "../platform/samples";
import { sentenceOf, type Sentence } from "./auditTrail";

const stories = ({ events, view }: Moment): Sentence[] =>
  events.map((event) => sentenceOf(event, view)).filter((story): story is Sentence => story !== null);

const released = moment("released");
const stopped = moment("stopped-after-a-failed-migration");

/** The sentence of an event with this body, appended to a run. */
function tells(body: EventBody, { events, view }: Moment = released): Sentence | null {
  const last = events.at(-1);
  if (last === undefined) throw new Error("the golden record is empty");
  return sentenceOf({ ...last, body }, view);
}

const succeeded = (how: Extract<EventBody, { kind: "stepSucceeded" }>["how"]): EventBody => ({
  kind: "stepSucceeded",
  step: "RunMigration",
  attempt: 1,
  how,
  evidence: ["The database has the new tables."],
});

describe.each(goldenRuns())("the story of %s", (_, golden) => {
  it("says nothing twice", () => {
    const texts = stories(golden).map((story) => `${story.text} ${story.detail ?? ""}`);
    expect(texts).toEqual([...new Set(texts)]);
  });

  it("is made of whole sentences without names of the program", () => {
    for (const { text } of stories(golden)) {
      expect(text).toMatch(/^[A-Z0-9“/].*[.!?”]$/);
      expect(text).not.toMatch(/undefined|null|\[object|exit code/);
      for (const step of golden.view.steps) expect(text).not.toContain(step.definition.id satisfies StepId);
    }
  });

  it("keeps the order of the record", () => {
    const times = stories(golden).map((story) => story.at);
    expect(times).toEqual(times.toSorted());
  });

  it("has a sentence for an unknown step", () => {
    const lost = { ...golden.view, steps: [] };
    for (const event of golden.events) expect(() => sentenceOf(event, lost)).not.toThrow();
  });
});

it("the word of a person about the machine has a sentence", () => {
  const note = "AWS ended the instance";
  expect(tells({ kind: "machineGivenUp", note })).toMatchObject({
    text: `Said that the staging machine is gone: “${note}”`,
    tone: "careful",
  });
  const { staging } = released.view;
  if (staging === null) throw new Error("the golden run has a machine");
  const moved = tells({ kind: "addressChanged", staging: { ...staging, address: "192.0.2.77" } });
  expect(moved).toMatchObject({ text: "The staging machine has another address now.", by: "Anna" });
});

describe("the story of a rollback", () => {
  const rollback = moment("rolled-back");
  const { staging } = rollback.view;
  if (staging === null) throw new Error("the golden run has a machine");

  it("has the words of a rollback, and names no staging machine", () => {
    const texts = stories(rollback).map(({ text, detail }) => `${text} ${detail ?? ""}`.trim());
    expect(texts[0]).toBe("Opened the rollback of Rally 2.1.0.");
    expect(texts).toContain("Started the rollback. Told beforehand: Everyone.");
    expect(texts).toContain("Took Practice for this rollback, so that nobody else changes it meanwhile.");
    expect(texts.join("\n")).not.toMatch(/Deploy|Prepare|this release/);
    expect(texts.join("\n")).not.toContain(staging.address);
  });

  it("of an earlier version is the same", () => {
    expect(stories(moment("rollback-of-an-earlier-version"))).toEqual(stories(rollback));
  });

  it("says what is lost, and that nothing guards the environment", () => {
    const lost = tells(
      { kind: "factLearned", step: "RollBack", fact: { kind: "rolloutLost", arn: "", reason: "gone" } },
      rollback,
    );
    expect(lost?.text).toBe("Not every server runs the version before 2.1.0 any more.");
    const refusal: EventBody = { kind: "environmentRefused", reason: "GH013", isAccepted: true };
    expect(tells(refusal, rollback)?.text).toBe("GitHub refuses the lock of Practice: nothing else guards it.");
    expect(tells(refusal)?.text).toMatch(/only the one on the staging machine guards it/);
  });

  it("is named to a release that takes the environment over from it", () => {
    const from = { run: "r", person: "Bob", computer: "desk-9", version: "2.0.9", reason: "", since: "", seen: null };
    const taking = (isRollback: boolean): EventBody => ({
      kind: "environmentTaking",
      staging,
      from: { ...from, isRollback },
      reason: "we spoke",
    });
    expect(tells(taking(true))?.text).toContain("who held it for the rollback of 2.0.9: “we spoke”");
    expect(tells(taking(false))?.text).toContain("who held it for 2.0.9: “we spoke”");
  });
});

it("a start over names both commits and the note", () => {
  const [base, main] = ["a1".repeat(20), "b2".repeat(20)];
  expect(tells({ kind: "startedOver", base, main, note: "a hotfix came first" })).toMatchObject({
    text: "Started over on the new master, with nothing published: “a hotfix came first”",
    tone: "careful",
    detail: "a1a1a1a → b2b2b2b",
    by: "Anna",
  });
});

it("a step of less than a minute has one sentence", () => {
  const merge = stories(released).filter((story) => /merge/i.test(story.text));
  expect(merge).toHaveLength(1);
  expect(merge[0]).toMatchObject({ tone: "good", by: "Anna" });
  expect(merge[0]?.text).toMatch(/^Merged v2\.1\.0 into master as /);
});

it("a longer step has two sentences", () => {
  const migration = stories(released).filter((story) => /migration/i.test(story.text));
  expect(migration.map((story) => [story.by, story.text.replace(/\(.*/, "")])).toEqual([
    ["Anna", "Pressed “Run the migration”"],
    [null, expect.stringMatching(/^The migration finished without error after \d+ min /)],
  ]);
});

it("a press is listed while its step runs", () => {
  expect(stories(moment("merge-started")).at(-1)?.text).toBe("Pressed “Merge the branch”");
});

it("automatic steps name no person", () => {
  const texts = stories(released).map((story) => story.text);
  expect(texts.filter((text) => text.includes("Watch"))).toEqual([]);
});

it("started servers are not counted", () => {
  const fact = { kind: "serverBecameNew", task: "4c481bc8a747eebebde571e64276b8f7", count: 5, of: 2 } as const;
  const story = tells({ kind: "factLearned", step: "AwaitRollout", fact });
  expect(story).toMatchObject({ text: "AWS started a server with 2.1.0.", detail: "4c481bc8", by: null });
});

it("each check answer is listed once", () => {
  const texts = stories(released).map((story) => story.text);
  expect(texts.filter((text) => text.startsWith("Passed: "))).toHaveLength(3);
  expect(texts.filter((text) => text.includes("Open any study"))).toHaveLength(1);
});

it("a failure has plain words and a technical part", () => {
  const failure = stories(stopped).find((story) => story.tone === "stop");
  expect(failure?.text).toContain("The script on the staging machine ended with an error");
  expect(failure?.detail).toContain("rally-migrate ended with 3");
  expect(failure?.by).toBeNull();
});

it("the end has the person's own words", () => {
  expect(stories(stopped).at(-1)).toMatchObject({ text: "Stopped: “the migration failed”", tone: "stop", by: "Anna" });
  expect(stories(released).at(-1)).toMatchObject({ text: "Released.", tone: "good" });
});

it.each([
  [succeeded({ kind: "alreadyDone" }), "Already done: The database has the new tables.", "good", null],
  [succeeded({ kind: "foundDone" }), "It had happened: The database has the new tables.", "good", null],
  [
    succeeded({ kind: "byHand", note: "ran it over ssh" }),
    "was done by hand, and the world shows it: “ran it over ssh”",
    "good",
    "Anna",
  ],
  [succeeded({ kind: "saidBy", note: "I watched it" }), "as a person says: “I watched it”", "careful", "Anna"],
  [
    { kind: "stepInDoubt", step: "BackUp", attempt: 1, why: "the app was closed" },
    "We did not know whether",
    "careful",
    null,
  ],
  [
    { kind: "stepResumed", step: "BackUp", attempt: 1, evidence: "the script runs" },
    "“Back up the production database” is followed again: the script runs.",
    "plain",
    null,
  ],
  [
    { kind: "stepReset", step: "BackUp", attempt: 1, evidence: "no job is there", reportedBy: "Anna" },
    "had not happened",
    "careful",
    "Anna",
  ],
  [{ kind: "stepReset", step: "BackUp", attempt: 1, evidence: "no job is there" }, "had not happened", "careful", null],
  [{ kind: "stepStopped", step: "BackUp", attempt: 1, note: "too late today" }, "too late today", "careful", "Anna"],
  [{ kind: "stepSkipped", step: "BackUp", note: "made an hour ago" }, "Left out", "careful", "Anna"],
  [
    { kind: "stepSkipped", step: "RunMigration", note: "only texts changed" },
    "This release has no migration. only texts changed.",
    "careful",
    "Anna",
  ],
  [
    {
      kind: "stepUndone",
      step: "RunMigration",
      attempt: 1,
      job: "a1",
      how: "restored",
      note: "the team did it",
      evidence: "The database says 41 again.",
    },
    "Reported that the database was restored after the migration: “the team did it” The database says 41 again.",
    "careful",
    "Anna",
  ],
  [
    { kind: "stepWarned", step: "CheckSite", attempt: 1, evidence: [], warning: "one check failed" },
    "one check failed.",
    "careful",
    null,
  ],
  [{ kind: "tookOver", from: "Bert" }, "Took over from Bert.", "plain", "Anna"],
  [
    { kind: "checkAnswered", check: "study", answer: "couldNotCheck", note: "no account" },
    "no account",
    "careful",
    "Anna",
  ],
] satisfies [EventBody, string, string, string | null][])("%o is told as it is", (body, words, tone, by) => {
  const story = tells(body);
  expect(story?.text).toContain(words);
  expect(story).toMatchObject({ tone, by });
});

it("offers and repeated facts have no sentence", () => {
  expect(tells({ kind: "stepOffered", step: "BackUp" })).toBeNull();
  expect(
    tells({ kind: "factLearned", step: "PushBranch", fact: { kind: "mainPublished", commit: "be754be" } }),
  ).toBeNull();
});

it("an answer is listed by its label or id", () => {
  const answered = {
    kind: "questionAnswered",
    step: "DispatchBuild",
    question: "stay",
    text: "Do you stay?",
    answer: "stay-here",
    note: "",
  } as const;
  expect(tells({ ...answered, label: "I stay until it is done" })?.text).toBe(
    "Answered “Do you stay?”: I stay until it is done.",
  );
  expect(tells({ ...answered, label: "" })?.text).toBe("Answered “Do you stay?”: stay here.");
  expect(tells(answered)?.text).toBe("Answered “Do you stay?”: stay here.");
});

it("the start of Deploy names the differences that were accepted", () => {
  const { staging } = released.view;
  if (staging === null) throw new Error("the run has no staging machine");
  const differences = [
    { id: "mainMoved:0a1b", text: "master moved" },
    { id: "", text: "the label moved" },
  ];
  const story = tells({ kind: "deployStarted", staging, told: "Support", differences });
  expect(story?.text).toBe("Started Deploy. Told beforehand: Support. Accepted: master moved; the label moved.");
});
