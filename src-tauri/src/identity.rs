//! The actor of this computer: the person, the computer, and the accounts of the saved credentials
//! at GitHub and AWS.

use std::{sync::Arc, time::Duration};

use greenlight_engine::ports::Ports;
use greenlight_types::{Actor, Failure};
use parking_lot::Mutex;

use crate::settings::Settings;

/// Maximum wait for the answers of GitHub and AWS.
const ASK_MAX: Duration = Duration::from_secs(8);

/// The actor of this computer.
pub struct Identity {
    settings: Arc<Settings>,
    computer: String,
    accounts: Mutex<Accounts>,
}

#[derive(Clone, Default)]
struct Accounts {
    github_login: Option<String>,
    aws_identity: Option<String>,
}

impl Identity {
    pub fn new(settings: Arc<Settings>, computer: String) -> Self {
        Self { settings, computer, accounts: Mutex::default() }
    }

    pub fn computer(&self) -> &str {
        &self.computer
    }

    /// The actor that the journal names.
    ///
    /// # Errors
    /// `BadInput` when no person has given a name yet.
    pub async fn actor(&self) -> Result<Actor, Failure> {
        let person = self.settings.named_person().await?;
        let Accounts { github_login, aws_identity } = self.accounts.lock().clone();
        let app_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Actor { person, computer: self.computer.clone(), app_version, github_login, aws_identity })
    }

    /// Asks GitHub and AWS for the accounts of the credentials. Without an answer the journal does
    /// not name them: the steps report the cause.
    pub async fn ask(&self, ports: &Ports) {
        let asked = async { tokio::join!(ports.builds.whoami(), ports.identity.whoami()) };
        let Ok((github, aws)) = tokio::time::timeout(ASK_MAX, asked).await else { return };
        *self.accounts.lock() =
            Accounts { github_login: github.ok().map(|who| who.login), aws_identity: aws.ok().map(|who| who.arn) };
    }

    /// Forgets the accounts, because a credential was replaced.
    pub fn forget_accounts(&self) {
        *self.accounts.lock() = Accounts::default();
    }
}
