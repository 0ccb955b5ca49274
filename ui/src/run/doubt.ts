// For a step in doubt: the system that knows its outcome, the place where a person looks, and the
// safe acts meanwhile.

import type { Observation, StepId } from "../generated/bindings";

interface Asked {
  /** The system that is asked. */
  who: string;
  /** The place where a person finds out without the app. */
  look: string;
  /**
   * Whether the work is a job on the staging machine. It runs on without the app, and the app polls
   * for half a day.
   */
  isRemoteJob?: boolean;
}

const CLONE: Asked = {
  who: "The app's own copy of the repository",
  look: "Show this to a developer; it changes nothing outside the app.",
};
const AWS: Asked = {
  who: "AWS, the list of saved start-up settings",
  look: "Look in the AWS console whether newer start-up settings were saved.",
};
const SERVERS: Asked = { who: "AWS, the servers", look: "Look at the servers in the AWS console." };
const LIMIT: Asked = {
  who: "AWS, the circuit breaker of the service",
  look: "Look in the AWS console at the deployment circuit breaker of the service.",
};
const DEPLOYMENTS: Asked = {
  who: "AWS, the deployments of the service",
  look: "Look in the AWS console at the deployments of the service.",
};
const BUILD: Asked = { who: "GitHub, the builds of this workflow", look: "Look on GitHub whether the build is there." };

/** The advice for each step. */
export const DOUBT_ADVICE: Record<StepId, Asked> = {
  MergeBranch: CLONE,
  SetVersion: CLONE,
  CreateTag: CLONE,
  PushBranch: {
    who: "GitHub, the main branch",
    look: "Look on GitHub whether the version commit is the newest of the main branch.",
  },
  PushTag: { who: "GitHub, the label of this version", look: "Look on GitHub whether the label is there." },
  RegisterTaskDefinition: AWS,
  BackUp: {
    who: "The staging machine, the job of this backup",
    look: "Ask a developer to look on the staging machine whether the backup ran and ended.",
    isRemoteJob: true,
  },
  DispatchBuild: BUILD,
  FollowBuild: BUILD,
  AwaitDeployPhase: SERVERS,
  RunMigration: {
    who: "The staging machine, the job of this migration",
    look: "Ask a developer to look at the database and on the staging machine whether the migration ran and ended.",
    isRemoteJob: true,
  },
  AwaitRollout: SERVERS,
  RaiseFailureLimit: LIMIT,
  RestoreFailureLimit: LIMIT,
  StopRollout: DEPLOYMENTS,
  DeployAgain: DEPLOYMENTS,
  RollBack: DEPLOYMENTS,
  CancelBuild: { who: "GitHub, this build", look: "Look on GitHub whether the build is cancelled." },
  FollowOtherBuild: { who: "The record of this release", look: "Nothing was started; choose the build again." },
  OpenPullRequest: {
    who: "GitHub, the pull requests of this branch",
    look: "Look on GitHub whether the pull request is there.",
  },
  RerunBuild: {
    who: "GitHub, the attempts of this build",
    look: "Look on GitHub whether the build runs once more.",
  },
  CheckSite: { who: "The site", look: "Open the site and look which version it shows." },
};

/** The safe next act after the last answer of the outside system. */
export function safeNow(seen: Observation | null, look: string): string {
  if (seen === null) return "Ask again. Asking changes nothing.";
  switch (seen.kind) {
    case "done":
    case "notDone":
    case "inProgress":
    case "failed":
      return "Nothing to do: the answer is being recorded.";
    case "conflict":
      return `Do not start anything. ${look}`;
    case "unknown":
      return `Ask again, asking changes nothing. Still no answer? ${look} Then say what was seen. If nobody can find out, stop here.`;
  }
}
