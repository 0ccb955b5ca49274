//! Writes the plan of a release as a Markdown document, to print and to hand on.

use greenlight_types::{PersonNeed, PlannedStep, PlannedTime, Realm, ReleasePlan, Timestamp, WayBack};

use crate::{
    markdown::{Page, escape},
    time,
};

/// The document. Text of people and of other systems is escaped, so that it becomes no heading, no
/// link and no HTML.
#[must_use]
pub fn markdown(plan: &ReleasePlan, now: Timestamp) -> String {
    let mut page = Page::default();
    head(&mut page, plan, now);
    table(&mut page, plan);
    for step in &plan.steps {
        if plan.stay.as_ref().is_some_and(|stay| stay.from == step.id) {
            page.heading(2, "From here someone must stay");
            page.item("Usually", &plan.stay.as_ref().map_or_else(String::new, |stay| span(&stay.time)));
        }
        if step.is_point_of_no_return {
            page.heading(2, "From here it cannot be taken back");
        }
        one_step(&mut page, step);
    }
    page.text
}

fn head(page: &mut Page, plan: &ReleasePlan, now: Timestamp) {
    let kind = if plan.is_rollback { "rollback of " } else { "" };
    page.line(&format!("# Plan: {kind}{} {}", escape(&plan.product), plan.version));
    page.line("");
    page.item(
        "Where",
        match plan.realm {
            Realm::Production => "PRODUCTION",
            Realm::Practice => "PRACTICE",
        },
    );
    page.item("Environment", &plan.environment);
    page.item("Site", &plan.site);
    page.item("Written", &time::in_words(now));
    page.item(
        "Values",
        if plan.is_frozen { "those of this release" } else { "those of Setup; the release is not drafted yet" },
    );
    if let Some(prepare) = &plan.prepare {
        page.item("Prepare usually takes", &span(prepare));
    }
    let name = if plan.is_rollback { "The rollback usually takes" } else { "Deploy usually takes" };
    page.item(name, &span(&plan.deploy));
    match &plan.told {
        Some(told) => {
            page.item("Who was told", &format!("{} ({}, {})", told.text, told.by, time::in_words(told.at)));
        }
        None => page.item("Who was told", "asked at Deploy"),
    }
    for contact in &plan.contacts {
        page.item("Whom to call", &format!("{} ({})", contact.who, contact.about.join(", ")));
    }
    if plan.contacts.is_empty() {
        page.item("Whom to call", "the settings of this product name no person");
    }
}

fn table(page: &mut Page, plan: &ReleasePlan) {
    page.heading(2, "Steps");
    page.line("| No. | Step | Usual minutes | Starts after | Who |");
    page.line("|---|---|---|---|---|");
    for step in &plan.steps {
        page.line(&format!(
            "| {} | {} | {} | {} | {} |",
            step.number.map_or_else(|| "\\+".to_owned(), |number| number.to_string()),
            escape(&step.title),
            minutes(step),
            span(&step.starts_after),
            who(step.person),
        ));
    }
}

fn one_step(page: &mut Page, step: &PlannedStep) {
    let number = step.number.map_or_else(|| "+".to_owned(), |number| format!("{number}."));
    page.heading(3, &format!("{number} {}", step.title));
    if let Some(done) = &step.done {
        page.item("Done", &format!("{} {}", done.person, time::in_words(done.at)));
    }
    page.item("Changes", step.changes.as_deref().unwrap_or("nothing; it only reads"));
    for value in &step.values {
        page.item(&escape(&value.label), &value.value);
    }
    page.item("Usual minutes", &minutes(step));
    page.item("Who", who(step.person));
    page.item("Whom to call", &step.who_to_call);
    if step.may_skip {
        page.item("Left out", "a person may leave it out, with a reason");
    }
    match &step.way_back {
        WayBack::NothingToUndo => {}
        WayBack::Harmless { why } => page.item("Way back", why),
        WayBack::Irreversible { way_back, minutes, who } => {
            let minutes = minutes.map_or_else(String::new, |minutes| format!(" About {minutes} min."));
            page.item("Way back", &format!("{way_back}{minutes} Who: {who}."));
        }
    }
}

fn who(need: PersonNeed) -> &'static str {
    match need {
        PersonNeed::AppWatches => "the app watches",
        PersonNeed::Starts => "you start it",
        PersonNeed::Confirms => "you start and confirm it",
        PersonNeed::Answers => "you answer",
    }
}

fn minutes(step: &PlannedStep) -> String {
    step.minutes.map_or_else(|| "not known".to_owned(), |(low, high)| range(low, high))
}

fn range(low: u32, high: u32) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

/// A sum of usual times: `27 to 34 min, and 2 steps whose time is not known`.
fn span(time: &PlannedTime) -> String {
    let steps = match time.untimed {
        1 => "1 step whose time is not known".to_owned(),
        several => format!("{several} steps whose time is not known"),
    };
    match (time.high, time.untimed) {
        (0, 0) => "0 min".to_owned(),
        (0, _) => steps,
        (high, 0) => format!("{} min", range(time.low, high)),
        (high, _) => format!("{} min, and {steps}", range(time.low, high)),
    }
}
