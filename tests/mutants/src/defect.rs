//! The format of the defects, `tests/mutants/defects/*.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Folder of this crate in the tree.
pub const FOLDER: &str = "tests/mutants";
/// Name in `caught_by` for simulated releases.
pub const SIMULATION: &str = "simulation";
/// Name in `caught_by` for releases with kills of the app.
pub const CRASH: &str = "crash";

/// A wrong behaviour that a test must detect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// Unique name, also the name of the switch.
    pub name: String,
    /// The wrong behaviour in one sentence.
    pub says: String,
    /// Rules of docs/invariants.md. The checker must find one of them broken.
    pub breaks: Vec<String>,
    /// [`SIMULATION`], [`CRASH`], or names of files in `tests/tests`. Each of them must detect the
    /// defect.
    pub caught_by: Vec<String>,
    /// Edits that add the defect, each behind its switch.
    #[serde(rename = "edit")]
    pub edits: Vec<Edit>,
}

/// A change of one place in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Path from the root of the tree.
    pub file: String,
    /// Text that occurs once in the file.
    pub find: String,
    /// Text in its place.
    pub replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    #[serde(rename = "defect")]
    defects: Vec<Defect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wiring {
    #[serde(rename = "edit")]
    edits: Vec<Edit>,
}

/// The root of the tree that this program was compiled from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// All defects, in the order of their files.
///
/// # Errors
/// When a file cannot be read.
pub fn defects(root: &Path) -> Result<Vec<Defect>> {
    let entries = fs_err::read_dir(root.join(FOLDER).join("defects"))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let area: Area = read(&file)?;
        all.extend(area.defects);
    }
    Ok(all)
}

/// The edits of every copy, which declare the switch.
///
/// # Errors
/// When the file cannot be read.
pub fn wiring(root: &Path) -> Result<Vec<Edit>> {
    let wiring: Wiring = read(&root.join(FOLDER).join("wiring.toml"))?;
    Ok(wiring.edits)
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    toml::from_str(&fs_err::read_to_string(file)?).with_context(|| format!("cannot read {}", file.display()))
}
