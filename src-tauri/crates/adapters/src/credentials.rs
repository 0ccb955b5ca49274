//! The look-up of the saved credential that a call signs in with. Each call looks it up again, so
//! that a new one works at once.

use greenlight_engine::ports::{Credential, PortResult, SecretText, Secrets};
use greenlight_types::{CredentialKind, ErrorCode, Failure};

/// A saved AWS access key.
pub(crate) struct AwsKey {
    pub key_id: String,
    pub secret: SecretText,
    /// Session token of a temporary key.
    pub session: Option<SecretText>,
}

/// The saved key file for the staging machine.
pub struct StagingKey {
    /// Path of the file, as it was saved.
    pub path: String,
    /// Passphrase of the file.
    pub passphrase: Option<SecretText>,
}

/// The GitHub token, for GitHub and for the repository. `summary` completes "failed to ...".
///
/// # Errors
/// `CredentialMissing` when none is saved, and failures of the keychain.
pub(crate) async fn github_token(secrets: &dyn Secrets, summary: &str) -> PortResult<SecretText> {
    match secrets.get(CredentialKind::Github).await? {
        Some(Credential::Github { token }) => Ok(token),
        Some(Credential::Aws { .. } | Credential::StagingKey { .. }) | None => {
            Err(missing(CredentialKind::Github, summary))
        }
    }
}

/// The AWS access key. `summary` completes "failed to ...".
///
/// # Errors
/// `CredentialMissing` when none is saved, and failures of the keychain.
pub(crate) async fn aws_key(secrets: &dyn Secrets, summary: &str) -> PortResult<AwsKey> {
    match secrets.get(CredentialKind::Aws).await? {
        Some(Credential::Aws { key_id, secret, session }) => Ok(AwsKey { key_id, secret, session }),
        Some(Credential::Github { .. } | Credential::StagingKey { .. }) | None => {
            Err(missing(CredentialKind::Aws, summary))
        }
    }
}

/// The key file for the staging machine. `summary` completes "failed to ...".
///
/// # Errors
/// `CredentialMissing` when none is saved, and failures of the keychain.
pub async fn staging_key(secrets: &dyn Secrets, summary: &str) -> PortResult<StagingKey> {
    match secrets.get(CredentialKind::StagingKey).await? {
        Some(Credential::StagingKey { path, passphrase }) => Ok(StagingKey { path, passphrase }),
        Some(Credential::Github { .. } | Credential::Aws { .. }) | None => {
            Err(missing(CredentialKind::StagingKey, summary))
        }
    }
}

/// The kind of a credential.
#[must_use]
pub fn kind_of(credential: &Credential) -> CredentialKind {
    match credential {
        Credential::Github { .. } => CredentialKind::Github,
        Credential::Aws { .. } => CredentialKind::Aws,
        Credential::StagingKey { .. } => CredentialKind::StagingKey,
    }
}

fn missing(kind: CredentialKind, summary: &str) -> Failure {
    let (name, cause, hint) = match kind {
        CredentialKind::Github => {
            ("github", "no GitHub token is saved on this computer", "Open Access and save a GitHub token.")
        }
        CredentialKind::Aws => {
            ("aws", "no AWS access key is saved on this computer", "Open Access and save an AWS access key.")
        }
        CredentialKind::StagingKey => (
            "stagingKey",
            "no staging machine key is saved on this computer",
            "Open Access and choose the staging machine key.",
        ),
    };
    Failure::new(ErrorCode::CredentialMissing, summary).with("credential", name).because(cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::MemorySecrets;

    #[tokio::test]
    async fn finds_the_saved_credential_of_each_kind() {
        let secrets = MemorySecrets::default();
        let (token, secret) = (SecretText::new("token"), SecretText::new("secret"));
        for credential in [
            Credential::Github { token: token.clone() },
            Credential::Aws { key_id: "AKIA1".to_owned(), secret: secret.clone(), session: None },
            Credential::StagingKey { path: "key.pem".to_owned(), passphrase: None },
        ] {
            secrets.set(&credential).await.expect("saved");
        }
        assert_eq!(github_token(&secrets, "ask").await.expect("a token"), token);
        assert_eq!(aws_key(&secrets, "ask").await.expect("a key").secret, secret);
        assert_eq!(staging_key(&secrets, "ask").await.expect("a key").path, "key.pem");
    }

    #[tokio::test]
    async fn names_the_credential_that_is_missing() {
        let secrets = MemorySecrets::default();
        let failures = [
            (github_token(&secrets, "ask").await.map(drop), "github"),
            (aws_key(&secrets, "ask").await.map(drop), "aws"),
            (staging_key(&secrets, "ask").await.map(drop), "stagingKey"),
        ];
        for (result, name) in failures {
            let failure = result.expect_err(name);
            assert_eq!((failure.code, failure.summary.as_str()), (ErrorCode::CredentialMissing, "ask"));
            assert_eq!(failure.params["credential"], name);
            assert!(!failure.hints.is_empty());
        }
    }
}
