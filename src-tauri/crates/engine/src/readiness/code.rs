//! Checks of the code: the repository, GitHub, the build, and the environment lock on the remote.

pub(super) mod approvals;
pub(super) mod branches;
pub(super) mod build_job;
pub(super) mod build_under_way;
pub(super) mod commit_checks;
pub(super) mod github_sign_in;
pub(super) mod large_files;
pub(super) mod lock_free;
pub(super) mod merges_cleanly;
pub(super) mod push_rules;
pub(super) mod settings;
pub(super) mod submodules;
pub(super) mod tag_free;
pub(super) mod version_file;
pub(super) mod workflow;
pub(super) mod workflow_concurrency;
pub(super) mod workflow_deploys;
pub(super) mod workflow_inputs;
pub(super) mod workflow_triggers;
