//! Watches the production log, the site and the servers from the start of Deploy to the end of the
//! run. A failed step does not end the watch. Changes nothing outside.

use std::time::Duration;

use futures::FutureExt;
use greenlight_types::{ErrorCode, Failure, LineSource, LiveUpdate, RunState, RunView, SiteView, Timestamp, Watcher};

use super::{
    Done, Runner,
    trouble::{ServersNotice, TroubleNotice},
};
use crate::{
    log_follow::{Labels, LogFollow},
    phase::may_end_automatically,
    step::StepContext,
    steps,
};

const LOG_PAUSE: Duration = Duration::from_secs(5);
const SITE_PAUSE: Duration = Duration::from_secs(15);
const SERVERS_PAUSE: Duration = Duration::from_secs(10);
/// Most polls of one watcher: a day of the log, which is polled every 5 s.
const POLLS_MAX: u32 = 17_280;
/// Most pages of one poll. The rest comes with the next poll.
const MOST_PAGES: u32 = 50;

impl Runner {
    /// Starts the watchers once Deploy is under way.
    pub(super) fn start_background(&mut self, view: &RunView) {
        if self.are_watchers_started || !matches!(view.state, RunState::Deploying | RunState::Checking) {
            return;
        }
        self.are_watchers_started = true;
        let (log, site, servers) = (self.context.clone(), self.context.clone(), self.context.clone());
        let notice = self.servers_notice.clone();
        let kept = self.parts.spool.count(&view.id, LineSource::Production).unwrap_or(0);
        let tail = self
            .parts
            .spool
            .read(&view.id, LineSource::Production, kept.saturating_sub(2_000), 2_000)
            .unwrap_or_default();
        self.work.push(
            async move {
                follow_log(&log, &tail, kept).await;
                Done::NothingToRecord
            }
            .boxed(),
        );
        self.work.push(
            async move {
                watch_site(&site).await;
                Done::NothingToRecord
            }
            .boxed(),
        );
        self.work.push(
            async move {
                watch_servers(&servers, &notice).await;
                Done::NothingToRecord
            }
            .boxed(),
        );
    }
}

fn is_deploy_active(cx: &StepContext) -> bool {
    matches!(cx.run().state, RunState::Deploying | RunState::Checking)
}

async fn follow_log(cx: &StepContext, tail: &[greenlight_types::LogLine], kept: u32) {
    let run = cx.run();
    let from = run.deploy_started_at.map_or(0, Timestamp::as_millisecond);
    let mut follow = if kept == 0 { LogFollow::starting(from) } else { LogFollow::resuming(from, tail, kept) };
    let mut labels = Labels::default();
    let mut notice = TroubleNotice::of(Watcher::ProductionLog);
    for _ in 0..POLLS_MAX {
        if !is_deploy_active(cx) {
            return;
        }
        let read = read_pages(cx, &mut follow, &mut labels).await;
        notice.show(cx, read);
        cx.wait(LOG_PAUSE).await;
    }
    notice.show(cx, Err(poll_limit_reached("follow the production log")));
}

/// The last message of a watcher that has reached its limit of polls.
fn poll_limit_reached(act: &str) -> Failure {
    Failure::new(ErrorCode::TimedOut, format!("{act} any longer: the limit is reached"))
        .hint("Close this run and open it again.")
}

async fn read_pages(cx: &StepContext, follow: &mut LogFollow, labels: &mut Labels) -> Result<(), Failure> {
    let mut is_asked = false;
    let now = cx.ports.clock.now().as_millisecond();
    let from = follow.next_query(now);
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = cx.ports.logs.page(from, token.as_deref()).await?;
        // Colleagues share the request limits of AWS. So tasks are listed only when an unknown task
        // has written.
        if !is_asked && page.events.iter().any(|event| !labels.knows(&event.stream)) {
            *labels = ask_labels(cx).await;
            is_asked = true;
        }
        let lines = follow.take(&page, labels);
        if !lines.is_empty() {
            cx.sink.lines(LineSource::Production, lines);
        }
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    Ok(())
}

/// Tasks by version. Empty while AWS does not answer.
async fn ask_labels(cx: &StepContext) -> Labels {
    let run = cx.run();
    let ours = steps::run_facts::our_revision(&run).ok();
    let mut labels = Labels::default();
    for task in cx.ports.services.tasks().await.unwrap_or_default() {
        let side =
            if ours.as_deref() == Some(task.task_definition.as_str()) { &mut labels.new } else { &mut labels.old };
        side.insert(task.id);
    }
    labels
}

/// Checks the servers between and after the steps that watch them. While the checks of the site are
/// open, the screen shows the open condition of the rollout.
async fn watch_servers(cx: &StepContext, notice: &ServersNotice) {
    for _ in 0..POLLS_MAX {
        let run = cx.run();
        if !is_deploy_active(cx) {
            return;
        }
        // The final check shows the same.
        if !may_end_automatically(&run) {
            let checked = steps::production::check_servers(cx).await;
            let is_checking = run.state == RunState::Checking && !steps::production::is_taken_back(&run);
            notice.show(cx, checked.map(|open| open.filter(|_| is_checking)));
        }
        cx.wait(SERVERS_PAUSE).await;
    }
    notice.show(cx, Err(poll_limit_reached("watch the servers")));
}

async fn watch_site(cx: &StepContext) {
    let url = cx.run().profile.site.url.clone();
    let mut notice = TroubleNotice::of(Watcher::Site);
    for _ in 0..POLLS_MAX {
        if !is_deploy_active(cx) {
            return;
        }
        let (seen, polled) = match cx.ports.site.get(&url).await {
            Ok(answer) => {
                let (is_up, status) = (answer.status < 400, answer.status);
                (SiteView { is_up, status, answer_ms: answer.took_ms, version: None }, Ok(()))
            }
            Err(failure) => (SiteView { is_up: false, status: 0, answer_ms: 0, version: None }, Err(failure)),
        };
        cx.sink.show(LiveUpdate::Site(seen));
        notice.show(cx, polled);
        cx.wait(SITE_PAUSE).await;
    }
    notice.show(cx, Err(poll_limit_reached("watch the site")));
}
