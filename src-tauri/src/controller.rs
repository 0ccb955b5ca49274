//! Owns the open runs: opens a run on demand and forwards to it. Refuses to open a run of the other
//! realm. The engine decides about a release.

mod upkeep;

use std::{collections::BTreeMap, sync::Arc};

use greenlight_engine::{
    fold, profile,
    release::{Act, Answer, Parts, Release},
};
use greenlight_types::{
    ConfirmedMachine, DeployRequest, Difference, ErrorCode, Failure, Handover, Names, Observation, ProfileValue,
    Readiness, Realm, RunId, RunState, RunView, StepId, StepPlan, ValueCorrection, Version,
};
use tokio::sync::Mutex;

use crate::{
    computer_state,
    host_keys::{self, HostKeys},
    identity::Identity,
    settings::{self, Settings},
    systems::Systems,
    ui_port::Window,
};

/// The owner of the open runs.
pub struct Controller {
    systems: Arc<Systems>,
    settings: Arc<Settings>,
    identity: Arc<Identity>,
    parts: Parts,
    window: Arc<Window>,
    open: Mutex<BTreeMap<RunId, Release>>,
    /// Held while the engine checks the other runs and starts Prepare or Deploy. So two requests
    /// cannot both pass the check.
    starting: Mutex<()>,
}

/// Constructor arguments of [`Controller`].
pub struct ControllerParts {
    pub systems: Arc<Systems>,
    pub settings: Arc<Settings>,
    pub identity: Arc<Identity>,
    pub parts: Parts,
    pub window: Arc<Window>,
}

impl Controller {
    pub fn new(given: ControllerParts) -> Arc<Self> {
        let ControllerParts { systems, settings, identity, parts, window } = given;
        let controller = Arc::new(Self {
            systems,
            settings,
            identity,
            parts,
            window,
            open: Mutex::default(),
            starting: Mutex::default(),
        });
        tauri::async_runtime::spawn(upkeep::look_after(Arc::clone(&controller)));
        controller
    }

    pub async fn draft(&self, version: &str, anyway: Option<&str>) -> Result<RunId, Failure> {
        let profile = self.settings.profile().await?;
        let (version, _): (Version, Names) = profile::names(&profile, version)?;
        if let Some(first) =
            profile::unconfirmed(&profile).first().filter(|_| self.systems.realm() == Realm::Production)
        {
            return Err(Failure::new(ErrorCode::Unconfirmed, "start a release")
                .because(format!("{} was never confirmed by a person", first.label))
                .with("key", first.key.clone())
                .with("label", first.label.clone())
                .hint("Confirm the values that the runbook does not give."));
        }
        Release::draft(&self.parts, &profile, self.systems.realm(), &version, &self.identity.actor().await?, anyway)
            .await
    }

    /// Drafts the rollback of an ended release of this computer.
    pub async fn draft_rollback(&self, of: &RunId) -> Result<RunId, Failure> {
        Release::draft_rollback(&self.parts, of, &self.identity.actor().await?).await
    }

    pub async fn plan(&self, run: &RunId, step: StepId) -> Result<StepPlan, Failure> {
        self.release(run).await?.plan(step).await
    }

    pub async fn observe(&self, run: &RunId, step: StepId) -> Result<Observation, Failure> {
        self.release(run).await?.observe(self.identity.actor().await?, step).await
    }

    pub async fn act(&self, run: &RunId, act: Act) -> Result<Answer, Failure> {
        let actor = self.identity.actor().await?;
        self.release(run).await?.act(actor, act).await
    }

    pub async fn confirm(&self, run: &RunId, step: StepId, plan_hash: String) -> Result<String, Failure> {
        match self.act(run, Act::ConfirmPlan { step, plan_hash }).await? {
            Answer::Token(token) => Ok(token),
            Answer::Done => Err(Failure::new(ErrorCode::Internal, "confirm the step").because("no token was issued")),
        }
    }

    pub async fn start_prepare(&self, run: &RunId, statement: String) -> Result<(), Failure> {
        let _held = self.starting.lock().await;
        self.ask_identity(run).await;
        self.act(run, Act::StartPrepare { statement }).await.map(|_| ())
    }

    pub async fn start_deploy(&self, run: &RunId, request: DeployRequest) -> Result<(), Failure> {
        let _held = self.starting.lock().await;
        self.ask_identity(run).await;
        self.act(run, Act::StartDeploy(request)).await?;
        // Deploy has started, so a failure from here on is only logged.
        if let Err(failure) = self.remember_host_key(run).await {
            tracing::warn!(%failure, "the fingerprint is not kept for later releases");
        }
        Ok(())
    }

