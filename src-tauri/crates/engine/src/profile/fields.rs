//! The values of a profile that Setup shows: meaning, group, and how each is read and written.

mod aws;
mod code;
mod database;
mod field;
mod forms;
mod machine;
mod people;
mod site;

pub(super) use field::{Field, Form, Need, Set};

/// Every value, in the order of the page.
pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    let groups: [&'static [Field]; 6] =
        [&code::FIELDS, &aws::FIELDS, &machine::FIELDS, &database::FIELDS, &site::FIELDS, &people::FIELDS];
    groups.into_iter().flatten()
}

/// The value with this key.
pub(super) fn field(key: &str) -> Option<&'static Field> {
    all().find(|field| field.key == key)
}
