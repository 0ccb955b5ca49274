//! The state of this computer. The shell reads it.

use greenlight_types::Failure;

/// Keychain, key file, disk and power of this computer, as the shell read them.
#[derive(Clone, Debug)]
pub struct ComputerState {
    /// Name of the place that keeps the sign-ins, or why it does not answer.
    pub keychain: Result<String, Failure>,
    pub key_file: KeyFileState,
    /// Free bytes on the disk of the data folder. `None` when the system does not tell.
    pub free_bytes: Option<u64>,
    pub power: Power,
    pub keep_awake: KeepAwake,
}

/// The file of the staging machine key.
#[derive(Clone, Debug)]
pub enum KeyFileState {
    /// Only this account may read it.
    Private,
    /// Other accounts of this computer may read it, too.
    Open { path: String },
    /// None is saved, or it cannot be read.
    Unusable(Failure),
}

/// Whether the app can keep this computer awake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepAwake {
    /// The system took the request, which the app then took back.
    Possible,
    /// The system refused.
    Refused,
    /// The system did not answer in time.
    Unknown,
}

/// Power of this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// On mains, or without a battery.
    Mains,
    /// On its battery, with this charge in percent.
    Battery { percent: u8 },
    /// The system does not tell.
    Unknown,
}
