//! This computer as the readiness checks see it: keychain, key file, disk and power.

use std::{path::Path, time::Duration};

use greenlight_adapters::{credentials, key_file};
use greenlight_engine::{
    ports::Secrets,
    readiness::{ComputerState, KeepAwake, KeyFileState, Power},
};
use greenlight_types::{CredentialKind, ErrorCode, Failure, Profile, Retry};

use crate::systems::Systems;

/// Maximum wait for the key file, which may be on a network disk.
const KEY_FILE_MAX: Duration = Duration::from_secs(10);

/// Maximum wait for the system to take the request to stay awake.
const KEEP_AWAKE_MAX: Duration = Duration::from_secs(5);

/// Looks at this computer. The sign-ins are those for the servers of the profile.
pub async fn look(systems: &Systems, profile: &Profile) -> ComputerState {
    let secrets = systems.secrets(profile);
    let (keychain, keep_awake) = tokio::join!(keychain(&*secrets), can_stay_awake());
    let key_file = match &keychain {
        Ok(_) => key_file(systems, &*secrets).await,
        Err(failure) => KeyFileState::Unusable(failure.clone()),
    };
    ComputerState {
        keychain,
        key_file,
        free_bytes: free_bytes(systems.folder()),
        power: power(Path::new("/sys/class/power_supply")),
        keep_awake,
    }
}

/// Keeps this computer awake until the answer is dropped. Blocks.
///
/// # Errors
/// The refusal of the system.
pub fn keep_awake() -> Result<keepawake::KeepAwake, keepawake::Error> {
    keepawake::Builder::default()
        .idle(true)
        .sleep(true)
        .reason("A run changes production")
        .app_name("Greenlight")
        .create()
}

/// Asks the system to keep this computer awake, and takes the request back.
async fn can_stay_awake() -> KeepAwake {
    let asked = tokio::task::spawn_blocking(|| keep_awake().map(drop));
    match tokio::time::timeout(KEEP_AWAKE_MAX, asked).await {
        Ok(Ok(Ok(()))) => KeepAwake::Possible,
        Ok(Ok(Err(error))) => {
            // The words of the system name its sockets. They help only its administrator.
            tracing::warn!(%error, "the system does not keep this computer awake");
            KeepAwake::Refused
        }
        Ok(Err(_)) | Err(_) => KeepAwake::Unknown,
    }
}

async fn key_file(systems: &Systems, secrets: &dyn Secrets) -> KeyFileState {
    let read = async {
        let saved = credentials::staging_key(secrets, "read the staging machine key").await?;
        let file = key_file::read(&saved).await?;
        Ok(if file.is_open { KeyFileState::Open { path: saved.path } } else { KeyFileState::Private })
    };
    let late = Failure::new(ErrorCode::TimedOut, "read the staging machine key").retry(Retry::Safe);
    let read = tokio::time::timeout(KEY_FILE_MAX, read).await.unwrap_or(Err(late));
    read.unwrap_or_else(|failure| KeyFileState::Unusable(systems.redactor().failure(failure)))
}

async fn keychain(secrets: &dyn Secrets) -> Result<String, Failure> {
    secrets.get(CredentialKind::Github).await.map(|_| secrets.place())
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// Reads the supplies that Linux lists (kernel documentation, `sysfs-class-power`). A computer with
/// a mains supply that is on, or without a battery, needs none.
fn power(supplies: &Path) -> Power {
    let Ok(entries) = std::fs::read_dir(supplies) else { return Power::Unknown };
    let mut charge = None;
    for entry in entries.flatten() {
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default().trim().to_owned();
        match read("type").as_str() {
            "Mains" | "USB" if read("online") == "1" => return Power::Mains,
            // A mouse or a keyboard has a battery of its own.
            "Battery" if read("scope") != "Device" => charge = charge.max(read("capacity").parse::<u8>().ok()),
            _ => {}
        }
    }
    charge.map_or(Power::Mains, |percent| Power::Battery { percent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(folder: &Path, name: &str, files: &[(&str, &str)]) {
        let own = folder.join(name);
        std::fs::create_dir(&own).expect("a folder");
        for (file, text) in files {
            std::fs::write(own.join(file), format!("{text}\n")).expect("written");
        }
    }

    #[test]
    fn a_battery_counts_only_without_mains() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(power(folder.path()), Power::Mains, "no battery");
        supply(folder.path(), "mouse", &[("type", "Battery"), ("scope", "Device"), ("capacity", "9")]);
        assert_eq!(power(folder.path()), Power::Mains, "the battery of a mouse");
        supply(folder.path(), "BAT0", &[("type", "Battery"), ("capacity", "55")]);
        supply(folder.path(), "AC", &[("type", "Mains"), ("online", "0")]);
        assert_eq!(power(folder.path()), Power::Battery { percent: 55 });
        std::fs::write(folder.path().join("AC/online"), "1\n").expect("written");
        assert_eq!(power(folder.path()), Power::Mains);
        assert_eq!(power(&folder.path().join("missing")), Power::Unknown);
    }

    #[cfg(unix)]
    #[test]
    fn the_disk_of_a_folder_has_room() {
        assert!(free_bytes(&std::env::temp_dir()).is_some());
    }
}
