// The words of every trouble. One entry per trouble. A trouble without an entry does not compile.

import type { DebriefKind, Trouble, TroubleState, TroubleView } from "../generated/bindings";
import { clock } from "../run/time";

/** The texts of a trouble. */
export interface TroubleWords {
  title: string;
  /** One sentence about the effect. */
  will: string;
  /** The state while the trouble lasts. Undefined for a momentary trouble. */
  now?: string;
  /** The button that ends the trouble early. */
  end?: string;
}

export const TROUBLES: Record<Trouble, TroubleWords> = {
  mergeConflict: {
    title: "Merge conflict",
    will: "A colleague changes the same line before you merge; a developer resolves it after about ten minutes.",
    now: "Lin is resolving it on the release branch.",
    end: "Have it resolved now",
  },
  tokenExpires: {
    title: "The GitHub sign-in expires",
    will: "From its next request on, GitHub refuses the token for two minutes, or until you renew it here.",
    now: "GitHub refuses every request.",
    end: "Renew the practice sign-in",
  },
  backupDiskFull: {
    title: "The backup disk is full",
    will: "The backup stops half-way for want of room; somebody makes room before the second try.",
  },
  scriptHangs: {
    title: "A script hangs",
    will: "The next script on the staging machine, backup or migration, stops working and does not end. You stop it.",
    now: "The script does nothing any more, and does not end.",
  },
  mainMovedOn: {
    title: "The main branch moved on",
    will: "A colleague pushes to the main branch after your backup and before your build.",
  },
  mainIsProtected: {
    title: "Main takes only pull requests",
    will: "GitHub refuses your push to the main branch; a reviewer merges your pull request soon after you open it.",
    now: "The main branch takes only pull requests.",
    end: "Lift the rule now",
  },
  githubAnswersLate: {
    title: "GitHub answers late",
    will: "Each answer takes many seconds, and the answer to the start of the build is lost.",
    now: "Every answer of GitHub is slow.",
    end: "Make GitHub quick again",
  },
  buildFails: {
    title: "The build fails",
    will: "The build ends red in its 20th minute, before its package is stored.",
  },
  imageMissing: {
    title: "The package is missing",
    will: "The build ends green, and its package is not in the registry under its name.",
  },
  connectionLostInMigration: {
    title: "Connection lost in the migration",
    will: "Nobody reaches the staging machine for about a minute; the migration on it goes on.",
    now: "The staging machine cannot be reached. What runs on it goes on.",
    end: "Bring the connection back",
  },
  machineReplaced: {
    title: "The staging machine is replaced",
    will: "During the migration another machine takes the place of the staging machine. The migration was cut off.",
  },
  migrationFailsHalfWay: {
    title: "The migration fails half-way",
    will: "It leaves a half changed database; the people you call finish it by hand after about 15 minutes.",
    now: "Lin and Susan are finishing the migration by hand.",
    end: "Have it finished now",
  },
  buildSuperseded: {
    title: "A colleague starts the build again",
    will: "GitHub cancels your build in its 5th minute; the other one builds the same commit.",
  },
  approvalWanted: {
    title: "GitHub wants an approval",
    will: "Before GitHub deploys, a colleague has to approve; that takes about 15 minutes.",
    now: "GitHub waits for the approval of a colleague.",
    end: "Have it approved now",
  },
  workflowMakesRevision: {
    title: "The build makes its own settings",
    will: "The build saves start-up settings of its own, and AWS puts those in place of ours.",
  },
  colleagueDeploys: {
    title: "A colleague deploys",
    will: "While AWS puts the new version in place, a colleague deploys the version before.",
  },
  breakerTrips: {
    title: "AWS gives the new version up",
    will: "A colleague sets the limit of failed starts back, and AWS gives up before the migration.",
    now: "AWS counts failed starts up to the lower limit.",
  },
  failureNotRecognised: {
    title: "The new version cannot start",
    will: "A setting is missing, which no migration cures. Its log tells the reason.",
    now: "Each start of the new version fails.",
    end: "Have the setting added",
  },
  noMigration: {
    title: "A release without a migration",
    will: "The new version runs on the database as it is.",
    now: "The new version starts without a migration.",
  },
  migrationRestored: {
    title: "The database is restored",
    will: "The migration fails half-way; the people you call restore the backup after about 15 minutes.",
    now: "Lin and Susan are restoring the database.",
    end: "Have it restored now",
  },
  neverStarts: {
    title: "Nothing starts after the migration",
    will: "The database is migrated, and each start of the new version still fails.",
    now: "Each start of the new version fails.",
    end: "Have the program repaired",
  },
  siteCheckFails: {
    title: "A check of the site fails",
    will: "After the servers have switched, the page of a study shows an error.",
    now: "The page of a study shows an error.",
    end: "Repair the site",
  },
};

const STATES: Record<TroubleState, (at: string) => string> = {
  off: () => "Off",
  waiting: () => "Will happen once, when its moment comes",
  happening: (at) => `Going on since ${at}`,
  happened: (at) => `Over since ${at}. Switch it on to have it once more`,
};

/** The state of a trouble in words. */
export const stateWords = ({ state, at }: TroubleView) => STATES[state](at === null ? "" : clock(at));

/** The act of a person, in the words of the debrief. `about` is a step or a check. */
export const ACTS: Record<DebriefKind, (about: string, kind: "release" | "rollback") => string> = {
  started: (about) => `started “${about}”`,
  triedAgain: (about) => `started “${about}” again`,
  answered: (about) => `answered the question of “${about}”`,
  checked: (about) => `answered the check “${about}”`,
  saidDone: (about) => `wrote down that “${about}” is done`,
  saidNotDone: (about) => `wrote down that “${about}” did not happen`,
  saidUndone: (about) => `wrote down that “${about}” was undone`,
  leftOut: (about) => `left out “${about}”`,
  startedOver: () => "started over on the new main branch",
  startedDeploy: (_about, kind) => (kind === "rollback" ? "started the rollback" : "started Deploy"),
  ended: (_about, kind) => `ended the ${kind}`,
};
