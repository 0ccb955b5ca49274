//! The arguments of the app. Only they, or a person in the window, choose production
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
    /// The place to show first. `None` for the one that was shown last.
    pub realm: Option<Realm>,
    /// A profile instead of the built-in one.
    pub profile: Option<PathBuf>,
    /// Data folder of the only place of this window. `None` for both places with their own folders.
    pub data_folder: Option<PathBuf>,
    /// Clock speed of practice at the start.
    pub speed: u32,
    /// File with the troubles of a practice.
    pub scenario: Option<PathBuf>,
}

/// Maximum clock speed of practice.
pub const SPEED_MAX: u32 = 600;

/// The text of `--help`.
pub const HELP: &str = "greenlight                           open the place that was shown last, at first practice
greenlight --practice                practise a release on a pretend production
greenlight --production              release Rally for real
greenlight --profile FILE            release what this profile describes, for real
  --data-dir DIR                     keep the record here, and show one place only
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
    let is_practice = practice || speed.is_some() || scenario.is_some() || data_folder.is_some();
    let realm = match (is_real, is_practice) {
        (true, _) => Some(Realm::Production),
        (false, true) => Some(Realm::Practice),
        (false, false) => None,
    };
    Ok(Invocation::Window(Options { realm, profile, data_folder, speed: speed.unwrap_or(1), scenario }))
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

/// The folder of the app, which has one folder for each place. `None` when the computer names no
/// home folder.
pub fn app_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || home::folder(&variable);
    let base = if cfg!(target_os = "windows") {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        path("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
    };
    Some(base?.join("greenlight"))
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
        assert_eq!(window("").realm, None);
        for practice in ["--practice", "--speed 60", "--scenario s", "--data-dir d"] {
            assert_eq!(window(practice).realm, Some(Realm::Practice), "{practice}");
        }
        for production in ["--production", "--profile rally.toml --data-dir d"] {
            assert_eq!(window(production).realm, Some(Realm::Production), "{production}");
        }
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
}
