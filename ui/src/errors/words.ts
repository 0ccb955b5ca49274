// The words of every failure: the event, its meaning, the next act. One entry per code. A code
// without an entry does not compile. No text of the app is parsed here.

import type { Changed, ErrorCode, Failure } from "../generated/bindings";

/** The three parts of a failure on the screen. */
export interface Words {
  /** One sentence in the past tense, without a code. */
  happened: string;
  /** The changes that were made, and those that were not. */
  means: string;
  /** The next acts, most useful first. */
  todo: string[];
}

type Params = Failure["params"];
type Entry = { happened: (params: Params) => string; means?: string; todo?: readonly string[] };

const CHANGED: Record<Changed, string> = {
  nothing: "Nothing was changed.",
  partly: "A part of it was done before it stopped.",
  unknown: "We do not know yet whether this happened. Ask again before anything else is done.",
};

const named = (params: Params, key: string, otherwise: string) => params[key] ?? otherwise;

const CALL = "Call a developer and show them the technical details.";
const AGAIN = "Try again.";
const ACCESS = "Open Access, replace it, and test it there.";

const WORDS: Record<ErrorCode, Entry> = {
  badInput: { happened: (p) => p["problem"] ?? "What was entered does not fit.", todo: ["Correct it and try again."] },
  badProfile: {
    happened: (p) =>
      p["problem"] === undefined
        ? `The settings of this product could not be read (${named(p, "file", "profile")}).`
        : `This setup file cannot be used. ${named(p, "file", "The file")}${p["line"] === undefined ? "" : `, line ${p["line"]}`}: ${p["problem"]}.`,
    todo: ["Show the technical details to the person who wrote the settings."],
  },
  debugBuild: {
    happened: () => "This is a build for developers. It opens practice only.",
    means: "Nothing was read and nothing was changed.",
    todo: ["Install the package of Greenlight, and open production there."],
  },
  versionNotNewer: {
    happened: (p) => p["sentence"] ?? "This version is not newer than one that was released.",
    todo: ["Check the number.", "If it is right, write down why; that is kept with your name."],
  },
  unconfirmed: {
    happened: (p) => `A value was never confirmed by a person: ${named(p, "label", named(p, "keys", "see below"))}.`,
    todo: ["Open Setup and enter it there."],
  },
  planChanged: {
    happened: () => "What would be done now is not what was shown.",
    means: "Something moved since the plan was made. Nothing was started.",
    todo: ["Read the new plan, then press the button again."],
  },
  notReady: {
    happened: (p) => `Not everything is ready: ${named(p, "problem", "a check is not passed")}.`,
    means: "Nothing was started.",
    todo: ["Press “Check again” under “Is everything ready?”, and read each row."],
  },
  notConfirmed: {
    happened: () => "The confirmation does not belong to this plan.",
    means: "Each confirmation counts once, for the plan that was shown. Nothing was started.",
    todo: ["Confirm again."],
  },
  notAllowedNow: {
    happened: () => "This cannot be done at this moment.",
    todo: ["Wait until the step under way has ended."],
  },
  preconditionFailed: {
    happened: () => "One of the conditions for this step does not hold any more.",
    todo: ["Look at the conditions of the step; the one with a cross says what is missing."],
  },
  questionOpen: { happened: () => "This step still has a question for you.", todo: ["Answer the question first."] },
  credentialMissing: {
    happened: () => "A sign-in that this step needs is not saved.",
    todo: ["Open Access and save it."],
  },
  credentialRefused: { happened: () => "The sign-in was refused. It may have expired.", todo: [ACCESS] },
  permissionMissing: {
    happened: () => "You are signed in, but this is not permitted.",
    todo: ["Ask for the permission, or use another sign-in on the Access page."],
  },
  githubRefused: {
    happened: (p) => `GitHub did not accept this: ${named(p, "problem", "a rule of the organisation forbids it")}.`,
    todo: ["Nothing was sent again. The hint below says the way on."],
  },
  keychainMissing: {
    happened: () => "This computer has no keychain that answers.",
    means: "Sign-ins cannot be kept safely without one. Nothing was saved anywhere else.",
    todo: ["Sign in to the desktop again, or install a keychain such as GNOME Keyring."],
  },
  keychainLocked: { happened: () => "The keychain of this computer is locked.", todo: ["Unlock it, then try again."] },
  mergeConflict: {
    happened: (p) =>
      `${named(p, "branch", "The branch")} does not fit into ${named(p, "main", "the main branch")} without conflicts.`,
    means: "Nothing was published. The same lines were changed on both sides.",
    todo: ["Ask a developer to resolve the conflicts on the branch, then try again."],
  },
  gitMissing: {
    happened: (p) => `${named(p, "name", "A branch, label or file")} was not found on GitHub.`,
    todo: ["Check the version, or ask a developer whether the branch was pushed."],
  },
  tagElsewhere: {
    happened: (p) => `The label ${named(p, "tag", "of this version")} already stands at another commit.`,
    means: "It is never moved. Nothing was published.",
    todo: ["Somebody may have released this version: look at History. The way on is a new version number."],
  },
  versionFileUnclear: {
    happened: (p) => `The version in ${named(p, "file", "the version file")} cannot be changed safely.`,
    todo: ["Ask a developer to correct the file on the branch, then try again."],
  },
  refMoved: {
    happened: (p) => `${named(p, "name", "The branch")} moved on GitHub while we worked.`,
    means: "Our commit was not published over it.",
    todo: ["Ask who pushed. Start over on the new commits, or give up this release."],
  },
  pushRefused: {
    happened: (p) =>
      `GitHub did not accept ${named(p, "name", "the push")}${p["problem"] === undefined ? "" : `: ${p["problem"]}`}.`,
    todo: ["Nothing was published by it. The hint below says the way on."],
  },
  largeFiles: {
    happened: () => "Large files (LFS) are part of the change; the app cannot push them.",
    todo: ["Ask a developer to push this by hand."],
  },
  containerUnclear: {
    happened: (p) => `The start-up settings do not name the program ${named(p, "container", "")} exactly once.`,
    todo: [CALL],
  },
  revisionDiffers: {
    happened: (p) => `The saved start-up settings ${named(p, "revision", "")} differ in more than the package.`,
    means: "They are saved on AWS, and nothing uses them.",
    todo: ["Read the plan again: it asks whether the release may use them.", CALL],
  },
  wrongAccount: {
    happened: (p) => `AWS answers for account ${named(p, "account", "?")}, not for ${named(p, "expected", "ours")}.`,
    todo: ["Open Access and save the key of the right account."],
  },
  awsMissing: {
    happened: (p) => `AWS does not know ${named(p, "name", "something that must be there")}.`,
    todo: [CALL],
  },
  awsRefused: {
    happened: () => "AWS did not accept the request.",
    todo: [CALL],
  },
  workflowMissing: {
    happened: (p) => `GitHub does not know the build ${named(p, "workflow", "of this product")}.`,
    todo: [CALL],
  },
  buildFailed: {
    happened: () => "The build on GitHub ended without a usable package.",
    means: "The database was not touched. The old version serves the site.",
    todo: ["Open the build on GitHub and call a developer."],
  },
  packageUnproved: {
    happened: (p) =>
      p["idle"]
        ? `The package was pushed outside the times of the job ${named(p, "idle", "of the settings")} of the build.`
        : `No job of the build is called ${named(p, "job", "as the settings say")}, and a package is there.`,
    means: "The app cannot tell whether this build made the package. The old version serves the site.",
    todo: ["Look at the jobs on GitHub and answer the question; then watch again."],
  },
  wrongCommit: {
    happened: () => "GitHub is building another commit than the one of this release.",
    means: "The wrong code must not go live. The database was not touched.",
    todo: ["Cancel the build now, then stop this release. The way on is a new version number."],
  },
  wrongRevision: {
    happened: (p) =>
      `AWS is putting other start-up settings in place (${named(p, "seen", "?")}) than ours (${named(p, "expected", "?")}).`,
    means: "The migration stays closed. The old version serves the site.",
    todo: ["If the build makes its own settings, watch again: the app shows the difference and asks.", CALL],
  },
  rolloutFailed: {
    happened: (p) =>
      p["back"] === undefined ? "AWS could not put the version in place." : `AWS could not put ${p["back"]} back.`,
    means: "The panel with the servers shows what serves the site now.",
    todo: [CALL],
  },
  rolloutSuperseded: {
    happened: (p) =>
      `Another deployment took over from ours: ${named(p, "seen", "?")} instead of ${named(p, "expected", "?")}.`,
    means:
      "Somebody else deployed, or AWS went back and does not say so. The panel with the servers shows what serves the site now.",
    todo: ["Ask the team who deployed. Once our version is put in place again, press Watch again: it only looks."],
  },
  rolloutStopped: {
    happened: () => "The deployment of the new version was stopped.",
    means: "AWS starts no more servers of the new version.",
    todo: ["Ask the team who stopped it. Once the version is put in place again, press Watch again: it only looks."],
  },
  otherImage: {
    happened: () => "A server runs another package than the one that this release built.",
    means: "The settings are ours, but the package behind its name is another one.",
    todo: [CALL],
  },
  noCommonAlgorithm: {
    happened: (p) =>
      `The staging machine answered, but speaks only ${named(p, "offered", "old algorithms")} (${named(p, "kind", "SSH")}).`,
    means: "Nothing was sent to it, no key and no command.",
    todo: ["Ask whoever runs the staging machine to allow a current algorithm in its SSH server."],
  },
  hostUnknown: {
    happened: () => "Nobody has confirmed the fingerprint of this machine yet.",
    todo: ["Compare the fingerprint with the one you were given, then confirm it."],
  },
  hostChanged: {
    happened: () => "This is not the machine whose fingerprint was confirmed.",
    means: "Nothing was sent to it, no key and no command.",
    todo: ["Do not go on. Call whoever runs the staging machine."],
  },
  hostReplaced: {
    happened: () => "Another machine answers where the staging machine of this release was.",
    means: "Nothing was asked of it. It cannot know what the first machine did, so its answers count for nothing here.",
    todo: [
      "Do not go on. Call whoever runs the staging machine, and find out what ran on the first one.",
      "Then stop this release, and start one on the new machine.",
    ],
  },
  environmentHeld: {
    happened: (p) =>
      p["run"] === undefined
        ? `This ${named(p, "kind", "release")} does not hold production any more.`
        : `${named(p, "person", "Somebody")} is ${p["owner_kind"] === "rollback" ? "rolling back" : "releasing"} ${named(p, "version", "another version")} right now.`,
    means: "One release or rollback at a time changes production. Nothing was started.",
    todo: ["Speak with them before you take over."],
  },
  hostRefused: {
    happened: () => "The staging machine did not accept the staging machine key.",
    todo: ["Open Access and choose the right key file."],
  },
  jobConflict: {
    happened: () => "A job of this name was there before on the staging machine.",
    means: "It was not started a second time.",
    todo: [CALL],
  },
  scriptFailed: {
    happened: (p) => {
      const code = named(p, "exit", "unknown code");
      const ended =
        p["stopped_by"] === undefined
          ? `The script on the staging machine ended with an error (${code}).`
          : `${p["stopped_by"]} ordered the script to stop. It ended on the staging machine (${code}).`;
      return p["database"] === undefined ? ended : `${ended} The database: ${p["database"]}.`;
    },
    means: "What it changed until then is in its output. It is not started again by itself.",
    todo: [
      "Read its output below and call the person named for this step.",
      "When it was finished by hand or undone, write that down here.",
    ],
  },
  databaseUnchanged: {
    happened: () => "The migration ended without error, and the database says the same as before.",
    means: "Whether it did anything is for a person to find out. It is not started again by itself.",
    todo: [CALL],
  },
  databaseIsOld: {
    happened: (p) =>
      `The database says ${named(p, "database", "the version of before")} again, as before the migration.`,
    means: "This release does not end as released while the database is the old one.",
    todo: ["If somebody restored it, say so at the step of the migration: it can run once more then.", CALL],
  },
  databaseNotAsBefore: {
    happened: (p) =>
      `The database does not say what it said before the migration: ${named(p, "before", "unknown")} before, ${named(p, "now", "unknown")} now.`,
    means: "Nothing was recorded, and the migration stays closed.",
    todo: ["Ask the people named for this step to restore the database, then report it again."],
  },
  migrationStarted: {
    happened: (p) =>
      `A migration of this version started on the staging machine (${named(p, "job", "unknown job")}), so this release has one.`,
    means: "Nothing was recorded.",
    todo: ["Read the plan of the migration again; the app follows that job to its end."],
  },
  hostUnfit: {
    happened: (p) =>
      `Jobs cannot be run on the staging machine as they have to be: ${named(p, "what", "unknown why")}.`,
    means: "Nothing was started.",
    todo: ["Show this to whoever runs the staging machine.", "Then try again."],
  },
  loginShell: {
    happened: (p) => `The staging machine does not run the app's commands: ${named(p, "problem", "unknown why")}.`,
    todo: ["Show this to whoever runs the staging machine.", "Then try again."],
  },
  saidFailed: {
    happened: (p) => `${named(p, "person", "A person")} looked: it did not come to its end. “${named(p, "note", "")}”`,
    means: "The app does not know how far it came.",
    todo: [CALL],
  },
  backupUnproved: {
    happened: () => "The backup could not be proved complete.",
    means: "Without a proved backup the migration stays closed.",
    todo: ["Take the backup again."],
  },
  siteUnexpected: {
    happened: (p) => `The site does not show the new version yet; it shows ${named(p, "shown", "something else")}.`,
    todo: ["Open the site and look, then try again."],
  },
  keyFileUnreadable: {
    happened: (p) => `The key file could not be used${p["problem"] === undefined ? "" : `: ${p["problem"]}`}.`,
    todo: ["Open Access, check the path and the passphrase."],
  },
  unreachable: {
    happened: () => "The service could not be reached.",
    todo: ["Check the network of this computer, then try again."],
  },
  timedOut: { happened: () => "No answer came in time.", todo: [AGAIN] },
  throttled: { happened: () => "The service asks us to slow down.", todo: ["Wait a minute, then try again."] },
  unreadableAnswer: { happened: () => "The service answered in a way that the app cannot read.", todo: [CALL] },
  journalFailed: {
    happened: (p) =>
      p["entry"] === undefined
        ? "The app's own record could not be read or written."
        : `Somebody has altered this record: entry ${p["entry"]} is not as the app wrote it.`,
    means: "Without its record the app does nothing.",
    todo: ["Check that the disk is not full, then open the app again."],
  },
  journalNewer: {
    happened: (p) =>
      `This record was written by a newer version of the app${p["version"] === undefined ? "" : ` (Greenlight ${p["version"]})`}.`,
    todo: ["Open it with that version."],
  },
  alreadyOpen: {
    happened: () => "Greenlight is already open with this record.",
    todo: ["Use the window that is open, or close it first."],
  },
  internal: { happened: () => "The app itself did not work as it should.", todo: [CALL] },
};

/** The words of a failure. The failure's own hints replace the general advice of its code. */
export function inWords(failure: Failure): Words {
  const entry = WORDS[failure.code];
  const changed = CHANGED[failure.changed];
  return {
    happened: entry.happened(failure.params),
    // The meaning of a code is more exact than "we do not know".
    means: entry.means === undefined ? changed : `${entry.means}${failure.changed === "partly" ? ` ${changed}` : ""}`,
    todo: failure.hints.length > 0 ? failure.hints : [...(entry.todo ?? [])],
  };
}
