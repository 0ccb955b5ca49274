//! Saves a new revision of the task definition that differs from its base only in the image of one
//! container.
//!
//! A plan holds the body with its secret environment values hidden (`redact::hidden`). The run
//! makes the real body again from the same base, and sends it only when hiding it gives the body of
//! the plan.
//!
//! Works on raw JSON with a deny-list (TRAP-T1, T3), carries the tags (TRAP-T2), replaces by
//! container name (TRAP-T4), and recognises its own earlier revision by content (TRAP-T8), which it
//! compares by meaning (`meaning.rs`). Registering changes nothing that runs.

use async_trait::async_trait;
use greenlight_types::{
    Change, Choice, Effect, ErrorCode, Fact, FactKind, Failure, Observation, PlanInputs, Question, Retry,
    RevisionInputs, Role, RunView, StepId, StepPlan, WayBack,
};
use serde_json::Value;

mod image;
mod meaning;

pub(crate) use image::image_of;
use image::question_of_image;
use meaning::same;

use super::{
    refusals::{foreign_plan, missing_on_aws, production_changed},
    run_facts::known_revision,
};
use crate::{
    ports::{TaskDefinition, revision_name},
    redact::hidden,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct RegisterTaskDefinition;

/// Fields that Describe returns and Register does not accept.
const ANSWER_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

#[async_trait]
impl Step for RegisterTaskDefinition {
    fn id(&self) -> StepId {
        StepId::RegisterTaskDefinition
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::TagPublished]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let aws = &run.profile.aws;
        Outline::changes("Saves one more revision of the start-up settings. Nothing uses it yet.")
            .known_later(
                "Start-up settings",
                known_revision(run),
                &format!("{}, number known after this step", aws.family),
            )
            .setting("Container", &aws.container)
            .setting("Package (image)", &run.names.image)
            .setting("AWS account", format!("{}, {}", aws.account, aws.region))
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        drawn_up(cx).await.map(|(plan, _)| plan)
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let run = cx.run();
        let PlanInputs::RegisterTaskDefinition(inputs) = &plan.inputs else { return foreign_plan(plan) };
        let (base, body) = match (inputs, &plan.already) {
            (RevisionInputs::Exists { arn, revision, base }, Some(evidence)) => {
                let fact = Fact::RevisionSaved {
                    arn: arn.clone(),
                    revision: *revision,
                    base_arn: base.clone(),
                    image: run.names.image.clone(),
                    already: true,
                };
                return Outcome::Already { evidence: vec![evidence.clone()], facts: vec![fact] };
            }
            (RevisionInputs::Register { base, body, .. }, None) => (base, body),
            (RevisionInputs::Undecided | RevisionInputs::Exists { .. } | RevisionInputs::Register { .. }, _) => {
                return foreign_plan(plan);
            }
        };
        if entry == Entry::Attach {
            return Outcome::Unknown("saving is never followed, only asked about".into());
        }
        let Ok(planned) = serde_json::from_str::<Value>(body) else {
            return Outcome::Failed(Failure::new(ErrorCode::Internal, "read the planned start-up settings"));
        };
        // A plan has no age limit. A revision that a colleague saved after the plan would be
        // dropped without notice.
        let body = match drawn_up(cx).await {
            Ok((fresh, Some(body))) if is_same_source(&fresh, plan) && same(&hidden(&body), &planned) => body,
            Ok(_) => return Outcome::Failed(production_changed("save what was shown")),
            Err(failure) => return Outcome::Failed(failure),
        };
        let saved = match cx.ports.task_definitions.register(&body).await {
            Ok(saved) => saved,
            Err(failure) => return failure.into(),
        };
        match cx.ports.task_definitions.describe(&saved.arn).await {
            Ok(Some(read_back)) => judge(cx, &run, &read_back, &body, base),
            Ok(None) => Outcome::Unknown(format!("AWS does not show {} yet", saved.arn)),
            Err(failure) => Outcome::Unknown(failure.to_string()),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let asked = async {
            let newest = newest(cx, &run).await?;
            let base = match plan.and_then(planned_base) {
                Some(arn) => described(cx, arn).await?,
                None => running(cx, &run).await?,
            };
            let is_ours = same(&registrable(&newest), &intended(&base, &run)?);
            Ok::<_, Failure>((newest, base, is_ours))
        };
        match asked.await {
            Ok((newest, base, true)) => Observation::Done {
                evidence: vec![format!(
                    "{} is saved; it differs from {} only in the image.",
                    name(&newest),
                    name(&base)
                )],
                facts: vec![saved_fact(&newest, &base.arn, &run, true)],
            },
            Ok((newest, base, false)) => match changed_by_aws(cx, &run, plan, &newest, &base) {
                Some(failure) => Observation::Failed { failure: Box::new(failure) },
                None => Observation::NotDone {
                    evidence: format!("The newest is {}, without the new package.", name(&newest)),
                },
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "Saved settings that nothing uses change nothing.".into() }
    }
}

/// The plan, and the body that it registers: real values, which a plan never holds.
async fn drawn_up(cx: &StepContext) -> Result<(StepPlan, Option<Value>), Failure> {
    let run = cx.run();
    let aws = &run.profile.aws;
    check_account(cx, &run).await?;
    let newest = newest(cx, &run).await?;
    let running = running(cx, &run).await?;
    let draft = |inputs: RevisionInputs| {
        PlanDraft::new(
            &RegisterTaskDefinition,
            &run,
            PlanInputs::RegisterTaskDefinition(inputs),
            "Save the start-up settings",
            format!(
                "Saves new start-up settings of {} for {}. Only the package address of {} changes. Nothing uses them before \
                 the build is done.",
                aws.family, run.version, aws.container
            ),
        )
        .by_hand(
            vec![
                format!("Choose the {} task definition, the most recent one, and Create new revision", aws.family),
                format!("In container {}, set the image URI to", aws.container),
                run.names.image.clone(),
                "Update, then Create".into(),
            ],
            Some(aws.task_definitions_page.clone()),
        )
    };
    let from_running = intended(&running, &run)?;
    if same(&registrable(&newest), &from_running) {
        let inputs = RevisionInputs::Exists { arn: newest.arn.clone(), revision: newest.revision, base: running.arn };
        let already = format!("{} is saved already and has the new package address.", name(&newest));
        return Ok((draft(inputs).already(already).finish(), None));
    }
    let base = match choice(cx, &run, &newest, &running) {
        Base::Open(question) => {
            return Ok((draft(RevisionInputs::Undecided).question(*question).finish(), None));
        }
        Base::Saved(person) => {
            let inputs =
                RevisionInputs::Exists { arn: newest.arn.clone(), revision: newest.revision, base: running.arn };
            let already = format!("{} has the new package address, and {person} decided to use it.", name(&newest));
            return Ok((draft(inputs).already(already).finish(), None));
        }
        Base::Newest => &newest,
        Base::Running => &running,
    };
    let body = intended(base, &run)?;
    if let Some(question) = question_of_image(&run, base) {
        return Ok((draft(RevisionInputs::Undecided).question(question).finish(), None));
    }
    let diff = difference(cx, &registrable(base), &body, 3);
    let inputs = RevisionInputs::Register {
        base: base.arn.clone(),
        newest: Some(newest.arn.clone()),
        running: Some(running.arn.clone()),
        image: run.names.image.clone(),
        body: hidden(&body).to_string(),
    };
    let plan = draft(inputs)
        .line("Based on", name(base))
        .change(Change::Diff { title: format!("{}, next revision", aws.family), diff })
        .finish();
    Ok((plan, Some(body)))
}

/// Refuses when the AWS key belongs to another account than the profile names (INV-E6).
pub(super) async fn check_account(cx: &StepContext, run: &RunView) -> Result<(), Failure> {
    let identity = cx.ports.identity.whoami().await?;
    if identity.account == run.profile.aws.account {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::WrongAccount, "use this AWS key: it belongs to another account")
        .with("account", identity.account)
        .with("expected", run.profile.aws.account.clone())
        .hint("Open Access and save the key of the right account.")
        .retry(Retry::Safe))
}

/// ARN of the revision that a plan is based on.
fn planned_base(plan: &StepPlan) -> Option<&str> {
    match plan.inputs.revision()? {
        RevisionInputs::Register { base, .. } | RevisionInputs::Exists { base, .. } => Some(base),
        RevisionInputs::Undecided => None,
    }
}

/// Whether two plans register from the same revisions. Their bodies are compared apart.
fn is_same_source(one: &StepPlan, other: &StepPlan) -> bool {
    let source = |plan: &StepPlan| match plan.inputs.revision() {
        Some(RevisionInputs::Register { base, newest, running, image, .. }) => {
            Some([Some(base.clone()), newest.clone(), running.clone(), Some(image.clone())])
        }
        Some(RevisionInputs::Exists { .. } | RevisionInputs::Undecided) | None => None,
    };
    source(one).is_some_and(|source_of_one| Some(source_of_one) == source(other))
}

fn judge(cx: &StepContext, run: &RunView, read_back: &TaskDefinition, body: &Value, base: &str) -> Outcome {
    if same(&registrable(read_back), body) {
        return Outcome::Succeeded {
            evidence: vec![format!("Saved {}. Read back: only the image differs.", name(read_back))],
            facts: vec![saved_fact(read_back, base, run, false)],
        };
    }
    Outcome::Failed(differs(cx, read_back, body))
}

fn differs(cx: &StepContext, read_back: &TaskDefinition, body: &Value) -> Failure {
    let diff = difference(cx, body, &registrable(read_back), 1);
    Failure::new(ErrorCode::RevisionDiffers, format!("save the settings exactly: {} differs", name(read_back)))
        .with("revision", name(read_back))
        .because(diff)
        .hint("Nothing uses these settings. Read the plan again: it asks whether the release may use them.")
        .hint("Ask a developer to look at the difference.")
        .changed(greenlight_types::Changed::Partly)
        .retry(Retry::Safe)
}

/// The failure of an attempt in doubt: a revision that was saved after its plan has the new package
/// and differs in more. AWS may keep other settings than were sent.
fn changed_by_aws(
    cx: &StepContext,
    run: &RunView,
    plan: Option<&StepPlan>,
    newest: &TaskDefinition,
    base: &TaskDefinition,
) -> Option<Failure> {
    let Some(RevisionInputs::Register { newest: before, .. }) = plan.and_then(|plan| plan.inputs.revision()) else {
        return None;
    };
    let is_new = before.as_ref() != Some(&newest.arn);
    let has_package = image::image_of(newest, &run.profile.aws.container) == Some(&run.names.image);
    let body = intended(base, run).ok().filter(|_| is_new && has_package)?;
    Some(differs(cx, newest, &body))
}

fn saved_fact(definition: &TaskDefinition, base: &str, run: &RunView, already: bool) -> Fact {
    Fact::RevisionSaved {
        arn: definition.arn.clone(),
        revision: definition.revision,
        base_arn: base.to_owned(),
        image: run.names.image.clone(),
        already,
    }
}

enum Base {
    Newest,
    Running,
    /// The newest revision is used as it is, as this person decided.
    Saved(String),
    Open(Box<Question>),
}

/// The base is the newest revision. If another revision runs, a person decides
/// (docs/releases.md#questions, TRAP-T7). If the newest one has the image of this release already,
/// it may also be used as it is: AWS or another person added to it.
fn choice(cx: &StepContext, run: &RunView, newest: &TaskDefinition, running: &TaskDefinition) -> Base {
    if newest.arn == running.arn {
        return Base::Newest;
    }
    let has_our_image = intended(newest, run).is_ok_and(|body| same(&body, &registrable(newest)));
    let id = format!("{}:{}:{}", if has_our_image { "saved" } else { "base" }, name(newest), name(running));
    match run.answer(&id).map(|answer| (answer.answer.as_str(), &answer.person)) {
        Some((NEWEST, person)) if has_our_image => Base::Saved(person.clone()),
        Some((NEWEST, _)) => Base::Newest,
        Some((RUNNING, _)) => Base::Running,
        _ if has_our_image => {
            Base::Open(Box::new(question_of_saved(cx, run, newest, running).with(id, newest, running)))
        }
        _ => Base::Open(Box::new(question_of_base(cx, run, newest, running).with(id, newest, running))),
    }
}

/// Ids of the answers about two revisions.
const NEWEST: &str = "newest";
const RUNNING: &str = "running";

/// The words of a question about the newest and the running revision.
struct RevisionQuestion {
    text: String,
    /// Words before the difference.
    difference: &'static str,
    diff: String,
    newest: String,
    running: String,
    needs_note: bool,
}

impl RevisionQuestion {
    fn with(self, id: String, newest: &TaskDefinition, running: &TaskDefinition) -> Question {
        let Self { text, difference, diff, newest: newest_label, running: running_label, needs_note } = self;
        let detail = format!("{}. {difference}:\n{diff}", saved_by(newest));
        Question {
            id,
            text,
            options: vec![
                Choice { id: NEWEST.into(), label: newest_label, detail },
                Choice { id: RUNNING.into(), label: running_label, detail: saved_by(running) },
            ],
            needs_note,
        }
    }
}

fn question_of_base(
    cx: &StepContext,
    run: &RunView,
    newest: &TaskDefinition,
    running: &TaskDefinition,
) -> RevisionQuestion {
    RevisionQuestion {
        text: format!(
            "Newer start-up settings ({}) were saved and are not in use. Which should {} be based on?",
            name(newest),
            run.version
        ),
        difference: "It differs from the running one",
        diff: difference(cx, &registrable(running), &registrable(newest), 1),
        newest: format!("{}, the most recent", name(newest)),
        running: format!("{}, the one that runs now", name(running)),
        needs_note: false,
    }
}

fn question_of_saved(
    cx: &StepContext,
    run: &RunView,
    newest: &TaskDefinition,
    running: &TaskDefinition,
) -> RevisionQuestion {
    let expected = intended(running, run).unwrap_or_else(|_| registrable(running));
    RevisionQuestion {
        text: format!(
            "The start-up settings {} have the new package address already. They differ from the running ones ({}) in \
             more than that. Should {} use them?",
            name(newest),
            name(running),
            run.version
        ),
        difference: "The differences",
        diff: difference(cx, &expected, &registrable(newest), 1),
        newest: format!("Use {} as it is", name(newest)),
        running: format!("Save new settings based on {}, which runs now", name(running)),
        needs_note: true,
    }
}

fn saved_by(definition: &TaskDefinition) -> String {
    match &definition.registered {
        Some((by, at)) => format!("saved by {by} on {}", crate::time::in_words(*at)),
        None => "AWS does not say who saved it".to_owned(),
    }
}

async fn newest(cx: &StepContext, run: &RunView) -> Result<TaskDefinition, Failure> {
    described(cx, &run.profile.aws.family).await
}

async fn running(cx: &StepContext, run: &RunView) -> Result<TaskDefinition, Failure> {
    let service = cx.ports.services.describe().await?.ok_or_else(|| missing_on_aws(&run.profile.aws.service))?;
    described(cx, &service.task_definition).await
}

pub(super) async fn described(cx: &StepContext, what: &str) -> Result<TaskDefinition, Failure> {
    cx.ports.task_definitions.describe(what).await?.ok_or_else(|| missing_on_aws(what))
}

/// The body that a registration of this revision would send, tags included.
pub(super) fn registrable(definition: &TaskDefinition) -> Value {
    let mut body = definition.definition.clone();
    if let Some(object) = body.as_object_mut() {
        for key in ANSWER_ONLY {
            object.remove(key);
        }
        if definition.tags.as_array().is_some_and(|tags| !tags.is_empty()) {
            object.insert("tags".into(), definition.tags.clone());
        }
    }
    body
}

/// The same body with the image of the named container replaced.
fn intended(base: &TaskDefinition, run: &RunView) -> Result<Value, Failure> {
    let container = &run.profile.aws.container;
    let mut body = registrable(base);
    let mut named: Vec<&mut Value> = body
        .get_mut("containerDefinitions")
        .and_then(Value::as_array_mut)
        .map(|all| all.iter_mut().filter(|one| one["name"] == container.as_str()).collect())
        .unwrap_or_default();
    if let [one] = named.as_mut_slice() {
        one["image"] = Value::String(run.names.image.clone());
        return Ok(body);
    }
    Err(Failure::new(
        ErrorCode::ContainerUnclear,
        format!("replace the image: {} has {} containers named {container}", name(base), named.len()),
    )
    .with("container", container.clone())
    .with("count", named.len().to_string())
    .hint("Ask a developer to look at the start-up settings.")
    .retry(Retry::No))
}

/// The difference of two bodies as a person may see it.
pub(super) fn difference(cx: &StepContext, old: &Value, new: &Value, context: usize) -> String {
    let diff = similar::TextDiff::from_lines(pretty(&hidden(old)), pretty(&hidden(new)))
        .unified_diff()
        .context_radius(context)
        .to_string();
    cx.ports.redactor().text(&diff).into_string()
}

fn pretty(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default() + "\n"
}

/// `family:revision`.
fn name(definition: &TaskDefinition) -> String {
    revision_name(&definition.arn).to_owned()
}
