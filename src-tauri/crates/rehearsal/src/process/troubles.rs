//! Effects of the troubles on the fronts: refused, late or lost answers, a broken site, and pushes
//! of colleagues. Also the routes by which the app switches a trouble.
//!
//! [`crate::world::trouble`] decides when each trouble happens.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use greenlight_types::{Spell, Trouble, TroubleState, TroubleView};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Production, control::Control, main_of, state::StateFile};
use crate::{
    clock::{VirtualClock, stamp},
    fronts::git::seed::Repo,
    world::trouble::{Deed, GithubRequest},
};

/// Part of the path of a request for the rules of a branch.
const RULES: &str = "/rules/branches/";

/// Answer of the control front about the troubles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// All troubles, in the order of a release.
    pub troubles: Vec<TroubleView>,
    /// Occurrences of all troubles, oldest first.
    pub spells: Vec<Spell>,
}

/// Request to the control front to switch a trouble. An unknown field is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Switch {
    /// The trouble to switch.
    pub trouble: Trouble,
    /// On for one occurrence, or off, which also ends a lasting trouble.
    pub on: bool,
    /// Time into the step at which the trouble happens, in virtual ms; by default its own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<i64>,
    /// Switches only a trouble that was never switched, so that reading a scenario again repeats
    /// nothing.
    #[serde(default)]
    pub only_first: bool,
}

/// Effects of the troubles of a served production.
pub(super) struct Desk<P> {
    production: Arc<P>,
    state: Arc<StateFile>,
    clock: Arc<VirtualClock>,
    repo: Repo,
    cut: watch::Sender<bool>,
}

impl<P> Clone for Desk<P> {
    fn clone(&self) -> Self {
        Self {
            production: Arc::clone(&self.production),
            state: Arc::clone(&self.state),
            clock: Arc::clone(&self.clock),
            repo: self.repo.clone(),
            cut: self.cut.clone(),
        }
    }
}

impl<P: Production> Desk<P> {
    pub(super) fn new(
        production: &Arc<P>,
        state: &Arc<StateFile>,
        clock: &Arc<VirtualClock>,
        repo: &Repo,
        cut: watch::Sender<bool>,
    ) -> Self {
        Self {
            production: Arc::clone(production),
            state: Arc::clone(state),
            clock: Arc::clone(clock),
            repo: repo.clone(),
            cut,
        }
    }

    /// Carries out colleagues' acts that are due, and cuts or restores the connection to the host.
    pub(super) fn tick(&self) {
        self.do_deeds(false);
        self.review();
        self.protect();
        let is_cut = self
            .production
            .world()
            .is_some_and(|world| world.troubles.is_happening(Trouble::ConnectionLostInMigration));
        self.cut.send_if_modified(|before| std::mem::replace(before, is_cut) != is_cut);
    }

    fn do_deeds(&self, is_read: bool) {
        let deeds = self.production.world().map(|mut world| {
            world.troubles.speed = self.clock.state().speed;
            world.deeds(is_read)
        });
        for deed in deeds.unwrap_or_default() {
            let now = self.clock.now_ms();
            let done = match deed {
                Deed::Conflict => self.repo.conflict(now),
                Deed::Resolve => self.repo.resolve(now).map(|()| true),
                Deed::MoveOn => self.repo.move_on(now),
                Deed::Protect => self.repo.is_merged().map(|is_merged| !is_merged),
            };
            match done {
                Ok(true) => self.deed_done(deed),
                // The moment of the act has not come, or is over for this release.
                Ok(false) => {}
                Err(error) => tracing::error!(%error, ?deed, "a colleague cannot push to the pretend repository"),
            }
        }
    }

    /// Carries out the acts that have to be done before the app reads the repository or its rules.
    fn before_read(&self) {
        self.do_deeds(true);
        self.protect();
    }

    /// Tells the hook of the repository whether the main branch takes pushes.
    fn protect(&self) {
        let is_protected = self.production.world().is_some_and(|world| world.takes_only_pull_requests());
        if let Err(error) = self.repo.set_protected(is_protected) {
            tracing::error!(%error, "failed to change the rule of the pretend repository");
        }
    }

    /// Lets the reviewer merge or close the pull requests that are due.
    fn review(&self) {
        let mut repo = self.repo.clone();
        let has_moved = self.production.world().is_some_and(|mut world| world.review_pull_requests_in(&mut repo));
        if has_moved {
            self.main_moved();
        }
    }

    fn deed_done(&self, deed: Deed) {
        if let Some(mut world) = self.production.world() {
            world.deed_done(deed);
        }
        self.main_moved();
    }

    fn main_moved(&self) {
        let told = main_of(&self.repo).and_then(|(main, version)| {
            self.production.on_main(self.clock.now_ms(), &main, &version);
            self.state.keep(&*self.production, false)
        });
        if let Err(error) = told {
            tracing::error!(%error, "failed to tell the World of a colleague's push");
        }
    }