    async fn remember_host_key(&self, run: &RunId) -> Result<(), Failure> {
        let view = self.view(run).await?;
        // A rollback asks no staging machine.
        let Some(machine) = view.staging.filter(|_| view.rolls_back.is_none()) else { return Ok(()) };
        host_keys::remember(&self.settings, &machine, &self.settings.named_person().await?).await
    }

    /// The run that began this version on another computer, while this run is a draft.
    pub async fn begun_elsewhere(&self, run: &RunId) -> Result<Option<Handover>, Failure> {
        self.release(run).await?.begun_elsewhere().await
    }

    /// Continues a release that began on another computer.
    pub async fn continue_here(&self, run: &RunId) -> Result<(), Failure> {
        let _held = self.starting.lock().await;
        self.ask_identity(run).await;
        let by = self.identity.actor().await?;
        self.release(run).await?.continue_here(by).await
    }

    pub async fn deploy_differences(&self, run: &RunId) -> Result<Vec<Difference>, Failure> {
        self.release(run).await?.deploy_differences().await
    }

    /// The fingerprints of a staging machine, the one that the profile names first.
    pub async fn host_keys(&self, address: &str, port: u16) -> Result<HostKeys, Failure> {
        let (profile, address) = (self.settings.profile().await?, address.trim());
        let mut presented = self.systems.ports(&profile)?.host.fingerprints(address, port).await?;
        presented.sort_by_key(|one| *one != profile.host.fingerprint);
        Ok(HostKeys { presented, known: host_keys::known(&self.settings, address, port).await? })
    }

    /// Looks whether Prepare or Deploy of a run can start. Changes nothing.
    pub async fn readiness(&self, run: &RunId, machine: Option<ConfirmedMachine>) -> Result<Readiness, Failure> {
        let release = self.release(run).await?;
        let computer = computer_state::look(&self.systems, &release.view().profile).await;
        Ok(release.readiness(machine, computer).await)
    }

    pub async fn left_behind(&self, run: &RunId) -> Result<Vec<String>, Failure> {
        Ok(self.release(run).await?.left_behind())
    }

    /// The values of the run's profile that a person may correct.
    pub async fn values(&self, run: &RunId) -> Result<Vec<ProfileValue>, Failure> {
        Ok(profile::values(&self.view(run).await?.profile))
    }

    /// Corrects a value of the run, and with `is_for_later_runs` also the one for later runs. The
    /// run is opened again, because its adapters have the old value.
    pub async fn correct_value(&self, run: &RunId, asked: ValueCorrection) -> Result<(), Failure> {
        let ValueCorrection { key, value, reason, is_for_later_runs } = asked;
        self.act(run, Act::CorrectValue { key: key.clone(), value: value.clone(), reason }).await?;
        let open = self.open.lock().await.remove(run);
        if let Some(release) = open {
            release.close().await;
        }
        self.release(run).await?;
        // A run of another product, which --profile opened, gives its values to none of this one.
        let is_same_product = self.view(run).await?.profile.product == self.systems.profile().product;
        if is_for_later_runs && is_same_product { self.settings.confirm_value(&key, &value).await } else { Ok(()) }
    }

    pub async fn take_over(&self, run: &RunId, person: &str) -> Result<(), Failure> {
        let person = settings::checked_name(person)?;
        self.act(run, Act::ChangeOperator { person: person.clone() }).await?;
        self.settings.set_person(&person).await
    }

    /// Asks for the accounts again, so that the journal can name them.
    async fn ask_identity(&self, run: &RunId) {
        if let Ok(ports) = self.view(run).await.and_then(|view| self.systems.ports(&view.profile)) {
            self.identity.ask(&ports).await;
        }
    }

    async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        fold::fold(&self.parts.journal.events(run, 0).await?)
    }

    /// The open run. Opens it first when it is closed.
    async fn release(&self, run: &RunId) -> Result<Release, Failure> {
        let mut open = self.open.lock().await;
        // A run that failed to write its journal has stopped. Opening it again puts its running
        // step in doubt.
        if let Some(release) = open.get(run).filter(|release| !release.is_over()) {
            return Ok(release.clone());
        }
        let view = self.view(run).await?;
        let refuse =
            |why: &str| Failure::new(ErrorCode::NotAllowedNow, format!("continue this {}", view.kind())).because(why);
        if view.state == RunState::Ended {
            return Err(refuse("it has ended"));
        }
        if view.realm != self.systems.realm() {
            return Err(refuse("it belongs to the other of PRODUCTION and PRACTICE"));
        }
        let ports = self.systems.ports(&view.profile)?;
        let release = Release::open(self.parts.clone(), ports, run, self.identity.actor().await?).await?;
        open.insert(run.clone(), release.clone());
        Ok(release)
    }
}
