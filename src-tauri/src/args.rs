//! What the app was started with. Practice unless production is asked for (RELEASE.md 9).

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use greenlight_adapters::home;
use greenlight_types::Realm;

/// How the executable is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// A window.
    Window(Options),
    /// The pretend production as a process of its own.
    RehearsalWorld {
        /// Its state.
        folder: PathBuf,
        /// Speed of its clock from its first moment on: whoever started it may be gone before it serves.
        speed: u32,
    },
    /// Say how it is used.
    Help,
    /// Say the version.
    Version,
}

/// Settings of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where releases act.
    pub realm: Realm,
    /// A profile instead of the built-in one.
    pub profile: Option<PathBuf>,
    /// Where the record is kept; a place per realm when absent.
    pub data_dir: Option<PathBuf>,
    /// Speed of the practice clock at the start.
    pub speed: u32,
    /// A file that says what goes wrong in the practice.
    pub scenario: Option<PathBuf>,
    /// Where the record of the other of production and practice is kept, to be read beside this one.
    pub beside: Option<PathBuf>,
}

/// Fastest practice clock.
pub const FASTEST: u32 = 600;

/// What `--help` says.
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
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Use, String> {
    let mut rest = arguments.into_iter();
    let (mut profile, mut data_dir, mut speed, mut scenario) = (None, None, None, None);
    let (mut practice, mut production) = (false, false);
    while let Some(argument) = rest.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(Use::Help),
            "--version" | "-V" => return Ok(Use::Version),
            "--rehearsal-world" => {
                let folder = value()?.into();
                return Ok(Use::RehearsalWorld { folder, speed: a_speed(&name, &value()?)? });
            }
            "--profile" => profile = Some(PathBuf::from(value()?)),
            "--data-dir" => data_dir = Some(PathBuf::from(value()?)),
            "--scenario" => scenario = Some(PathBuf::from(value()?)),
            "--practice" => practice = true,
            "--production" => production = true,
            "--speed" => speed = Some(a_speed(&name, &value()?)?),
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
    Ok(Use::Window(Options { realm, profile, data_dir, speed: speed.unwrap_or(1), scenario, beside: None }))
}

fn a_speed(name: &str, text: &std::ffi::OsStr) -> Result<u32, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    let in_range = number.filter(|number| (1..=FASTEST).contains(number));
    in_range.ok_or_else(|| format!("{name} needs a number from 1 to {FASTEST}"))
}

/// What a window starts the pretend production with.
pub fn of_rehearsal_world(folder: &Path, speed: u32) -> [OsString; 3] {
    ["--rehearsal-world".into(), folder.into(), speed.to_string().into()]
}

/// Where the record is kept when nobody says otherwise; `None` when this computer names no home.
pub fn usual_data_dir(realm: Realm, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
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

    fn read_text(text: &str) -> Result<Use, String> {
        read(text.split_whitespace().map(OsString::from))
    }

    fn window(text: &str) -> Options {
        let Ok(Use::Window(options)) = read_text(text) else { panic!("{text} opens no window") };
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
    fn a_pretend_production_is_started_with_the_speed_of_its_window() {
        let folder = PathBuf::from("a world");
        assert_eq!(read(of_rehearsal_world(&folder, 60)), Ok(Use::RehearsalWorld { folder, speed: 60 }));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
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
        let practice = usual_data_dir(Realm::Practice, home).expect("a place");
        let production = usual_data_dir(Realm::Production, home).expect("a place");
        assert!(!practice.starts_with(&production) && !production.starts_with(&practice));
        assert_eq!(usual_data_dir(Realm::Practice, |_| None), None);
    }
}