    /// Wraps GitHub's REST front in the troubles that affect it.
    pub(super) fn github(&self, router: Router) -> Router {
        let desk = self.clone();
        router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            let desk = desk.clone();
            async move {
                let path = request.uri().path();
                if path.contains(RULES) {
                    desk.before_read();
                }
                let asked = match *request.method() {
                    Method::POST if path.ends_with("/dispatches") => GithubRequest::Dispatch,
                    Method::GET if path.ends_with("/runs") => GithubRequest::Runs,
                    _ => GithubRequest::Other,
                };
                let answering = desk.production.world().map(|mut world| world.github_asked(Some(asked)));
                let answering = answering.unwrap_or_default();
                if answering.is_refused {
                    return bad_credentials();
                }
                let response = next.run(request).await;
                tokio::time::sleep(Duration::from_secs(answering.after_s)).await;
                if answering.is_lost { broken_off() } else { response }
            }
        }))
    }

    /// Wraps the git front in the troubles that affect it.
    pub(super) fn git(&self, router: Router) -> Router {
        let desk = self.clone();
        router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            let desk = desk.clone();
            async move {
                let answering = desk.production.world().map(|mut world| world.github_asked(None));
                if answering.unwrap_or_default().is_refused {
                    let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")];
                    return (StatusCode::UNAUTHORIZED, asks, "remote: Invalid username or token.\n").into_response();
                }
                let query = request.uri().query().unwrap_or_default();
                if request.uri().path().ends_with("/info/refs") && query.contains("git-upload-pack") {
                    desk.before_read();
                }
                next.run(request).await
            }
        }))
    }

    /// Wraps the site in its trouble: the page of a study is broken.
    pub(super) fn site(&self, router: Router) -> Router {
        let desk = self.clone();
        router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            let desk = desk.clone();
            async move {
                if !request.uri().path().starts_with("/study/") {
                    return next.run(request).await;
                }
                match desk.study() {
                    Some(page) => page,
                    None => next.run(request).await,
                }
            }
        }))
    }

    /// Page of a study; `None` while no task serves.
    fn study(&self) -> Option<Response> {
        let world = self.production.world()?;
        world.serving_version()?;
        Some(if world.troubles.is_happening(Trouble::SiteCheckFails) {
            (StatusCode::INTERNAL_SERVER_ERROR, Html(BROKEN_STUDY)).into_response()
        } else {
            Html(STUDY).into_response()
        })
    }

    /// Routes of the control front for troubles.
    pub(super) fn routes(self, control: Control) -> Router {
        Router::new()
            .route("/troubles", get(list::<P>))
            .route("/trouble", post(switch::<P>))
            .with_state((control, self))
    }

    fn told(&self) -> Told {
        let Some(world) = self.production.world() else { return Told { troubles: Vec::new(), spells: Vec::new() } };
        let view = |(trouble, state, at): (Trouble, TroubleState, Option<i64>)| TroubleView {
            trouble,
            state,
            at: at.map(stamp),
        };
        let spell = |spell: &crate::world::trouble::Spell| Spell {
            trouble: spell.trouble,
            began: stamp(spell.began_ms),
            ended: spell.ended_ms.map(stamp),
        };
        Told {
            troubles: world.troubles.states().map(view).collect(),
            spells: world.troubles.spells().iter().map(spell).collect(),
        }
    }

    fn switch(&self, wanted: Switch) -> std::io::Result<()> {
        self.production.advance(self.clock.now_ms());
        if let Some(mut world) = self.production.world() {
            let is_first = world.troubles.is_untouched(wanted.trouble);
            if is_first || !wanted.only_first {
                world.switch_trouble(wanted.trouble, wanted.on, wanted.after_ms);
            }
        }
        self.tick();
        self.state.keep(&*self.production, false)
    }
}

const STUDY: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Study 411 (practice)</title>\
    </head><body><h1>Sleep and shift work</h1><p>Still needed: <b>38</b> people.</p></body></html>";

const BROKEN_STUDY: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Error (practice)</title>\
    </head><body><h1>Something went wrong</h1><p>This page cannot be shown: study.recruitment_goal is empty.</p>\
    </body></html>";

fn bad_credentials() -> Response {
    let body = serde_json::json!({
        "message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"
    });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// An answer whose connection breaks before the body.
fn broken_off() -> Response {
    let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("the line broke"))]);
    let body = Body::from_stream(broken);
    ([(header::CONTENT_TYPE, "application/json"), (header::CONTENT_LENGTH, "64")], body).into_response()
}

async fn list<P: Production>(State((control, desk)): State<(Control, Desk<P>)>, headers: HeaderMap) -> Response {
    match control.admit(&headers) {
        Ok(()) => Json(desk.told()).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn switch<P: Production>(
    State((control, desk)): State<(Control, Desk<P>)>,
    headers: HeaderMap,
    Json(wanted): Json<Switch>,
) -> Response {
    if let Err(refused) = control.admit(&headers) {
        return refused.into_response();
    }
    match desk.switch(wanted) {
        Ok(()) => Json(desk.told()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
