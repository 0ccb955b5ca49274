//! The one owner of the open runs. Opens each on demand, names who acts, refuses what the composition does not allow.
//!
//! Decides nothing about a release; that is the engine's work.

mod upkeep;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use greenlight_adapters::{
    data_lock::DataLock,
    home,
    journal_sqlite::{Setting, SqliteJournal},
};
use greenlight_engine::{
    export, fold, profile,
    redact::Redactor,
    release::{Act, Answer, Parts, Release},
};
use greenlight_rehearsal::debrief;
use greenlight_types::{
    Actor, BegunElsewhere, Debrief, DeployRequest, ErrorCode, Event, Failure, LineSource, Lines, LogLine, Names,
    Observation, PracticeView, Profile, Realm, RunId, RunState, RunSummary, RunView, StepId, StepPlan, Trouble,
    Version,
};
use tauri::ipc::Channel;
use tokio::sync::Mutex;

use crate::{access::Access, beside::Beside, commands::setup::AppInfo, ui_port::Window, world::World};

/// Lines given by one call at most.
const MOST_LINES: u32 = 2_000;
/// How long GitHub and AWS may take to say who we are there.
const IDENTITY_MAX: Duration = Duration::from_secs(8);
/// Longest name of a person, in characters.
const LONGEST_NAME: usize = 80;

/// Everything a window needs; made once by the composition.
pub struct Controller {
    world: World,
    journal: Arc<SqliteJournal>,
    beside: Beside,
    parts: Parts,
    window: Arc<Window>,
    redactor: Arc<Redactor>,
    computer: String,
    open: Mutex<BTreeMap<RunId, Release>>,
    /// Held from the look at the other runs to the start of Deploy, so that two presses cannot both find none.
    deploying: Mutex<()>,
    /// GitHub login and AWS identity in use, once asked.
    identity: Mutex<(Option<String>, Option<String>)>,
    _lock: DataLock,
}

/// What the composition hands over.
pub struct Made {
    pub world: World,
    pub journal: Arc<SqliteJournal>,
    pub beside: Beside,
    pub parts: Parts,
    pub window: Arc<Window>,
    pub redactor: Arc<Redactor>,
    pub computer: String,
    pub lock: DataLock,
}

impl Controller {
    pub fn new(made: Made) -> Arc<Self> {
        let Made { world, journal, beside, parts, window, redactor, computer, lock } = made;
        let controller = Arc::new(Self {
            world,
            journal,
            beside,
            parts,
            window,
            redactor,
            computer,
            open: Mutex::default(),
            deploying: Mutex::default(),
            identity: Mutex::default(),
            _lock: lock,
        });
        tauri::async_runtime::spawn(upkeep::look_after(Arc::clone(&controller)));
        controller
    }

    // ---------------------------------------------------------------- the app itself

