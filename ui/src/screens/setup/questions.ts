// The question that Setup asks above the list of proposals.

const QUESTIONS: Readonly<Record<string, string>> = {
  "git.main": "Which branch is a release merged into?",
  "git.branch": "How are release branches named?",
  "git.tag": "How are the labels of releases named?",
  "git.version_value": "How is the version spelled in the file?",
  "github.workflow": "Which workflow builds a release?",
  "github.build_job": "Which job builds and pushes the package?",
  "aws.cluster": "Which cluster runs the site?",
  "aws.service": "Which service runs the site?",
  "aws.family": "Which start-up settings does the site use?",
  "aws.container": "Which container is the program?",
  "aws.image_repository": "Where does the build put the packages?",
  "aws.image_tag": "How are packages named?",
  "aws.log_group": "Where does the program write its log?",
  "site.version_pattern": "Which version on the page is that of the site?",
  "backup.artifact_directory": "Which folder has the backups?",
  "backup.artifact_pattern": "How are the backup files named?",
};

export const questionOf = (key: string, label: string) => QUESTIONS[key] ?? label;

const MACHINE_LATER = "The machine lists folders once its fingerprint is known.";

/** Why a list is empty although a system has one. */
const LISTED_LATER: Readonly<Record<string, string>> = {
  "github.build_job": "GitHub lists jobs once the workflow is known.",
  "aws.service": "AWS lists services once the cluster is known.",
  "aws.family": "AWS lists start-up settings once the cluster is known.",
  "site.version_pattern": "The site lists versions once the address of its version page is known.",
  "backup.artifact_directory": MACHINE_LATER,
  "backup.artifact_pattern": MACHINE_LATER,
};

/** The sentence in place of an empty list. Without a source no system was asked. */
export function emptyListWords(key: string, source: string): string {
  const isOfMachine = LISTED_LATER[key] === MACHINE_LATER;
  if (source === "" || isOfMachine) return LISTED_LATER[key] ?? "No system lists this value: type it.";
  return `Nothing was found at ${source}: type the value.`;
}
