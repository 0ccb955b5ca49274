//! The list of all commands and events, and the typed bindings of the page. No other file knows
//! tauri-specta.

use greenlight_types::{Live, RunId};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::{AppHandle, Wry, ipc::Invoke};
use tauri_specta::{Builder, Event, collect_commands, collect_events};

use crate::commands::{
    access, first_run, history, logs, place, plan, practice, production, profile_file, run, setup, step,
};

/// The journal of a run has events up to `seq`. A hint that may be lost.
#[derive(Clone, Debug, Serialize, Deserialize, Type, Event)]
#[serde(rename_all = "camelCase")]
pub struct RunMoved {
    pub run: RunId,
    /// Number of the newest event.
    pub seq: u32,
}

/// A new live message.
#[derive(Clone, Debug, Serialize, Deserialize, Type, Event)]
pub struct LiveSeen(pub Live);

/// A rejection without the shape of a failure is a plain text of Tauri: an unknown command, a
/// missing permission or a bad argument. The command did nothing then.
const TYPED_ERROR: &str = r#"async function typedError<T, E>(result: Promise<T>): Promise<{ status: "ok"; data: T } | { status: "error"; error: E }> {
    try {
        return { status: "ok", data: await result };
    } catch (error) {
        const isOurs = typeof error === "object" && error !== null && "code" in error && "retry" in error;
        const failure = { code: "internal", params: {}, summary: "ask the app", causes: [String(error)], hints: [], changed: "nothing", retry: "safe" };
        return { status: "error", error: (isOurs ? error : failure) as E };
    }
}"#;

/// All commands. A macro, because `collect_commands!` needs one literal list.
macro_rules! all_commands {
    () => {
        collect_commands![
            place::list_places,
            place::show_place,
            production::production_now,
            setup::app_info,
            setup::set_person,
            setup::confirm_value,
            setup::setup_candidates,
            setup::setup_values,
            setup::test_setup,
            setup::derive_names,
            setup::set_speed,
            setup::open_page,
            first_run::keep_first_run,
            profile_file::choose_profile_file,
            profile_file::choose_profile_copy,
            profile_file::read_profile_file,
            profile_file::use_profile_file,
            profile_file::use_built_in_profile,
            profile_file::export_profile,
            run::draft_rollback,
            run::draft_run,
            run::list_runs,
            run::run_update,
            run::start_prepare,
            run::begun_elsewhere,
            run::continue_here,
            run::deploy_differences,
            run::host_keys,
            run::start_deploy,
            run::end_run,
            run::left_behind,
            run::take_environment,
            run::change_address,
            run::accept_findings,
            run::readiness,
            run::run_values,
            run::correct_value,
            run::give_up_machine,
            run::start_over,
            run::take_over,
            step::plan_step,
            step::answer_question,
            step::confirm_step,
            step::start_step,
            step::observe_step,
            step::stop_script,
            step::settle_doubt,
            step::finished_by_hand,
            step::skip_step,
            step::report_undone,
            step::answer_check,
            logs::output_lines,
            logs::output_count,
            logs::follow_lines,
            plan::release_plan,
            plan::save_plan,
            practice::practice_view,
            practice::switch_trouble,
            practice::debrief,
            history::export_markdown,
            history::save_markdown,
            history::choose_document,
            access::list_credentials,
            access::save_github,
            access::save_aws,
            access::save_staging_key,
            access::choose_key_file,
            access::test_credential,
            access::remove_credential,
        ]
    };
}

fn builder() -> Builder<Wry> {
    Builder::<Wry>::new()
        .commands(all_commands!())
        .events(collect_events![RunMoved, LiveSeen])
        .typed_error_impl(TYPED_ERROR)
        .disable_serde_phases()
}

/// Answers the page's calls.
pub fn invoke_handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    // The handler borrows the list as long as the app lives.
    Box::leak(Box::new(builder())).invoke_handler()
}

/// Makes the events known to the app.
pub fn mount_events(handle: &AppHandle) {
    builder().mount_events(handle);
}

/// Sends the hint that a run has new events.
pub fn emit_moved(handle: &AppHandle, run: &RunId, seq: u32) {
    if let Err(error) = (RunMoved { run: run.clone(), seq }).emit(handle) {
        tracing::debug!(%error, "the page was not told that the run moved on");
    }
}

/// Sends a live message to the page.
pub fn emit_live(handle: &AppHandle, live: Live) {
    if let Err(error) = LiveSeen(live).emit(handle) {
        tracing::debug!(%error, "the page was not told what was seen");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    use super::*;

    include!("command_names.rs");

    const HEADER: &str = "// Made by `GREENLIGHT_WRITE_BINDINGS=1 cargo test -p greenlight bindings`. Do not edit.\n";

    #[test]
    fn the_bindings_of_the_page_are_those_of_this_list() {
        let made = tempfile::tempdir().expect("a directory");
        let file = made.path().join("bindings.ts");
        builder().export(Typescript::default().header(HEADER), &file).expect("bindings");
        let fresh = std::fs::read_to_string(&file).expect("the fresh bindings");
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/generated/bindings.ts");
        if std::env::var_os("GREENLIGHT_WRITE_BINDINGS").is_some() {
            std::fs::create_dir_all(committed.parent().expect("a folder")).expect("the folder");
            std::fs::write(&committed, &fresh).expect("written");
        }
        let kept = std::fs::read_to_string(&committed).unwrap_or_default();
        assert!(kept == fresh, "run GREENLIGHT_WRITE_BINDINGS=1 cargo test -p greenlight bindings");
    }

    #[test]
    fn the_page_may_call_exactly_the_commands_of_this_list() {
        let source = include_str!("bindings.rs");
        let list = source.split("collect_commands![").nth(1).and_then(|rest| rest.split(']').next()).expect("the list");
        let mut listed: Vec<&str> = list.split(',').filter_map(|name| name.trim().split("::").nth(1)).collect();
        listed.sort_unstable();
        assert_eq!(listed, COMMANDS, "src/command_names.rs must name every command, sorted");
        let capability: serde_json::Value =
            serde_json::from_str(include_str!("../capabilities/main.json")).expect("the capability file");
        let allowed: Vec<&str> =
            capability["permissions"].as_array().expect("permissions").iter().filter_map(|p| p.as_str()).collect();
        for name in COMMANDS {
            let permission = format!("allow-{}", name.replace('_', "-"));
            assert!(allowed.contains(&permission.as_str()), "capabilities/main.json does not allow {name}");
        }
        assert_eq!(allowed.len(), COMMANDS.len() + 2, "capabilities/main.json allows more than the two it needs");
    }
}