    pub async fn info(&self) -> Result<AppInfo, Failure> {
        let profile = self.profile().await?;
        let account: Vec<String> =
            profile.aws.account.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        let key_file = home::expand(&profile.host.key_file);
        Ok(AppInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            realm: self.world.realm(),
            person: self.person().await?,
            computer: self.computer.clone(),
            band: format!("{} · AWS account {} · {}", profile.product.name, account.join(" "), profile.aws.region),
            custom_endpoints: self.world.realm() == Realm::Production && profile.endpoints.is_some(),
            unconfirmed: profile::unconfirmed(&profile),
            speed: self.world.speed(),
            now: self.parts.clock.now(),
            key_file_found: !profile.host.key_file.is_empty() && key_file.is_file(),
            proposed_key_file: profile.host.key_file.clone(),
            profile,
        })
    }

    /// The profile with the values that were confirmed on this computer. A value that does not fit any more is left out
    /// and so asked for again.
    pub async fn profile(&self) -> Result<Profile, Failure> {
        let mut profile = self.world.profile().clone();
        for setting in self.journal.settings("profile.").await? {
            let key = setting.key.trim_start_matches("profile.");
            if let Err(failure) = profile::set_value(&mut profile, key, &setting.value) {
                tracing::warn!(%failure, "a confirmed value does not fit any more");
            }
        }
        Ok(profile)
    }

    pub async fn set_person(&self, name: &str) -> Result<(), Failure> {
        let name = good_name(name)?;
        self.keep("person", &name, &name).await
    }

    pub async fn confirm_value(&self, key: &str, value: &str) -> Result<(), Failure> {
        profile::set_value(&mut self.profile().await?, key, value)?;
        let person = self.actor().await?.person;
        self.keep(&format!("profile.{key}"), value, &person).await
    }

    pub async fn names(&self, version: &str) -> Result<Names, Failure> {
        profile::names(&self.profile().await?, version).map(|(_, names)| names)
    }

    pub async fn set_speed(&self, speed: u32) -> Result<(), Failure> {
        self.world.set_speed(speed).await
    }

    pub async fn practice_view(&self) -> Result<PracticeView, Failure> {
        self.world.practice_view().await
    }

    pub async fn switch_trouble(&self, trouble: Trouble, on: bool) -> Result<PracticeView, Failure> {
        self.world.switch_trouble(trouble, on).await
    }

    pub async fn debrief(&self, run: &RunId) -> Result<Debrief, Failure> {
        let spells = self.world.spells().await?;
        let events = self.events(run, 0).await?;
        let told = debrief::debrief(&fold::fold(&events)?, &events, &spells, &self.parts.clock.now());
        Ok(self.redactor.value(told))
    }

    pub fn open_page(&self, url: &str) -> Result<(), Failure> {
        let refuse = || Failure::new(ErrorCode::BadInput, "open the page").with("field", "url");
        if !(url.starts_with("https://") || url.starts_with("http://")) || url.chars().any(char::is_control) {
            return Err(refuse().because("only web pages are opened"));
        }
        tauri_plugin_opener::open_url(url, None::<&str>).map_err(|error| refuse().because(error))
    }

    // ---------------------------------------------------------------- runs

    pub async fn draft(&self, version: &str, anyway: Option<&str>) -> Result<RunId, Failure> {
        let profile = self.profile().await?;
        let (version, _): (Version, Names) = profile::names(&profile, version)?;
        if let Some(first) = profile::unconfirmed(&profile).first().filter(|_| self.world.realm() == Realm::Production)
        {
            return Err(Failure::new(ErrorCode::Unconfirmed, "start a release")
                .because(format!("{} was never confirmed by a person", first.label))
                .with("key", first.key.clone())
                .with("label", first.label.clone())
                .hint("Confirm the values that the runbook does not give."));
        }
        Release::draft(&self.parts, &profile, self.world.realm(), &version, &self.actor().await?, anyway).await
    }

    pub async fn list(&self) -> Result<Vec<RunSummary>, Failure> {
        let mut found = Vec::new();
        for run in self.parts.journal.runs().await? {
            match self.view(&run).await {
                Ok(view) => found.push(fold::summary(&view)),
                Err(failure) => {
                    tracing::warn!(%run, %failure, "a run cannot be read");
                    found.extend(self.unreadable(&run, &failure).await);
                }
            }
        }
        found.extend(self.beside.list().await);
        // Ids of runs sort by creation (UUID of version 7).
        found.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(found)
    }

    /// The line of a run that this app cannot read to its end: left out of nothing, continued by nobody here.
    async fn unreadable(&self, run: &RunId, failure: &Failure) -> Option<RunSummary> {
        let first = self.journal.first(run).await.ok()?;
        let mut summary = fold::summary(&fold::fold(&[first]).ok()?);
        summary.read_only = Some(match failure.params.get("version") {
            Some(version) => format!("Greenlight {version} can continue it."),
            None => "Its record is damaged; keep the data folder and call a developer.".to_owned(),
        });
        Some(summary)
    }

    pub async fn events(&self, run: &RunId, seq: u32) -> Result<Vec<Event>, Failure> {
        if self.beside.has(run) {
            return self.beside.events(run, seq).await;
        }
        self.parts.journal.events(run, seq).await
    }

    pub async fn plan(&self, run: &RunId, step: StepId) -> Result<StepPlan, Failure> {
        let plan = self.release(run).await?.plan(step).await;
        plan.map(|plan| self.redactor.value(plan)).map_err(|failure| self.redactor.failure(failure))
    }

    pub async fn observe(&self, run: &RunId, step: StepId) -> Result<Observation, Failure> {
        let seen = self.release(run).await?.observe(self.actor().await?, step).await;
        seen.map(|seen| self.redactor.value(seen)).map_err(|failure| self.redactor.failure(failure))
    }

    pub async fn act(&self, run: &RunId, act: Act) -> Result<Answer, Failure> {
        let actor = self.actor().await?;
        let answer = self.release(run).await?.act(actor, act).await;
        answer.map_err(|failure| self.redactor.failure(failure))
    }

    pub async fn confirm(&self, run: &RunId, step: StepId, plan_hash: String) -> Result<String, Failure> {
        match self.act(run, Act::Confirm { step, plan_hash }).await? {
            Answer::Token(token) => Ok(token),
            Answer::Done => Err(Failure::new(ErrorCode::Internal, "confirm the step").because("no token was issued")),
        }
    }

    pub async fn start_prepare(&self, run: &RunId, statement: String) -> Result<(), Failure> {
        self.ask_identity(run).await;
        self.act(run, Act::StartPrepare { statement }).await.map(|_| ())
    }

    /// At most one run per environment is deploying (RELEASE.md 2).
    pub async fn start_deploy(&self, run: &RunId, request: DeployRequest) -> Result<(), Failure> {
        let _held = self.deploying.lock().await;
        for other in self.parts.journal.runs().await?.into_iter().filter(|other| other != run) {
            let Ok(view) = self.view(&other).await else { continue };
            if matches!(view.state, RunState::Deploying | RunState::Checking) {
                return Err(Failure::new(ErrorCode::NotAllowedNow, "start Deploy")
                    .because(format!("{} {} is being deployed", view.profile.product.name, view.version))
                    .hint("Finish or stop that release first."));
            }
        }
        self.ask_identity(run).await;
        self.act(run, Act::StartDeploy(request)).await.map(|_| ())
    }

    /// Who began this version on another computer, while this run is a draft.
    ///
    /// # Errors
    /// See [`Release::begun_elsewhere`].
    pub async fn begun_elsewhere(&self, run: &RunId) -> Result<Option<BegunElsewhere>, Failure> {
        self.release(run).await?.begun_elsewhere().await.map_err(|failure| self.redactor.failure(failure))
    }

    /// "Continue this release here".
    ///
    /// # Errors
    /// See [`Release::continue_here`].
    pub async fn continue_here(&self, run: &RunId) -> Result<(), Failure> {
        self.ask_identity(run).await;
        let by = self.actor().await?;
        self.release(run).await?.continue_here(by).await.map_err(|failure| self.redactor.failure(failure))
    }

    pub async fn deploy_differences(&self, run: &RunId) -> Result<Vec<String>, Failure> {
        self.release(run).await?.deploy_differences().await.map_err(|failure| self.redactor.failure(failure))
    }

    pub async fn host_fingerprint(&self, address: &str, port: u16) -> Result<String, Failure> {
        self.world.ports(&self.profile().await?)?.host.fingerprint(address.trim(), port).await
    }

    pub async fn left_behind(&self, run: &RunId) -> Result<Vec<String>, Failure> {
        Ok(self.release(run).await?.left_behind())
    }

    pub async fn take_over(&self, run: &RunId, person: &str) -> Result<(), Failure> {
        let person = good_name(person)?;
        self.act(run, Act::TakeOver { person: person.clone() }).await?;
        self.keep("person", &person, &person).await
    }

    // ---------------------------------------------------------------- lines and documents

    pub fn lines(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> Result<Vec<LogLine>, Failure> {
        self.beside.refuse_lines(run)?;
        self.parts.spool.read(run, source, from, count.min(MOST_LINES))
    }

    pub fn line_count(&self, run: &RunId, source: LineSource) -> Result<u32, Failure> {
        self.beside.refuse_lines(run)?;
        self.parts.spool.count(run, source)
    }

    pub fn follow_lines(&self, run: RunId, channel: Channel<Lines>) {
        self.window.follow(run, channel);
    }

    pub async fn markdown(&self, run: &RunId) -> Result<String, Failure> {
        let events = self.events(run, 0).await?;
        Ok(self.redactor.text(&export::markdown(&fold::fold(&events)?, &events)))
    }

    pub async fn save_markdown(&self, run: &RunId, path: &str) -> Result<String, Failure> {
        let path = home::expand(path.trim());
        let refuse = |why: &str| {
            Failure::new(ErrorCode::BadInput, "save the document")
                .because(why)
                .with("field", "path")
                .with("problem", why)
        };
        if !path.is_absolute() || path.extension().is_none_or(|end| end != "md") {
            return Err(refuse("A full path is needed, such as ~/Documents/rally-2.1.0.md."));
        }
        let text = self.markdown(run).await?;
        let opened = fs_err::OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = opened.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                refuse("A file of this name is there already; it is left as it is.")
            } else {
                refuse(&error.to_string())
            }
        })?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| refuse(&error.to_string()))?;
        Ok(path.display().to_string())
    }

    pub fn access(&self) -> Access<'_> {
        Access::new(self)
    }

    // ---------------------------------------------------------------- inside

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn journal(&self) -> &SqliteJournal {
        &self.journal
    }

    /// Keeps a setting of this computer.
    pub(crate) async fn keep(&self, key: &str, value: &str, by: &str) -> Result<(), Failure> {
        let at = self.parts.clock.now();
        let (key, value, by) = (key.to_owned(), value.to_owned(), by.to_owned());
        self.journal.set_setting(&Setting { key, value, at, by }).await
    }

    /// Who sits before this computer. Practice needs no question: the account's name does until one is given.
    pub(crate) async fn person(&self) -> Result<Option<String>, Failure> {
        let given = self.journal.setting("person").await?.map(|setting| setting.value);
        Ok(match self.world.realm() {
            Realm::Production => given,
            Realm::Practice => given
                .or_else(|| ["USER", "USERNAME"].iter().find_map(|name| good_name(&std::env::var(name).ok()?).ok()))
                .or_else(|| Some("Practice".to_owned())),
        })
    }

    pub(crate) async fn actor(&self) -> Result<Actor, Failure> {
        let person = self.person().await?.ok_or_else(|| {
            Failure::new(ErrorCode::BadInput, "name who acts")
                .because("nobody has given a name on this computer")
                .with("field", "person")
                .with("problem", "Say who you are first.")
        })?;
        let (github_login, aws_identity) = self.identity.lock().await.clone();
        let app_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Actor { person, computer: self.computer.clone(), app_version, github_login, aws_identity })
    }

    pub(crate) async fn forget_identity(&self) {
        *self.identity.lock().await = (None, None);
    }

    /// Asks GitHub and AWS who we are there, once, so that the record can name it. Without an answer the record goes
    /// without: the steps themselves say what is wrong.
    async fn ask_identity(&self, run: &RunId) {
        let Ok(ports) = self.view(run).await.and_then(|view| self.world.ports(&view.profile)) else { return };
        let asked = async { tokio::join!(ports.builds.whoami(), ports.identity.whoami()) };
        let Ok((github, aws)) = tokio::time::timeout(IDENTITY_MAX, asked).await else { return };
        *self.identity.lock().await = (github.ok().map(|who| who.login), aws.ok().map(|who| who.arn));
    }

    async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        fold::fold(&self.parts.journal.events(run, 0).await?)
    }

    /// The open run; opens it when it is not.
    async fn release(&self, run: &RunId) -> Result<Release, Failure> {
        let mut open = self.open.lock().await;
        // One that could not write its record has stopped, and is opened again: what it left is put in doubt.
        if let Some(release) = open.get(run).filter(|release| !release.is_over()) {
            return Ok(release.clone());
        }
        let view = self.view(run).await?;
        let refuse = |why: &str| Failure::new(ErrorCode::NotAllowedNow, "continue this release").because(why);
        if view.state == RunState::Ended {
            return Err(refuse("it has ended"));
        }
        if view.realm != self.world.realm() {
            return Err(refuse("it belongs to the other of PRODUCTION and PRACTICE"));
        }
        let ports = self.world.ports(&view.profile)?;
        let release = Release::open(self.parts.clone(), ports, run, self.actor().await?).await?;
        open.insert(run.clone(), release.clone());
        Ok(release)
    }
}

fn good_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let problem = "A name of one to eighty characters is needed.";
        return Err(Failure::new(ErrorCode::BadInput, "keep the name")
            .with("field", "person")
            .with("problem", problem));
    }
    Ok(name.to_owned())
}
