//! Guards that keep secrets out of the journal, the spool and the screen.
//!
//! Each guard implements a port, cleans the text and forwards. None decides anything.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use greenlight_engine::{
    journal::Journal,
    ports::{Credential, PortResult, Screen, SecretText, Secrets},
    redact::{self, Redactor},
    spool::{Reached, Spool},
};
use greenlight_types::{Actor, CredentialKind, Event, EventBody, Failure, LineSource, Live, LogLine, RunId, Timestamp};
use parking_lot::Mutex;

/// A journal that receives no secrets.
pub struct CleanJournal {
    pub inner: Arc<dyn Journal>,
    pub redactor: Arc<Redactor>,
}

#[async_trait]
impl Journal for CleanJournal {
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        let bodies = bodies.into_iter().map(|body| self.redactor.value(body)).collect();
        self.inner.append(run, after, at, by, bodies).await
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        self.inner.events(run, after).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        self.inner.runs().await
    }
}

/// Cleans the lines of every source in their order, because a private key spans several lines.
#[derive(Default)]
struct Sources(Mutex<HashMap<(RunId, LineSource), redact::Lines>>);

impl Sources {
    fn clean(&self, redactor: &Redactor, run: &RunId, source: LineSource, lines: &[LogLine]) -> Vec<LogLine> {
        let mut sources = self.0.lock();
        let state = sources.entry((run.clone(), source)).or_default();
        lines.iter().map(|line| LogLine { text: state.next(redactor, &line.text), ..line.clone() }).collect()
    }
}

/// A spool that receives no secrets.
pub struct CleanSpool {
    inner: Arc<dyn Spool>,
    redactor: Arc<Redactor>,
    sources: Sources,
}

impl CleanSpool {
    pub fn new(inner: Arc<dyn Spool>, redactor: Arc<Redactor>) -> Self {
        Self { inner, redactor, sources: Sources::default() }
    }
}

impl Spool for CleanSpool {
    fn append(&self, run: &RunId, source: LineSource, lines: &[LogLine]) -> PortResult<()> {
        self.inner.append(run, source, &self.sources.clean(&self.redactor, run, source, lines))
    }

    fn append_to(&self, run: &RunId, source: LineSource, lines: &[LogLine], reached: &Reached) -> PortResult<()> {
        self.inner.append_to(run, source, &self.sources.clean(&self.redactor, run, source, lines), reached)
    }

    fn reached(&self, run: &RunId, source: LineSource) -> PortResult<Option<Reached>> {
        self.inner.reached(run, source)
    }

    fn count(&self, run: &RunId, source: LineSource) -> PortResult<u32> {
        self.inner.count(run, source)
    }

    fn read(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> PortResult<Vec<LogLine>> {
        self.inner.read(run, source, from, count)
    }
}

/// A screen that receives no secrets.
pub struct CleanScreen {
    inner: Arc<dyn Screen>,
    redactor: Arc<Redactor>,
    sources: Sources,
}

impl CleanScreen {
    pub fn new(inner: Arc<dyn Screen>, redactor: Arc<Redactor>) -> Self {
        Self { inner, redactor, sources: Sources::default() }
    }
}

impl Screen for CleanScreen {
    fn moved(&self, run: &RunId, seq: u32) {
        self.inner.moved(run, seq);
    }

    fn live(&self, live: Live) {
        self.inner.live(self.redactor.value(live));
    }

    fn lines(&self, run: &RunId, source: LineSource, lines: &[LogLine]) {
        self.inner.lines(run, source, &self.sources.clean(&self.redactor, run, source, lines));
    }
}

/// A keychain that registers each secret with the redactor before its first use.
pub struct KnownSecrets {
    pub inner: Arc<dyn Secrets>,
    pub redactor: Arc<Redactor>,
}

impl KnownSecrets {
    fn learn(&self, credential: &Credential) {
        let add = |label: &str, secret: &SecretText| self.redactor.add(label, secret.expose());
        match credential {
            Credential::Github { token } => add("GitHub token", token),
            Credential::Aws { secret, session, .. } => {
                add("AWS secret", secret);
                session.iter().for_each(|session| add("AWS session", session));
            }
            Credential::StagingKey { passphrase, .. } => {
                passphrase.iter().for_each(|passphrase| add("passphrase", passphrase));
            }
        }
    }
}

#[async_trait]
impl Secrets for KnownSecrets {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        let found = self.inner.get(kind).await?;
        found.iter().for_each(|credential| self.learn(credential));
        Ok(found)
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        self.learn(credential);
        self.inner.set(credential).await
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        self.inner.remove(kind).await
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use greenlight_engine::{journal::MemoryJournal, spool::MemorySpool};
    use greenlight_types::{LineLabel, StepEvent, StepId, Timestamp};

    use super::*;

    const CANARY: &str = "canary-4711-secret";

    fn redactor() -> Arc<Redactor> {
        let redactor = Redactor::default();
        redactor.add("GitHub token", CANARY);
        Arc::new(redactor)
    }

    #[tokio::test]
    async fn no_secret_reaches_the_journal() {
        let journal = CleanJournal { inner: Arc::new(MemoryJournal::default()), redactor: redactor() };
        let run = RunId("run".to_owned());
        let by = Actor {
            person: "Ada".to_owned(),
            computer: "desk".to_owned(),
            app_version: "0".to_owned(),
            github_login: None,
            aws_identity: None,
        };
        let body =
            EventBody::Step(StepEvent::InDoubt { step: StepId::BackUp, attempt: 1, why: format!("sent {CANARY}") });
        journal.append(&run, 0, &Timestamp::EPOCH, &by, vec![body]).await.expect("appended");
        let kept = journal.events(&run, 0).await.expect("events");
        assert!(format!("{kept:?}").contains("sent [GitHub token]"), "{kept:?}");
    }

    #[test]
    fn no_secret_reaches_the_spool() {
        let spool = CleanSpool::new(Arc::new(MemorySpool::default()), redactor());
        let (run, source) = (RunId("run".to_owned()), LineSource::Backup);
        let line = |text: &str| LogLine { number: 0, at: None, label: LineLabel::Script, text: text.to_owned() };
        let lines = [line("-----BEGIN RSA PRIVATE KEY-----"), line("MIIEowIBAAKC"), line(CANARY)];
        spool.append(&run, source, &lines[..2]).expect("kept");
        spool.append(&run, source, &[line("-----END RSA PRIVATE KEY-----"), lines[2].clone()]).expect("kept");
        let kept = spool.read(&run, source, 0, 10).expect("lines");
        let texts: Vec<&str> = kept.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["[private key]", "[private key]", "[private key]", "[GitHub token]"]);
    }
}
