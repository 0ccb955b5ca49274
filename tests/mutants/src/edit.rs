//! Applies edits to the text of files. An edit whose text does not occur exactly once is an error.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use anyhow::{Result, bail};

use crate::defect::{Defect, Edit};

/// The text with the edit. `by` is the name of the defect, for the error.
///
/// # Errors
/// When the text of the edit does not occur exactly once.
pub fn apply(edit: &Edit, by: &str, text: &str) -> Result<String> {
    let count = text.matches(&edit.find).count();
    if count != 1 {
        bail!(
            "{by} edits {}, where this text occurs {count} times and must occur once:\n\n    {}\n\n\
             Look the changed lines up, and correct `find` and `replace` of {by} in tests/mutants \
             (tests/mutants/README.md#mend-an-edit).",
            edit.file,
            edit.find.replace('\n', "\n    ")
        );
    }
    Ok(text.replacen(&edit.find, &edit.replace, 1))
}

/// The edited files of a tree, by their path. Defects may edit the same place if each keeps the
/// text that the next one finds.
///
/// # Errors
/// When a file cannot be read, or an edit does not apply.
pub fn edited_files(root: &Path, wiring: &[Edit], defects: &[Defect]) -> Result<BTreeMap<String, String>> {
    let wiring = wiring.iter().map(|edit| ("wiring.toml", edit));
    let edits = defects.iter().flat_map(|defect| defect.edits.iter().map(|edit| (defect.name.as_str(), edit)));
    let mut files = BTreeMap::new();
    for (by, edit) in wiring.chain(edits) {
        let text = match files.entry(edit.file.clone()) {
            Entry::Occupied(text) => text.into_mut(),
            Entry::Vacant(text) => text.insert(fs_err::read_to_string(root.join(&edit.file))?),
        };
        *text = apply(edit, by, text)?;
    }
    Ok(files)
}
