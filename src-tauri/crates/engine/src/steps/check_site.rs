//! Checks the site. The app reads the version that the site shows, and a person answers the other
//! checks.
//!
//! Each answer is Passed, Failed or Could not check. A ticked box never counts as a passed check.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    CheckAnswer, Effect, ErrorCode, Fact, FactKind, Failure, LiveUpdate, Observation, PersonNeed, PlanInputs, Retry,
    Role, RunView, SiteView, StepId, StepPlan, WayBack,
};
use regex::Regex;

use crate::{
    fold,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct CheckSite;

const POLL: Duration = Duration::from_secs(5);
/// Most reads of the version before the site counts as wrong: ten minutes.
const POLLS_MAX: u32 = 120;
/// Most waits for the answers of a person: three days.
const MOST_WAITS: u32 = 51_840;

#[async_trait]
impl Step for CheckSite {
    fn id(&self) -> StepId {
        StepId::CheckSite
    }
    fn effect(&self) -> Effect {
        Effect::None
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::RolledOut, FactKind::MigrationFinished]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let site = &run.profile.site;
        let outline = Outline::reads_only(PersonNeed::Answers)
            .setting("Site", &site.url)
            .setting("Version is read from", &site.version_url);
        if site.checks.is_empty() {
            return outline.setting("You check", "");
        }
        site.checks.iter().fold(outline, |outline, check| outline.setting("You check", &check.text))
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let site = &run.profile.site;
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::CheckSite,
            "Check the site",
            format!(
                "The app reads the version that {} shows. Then you look at the site and answer each check.",
                site.url
            ),
        )
        .line("Version is read from", site.version_url.clone())
        .by_hand(vec![format!("Perform sanity checks on {} at {}", run.version, site.url)], Some(site.url.clone()));
        Ok(site.checks.iter().fold(draft, |draft, check| draft.line("You check", check.text.clone())).finish())
    }

    async fn run(&self, cx: &StepContext, _plan: &StepPlan, _entry: Entry) -> Outcome {
        let (mut view, mut has_read) = (cx.view.clone(), false);
        for _ in 0..MOST_WAITS {
            // `borrow_and_update` marks this view as seen, so only a later change ends the wait
            // below.
            let mut run = view.borrow_and_update().clone();
            // A migration that was undone makes the app read the site again after the next one.
            let is_ready = is_ready(&run);
            if is_ready && (!has_read || !fold::is_known(&run, FactKind::SiteAnswered)) {
                if let Err(failure) = read_version(cx).await {
                    return Outcome::Failed(failure);
                }
                has_read = true;
                run = view.borrow_and_update().clone();
            }
            cx.activity(self.id(), if is_ready { "Waiting for your answers" } else { "Waiting for the migration" });
            if let Some(outcome) = answers(&run).filter(|_| is_ready) {
                return outcome;
            }
            // An answer changes the view at once; the clock only bounds the wait.
            tokio::select! {
                biased;
                _ = view.changed() => {}
                () = cx.wait(POLL) => {}
            }
        }
        Outcome::Failed(Failure::new(ErrorCode::TimedOut, "get an answer to every check within three days"))
    }

    async fn observe(&self, _cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        Observation::InProgress { evidence: "Looking changes nothing; it simply goes on.".into() }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// Whether every server runs the version, and the database is migrated.
fn is_ready(run: &RunView) -> bool {
    CheckSite.waits_for().iter().all(|kind| fold::is_known(run, *kind))
}

/// Reads the version on the site until it is the version of this run.
async fn read_version(cx: &StepContext) -> Result<(), Failure> {
    let run = cx.run();
    let site = &run.profile.site;
    let pattern = Regex::new(&site.version_pattern)
        .map_err(|error| Failure::new(ErrorCode::BadProfile, "read the version pattern of the site").because(error))?;
    let mut shown = "nothing".to_owned();
    for _ in 0..POLLS_MAX {
        match cx.ports.site.get(&site.version_url).await {
            Ok(answer) => {
                let found =
                    pattern.captures(&answer.body).and_then(|found| found.get(1)).map(|text| text.as_str().to_owned());
                cx.sink.show(LiveUpdate::Site(SiteView {
                    is_up: answer.status < 400,
                    status: answer.status,
                    answer_ms: answer.took_ms,
                    version: found.clone(),
                }));
                if found.as_deref() == Some(run.names.version_value.as_str()) {
                    let fact =
                        Fact::SiteAnswered { version: run.names.version_value.clone(), url: site.version_url.clone() };
                    // The migration may have been undone meanwhile.
                    let now = cx.run();
                    if is_ready(&now) && !fold::is_known(&now, FactKind::SiteAnswered) {
                        cx.sink.learn(StepId::CheckSite, fact).await?;
                    }
                    return Ok(());
                }
                shown = found.unwrap_or_else(|| format!("no version (answer {})", answer.status));
            }
            Err(failure) => shown = failure.to_string(),
        }
        cx.activity(StepId::CheckSite, format!("The site shows {shown}; looking again"));
        cx.wait(POLL).await;
    }
    Err(Failure::new(ErrorCode::SiteUnexpected, format!("see {} on the site", run.names.version_value))
        .with("shown", shown.clone())
        .because(format!("it shows {shown}"))
        .hint("Open the site and look for yourself, then try again.")
        .retry(Retry::Safe))
}

/// The outcome, once every check has an answer.
fn answers(run: &RunView) -> Option<Outcome> {
    let Fact::SiteAnswered { version, .. } = fold::newest(run, FactKind::SiteAnswered)? else { return None };
    let mut evidence = vec![format!("The site shows {version}.")];
    let mut unwell = 0;
    for check in &run.profile.site.checks {
        let answer = run.checks.iter().find(|answer| answer.check == check.id)?;
        let word = match answer.answer {
            CheckAnswer::Passed => "passed",
            CheckAnswer::Failed => "failed",
            CheckAnswer::CouldNotCheck => "could not be checked",
        };
        if answer.answer != CheckAnswer::Passed {
            unwell += 1;
        }
        evidence.push(format!("{}: {word}, said {}.", check.text, answer.person));
    }
    let warning = match unwell {
        0 => return Some(Outcome::Succeeded { evidence, facts: Vec::new() }),
        1 => "One check did not pass.".to_owned(),
        several => format!("{several} checks did not pass."),
    };
    Some(Outcome::Warned { evidence, facts: Vec::new(), warning })
}
