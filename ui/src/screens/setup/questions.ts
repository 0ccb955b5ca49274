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
