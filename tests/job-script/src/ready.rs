//! Prepared hosts with an acquired lock or a submitted job. The files of each combination are
//! cached, so that the verbs run once and copies follow.

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Result, anyhow, ensure};
use parking_lot::Mutex;

use crate::machine::{Machine, RUN, Shell};

/// Largest number of cached hosts. Defects produce many texts of the verbs.
const KEPT_MAX: usize = 256;

/// Progress of a prepared host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Led {
    /// The environment lock is acquired.
    Held,
    /// The job is also submitted.
    Submitted,
}

/// Contents of a folder.
#[derive(Debug, Default)]
struct Remains {
    /// Each folder precedes its contents.
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>, u32)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    shell: Shell,
    verbs: String,
    is_held: bool,
    led: Led,
}

type Slot = Arc<OnceLock<Result<Remains, String>>>;

static KEPT: Mutex<Option<HashMap<Key, Slot>>> = Mutex::new(None);

/// Returns a prepared host. Its script waits when `is_held`.
///
/// # Errors
/// When a verb answers wrongly during the preparation.
pub fn machine(shell: Shell, verbs: &str, is_held: bool, led: Led) -> Result<Machine> {
    let slot = {
        let mut kept = KEPT.lock();
        let kept = kept.get_or_insert_default();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        Arc::clone(kept.entry(Key { shell, verbs: verbs.to_owned(), is_held, led }).or_default())
    };
    let remains = slot.get_or_init(|| lead(shell, verbs, is_held, led).map_err(|error| format!("{error:#}")));
    let remains = remains.as_ref().map_err(|error| anyhow!("{error}"))?;
    let machine = Machine::new(shell, verbs)?;
    machine.payload(is_held)?;
    remains.unpack(&machine.path("."))?;
    Ok(machine)
}

fn lead(shell: Shell, verbs: &str, is_held: bool, led: Led) -> Result<Remains> {
    let machine = Machine::new(shell, verbs)?;
    machine.payload(is_held)?;
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours "), "the environment is not taken");
    if led == Led::Submitted {
        ensure!(machine.submit()? == "new", "the job is not put there");
    }
    machine.rest()?;
    let mut remains = Remains::default();
    remains.pack(&machine.path("."), Path::new("home"))?;
    remains.file(&machine.path("."), Path::new("durable"))?;
    Ok(remains)
}

impl Remains {
    fn pack(&mut self, from: &Path, folder: &Path) -> Result<()> {
        self.folders.push(folder.to_owned());
        for entry in fs_err::read_dir(from.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.pack(from, &path)?;
            } else {
                self.file(from, &path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, path: &Path) -> Result<()> {
        let file = from.join(path);
        let mode = fs_err::metadata(&file)?.permissions().mode();
        self.files.push((path.to_owned(), fs_err::read(file)?, mode));
        Ok(())
    }

    fn unpack(&self, to: &Path) -> Result<()> {
        for folder in &self.folders {
            fs_err::create_dir_all(to.join(folder))?;
        }
        for (path, bytes, mode) in &self.files {
            fs_err::write(to.join(path), bytes)?;
            fs_err::set_permissions(to.join(path), std::fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    }
}
