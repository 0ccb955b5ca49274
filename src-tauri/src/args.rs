//! The arguments of the app. The realm is practice unless the arguments ask for production
//! (docs/releases.md#practice-and-production).

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use greenlight_adapters::home;
use greenlight_types::Realm;

/// The use of the executable that the arguments ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Open a window with these options.
    Window(Options),
    /// Serve the pretend production.
    RehearsalWorld {
        /// Folder of its state.
        folder: PathBuf,
        /// Clock speed from the start on: the window may end before it could set the speed.
        speed: u32,
    },
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
}

/// Settings of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub realm: Realm,
    /// A profile instead of the built-in one.
    pub profile: Option<PathBuf>,
    /// Data folder. `None` for the default one of the realm.
    pub data_folder: Option<PathBuf>,
    /// Clock speed of practice at the start.
    pub speed: u32,
    /// File with the troubles of a practice.
    pub scenario: Option<PathBuf>,
    /// Data folder of the other realm, to read.
    pub other_realm_folder: Option<PathBuf>,
}

/// Maximum clock speed of practice.
pub const SPEED_MAX: u32 = 600;

/// The text of `--help`.
pub const HELP: &str = "greenlight                           practise a release on a pretend production
greenlight --production              release Rally for real
greenlight --profile FILE            release what this profile describes, for real
  --data-dir DIR                     keep the record here
  --speed N                          speed of the practice clock, 1 to 600
  --scenario FILE                    what goes wrong in the practice
  --help, --version
";

/// Reads the arguments, without the program's own name.
///
/// # Errors
/// A sentence naming the argument that is not understood.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
    let mut rest = arguments.into_iter();
    let (mut profile, mut data_folder, mut speed, mut scenario) = (None, None, None, None);
    let (mut practice, mut production) = (false, false);
    while let Some(argument) = rest.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(Invocation::Help),
            "--version" | "-V" => return Ok(Invocation::Version),
            "--rehearsal-world" => {
                let folder = value()?.into();
                return Ok(Invocation::RehearsalWorld { folder, speed: parse_speed(&name, &value()?)? });
            }
            "--profile" => profile = Some(PathBuf::from(value()?)),
            "--data-dir" => data_folder = Some(PathBuf::from(value()?)),
            "--scenario" => scenario = Some(PathBuf::from(value()?)),
            "--practice" => practice = true,
            "--production" => production = true,
            "--speed" => speed = Some(parse_speed(&name, &value()?)?),
            _ => return Err(format!("\u{201c}{name}\u{201d} is not understood")),
        }
    }
    let is_real = production || profile.is_some();
    if is_real && practice {
        return Err("--practice goes neither with --production nor with --profile".to_owned());
    }
    if is_real && speed.is_some() {
        return Err("--speed is for practice only".to_owned());
    }
    if is_real && scenario.is_some() {
        return Err("--scenario is for practice only".to_owned());
    }
    let realm = if is_real { Realm::Production } else { Realm::Practice };
    Ok(Invocation::Window(Options {
        realm,
        profile,
        data_folder,
        speed: speed.unwrap_or(1),
        scenario,
        other_realm_folder: None,
    }))
}

fn parse_speed(name: &str, text: &std::ffi::OsStr) -> Result<u32, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    let in_range = number.filter(|number| (1..=SPEED_MAX).contains(number));
    in_range.ok_or_else(|| format!("{name} needs a number from 1 to {SPEED_MAX}"))
}

/// Arguments that serve the pretend production.
pub fn rehearsal_arguments(folder: &Path, speed: u32) -> [OsString; 3] {
    ["--rehearsal-world".into(), folder.into(), speed.to_string().into()]
}

/// The default data folder of a realm. `None` when the computer names no home folder.
pub fn default_data_folder(realm: Realm, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || home::folder(&variable);
    let base = if cfg!(target_os = "windows") {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        path("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
    };
    let folder = match realm {
        Realm::Production => "production",
        Realm::Practice => "practice",
    };
    Some(base?.join("greenlight").join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Invocation, String> {
        read(text.split_whitespace().map(OsString::from))
    }

    fn window(text: &str) -> Options {
        let Ok(Invocation::Window(options)) = read_text(text) else { panic!("{text} opens no window") };
        options
    }

    #[test]
    fn production_is_never_the_default() {
        assert_eq!(window("").realm, Realm::Practice);
        assert_eq!(window("--practice --speed 60 --data-dir d").realm, Realm::Practice);
        assert_eq!(window("--production").realm, Realm::Production);
        assert_eq!(window("--profile rally.toml --data-dir d").realm, Realm::Production);
    }

    #[test]
    fn rehearsal_arguments_carry_folder_and_speed() {
        let folder = PathBuf::from("a world");
        assert_eq!(read(rehearsal_arguments(&folder, 60)), Ok(Invocation::RehearsalWorld { folder, speed: 60 }));
    }

    #[test]
    fn refuses_arguments_that_contradict_each_other() {
        for bad in [
            "--practice --production",
            "--profile",
            "--speed 0",
            "--speed 601",
            "--rehearsal-world d",
            "--rehearsal-world d 0",
            "--production --speed 2",
            "--production --scenario s",
            "x",
        ] {
            assert!(read_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn practice_and_production_never_share_a_directory() {
        let home =
            |name: &str| (name == "HOME" || name == "LOCALAPPDATA").then(|| std::env::temp_dir().into_os_string());
        let practice = default_data_folder(Realm::Practice, home).expect("a place");
        let production = default_data_folder(Realm::Production, home).expect("a place");
        assert!(!practice.starts_with(&production) && !production.starts_with(&practice));
        assert_eq!(default_data_folder(Realm::Practice, |_| None), None);
    }
}
