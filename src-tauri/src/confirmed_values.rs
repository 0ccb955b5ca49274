//! The values of a profile that a person confirmed on this computer. They belong to one product and
//! environment: a test system never gets the values of production.

use greenlight_adapters::journal_sqlite::{Setting, SqliteJournal};
use greenlight_types::{Failure, Product};

/// Prefix of the keys that named no product, before version 0.1.0.
const WITHOUT_PRODUCT: &str = "profile.";

/// A value that a person confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedValue {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    pub setting: Setting,
}

/// Key of the setting of a value.
pub fn setting_key(product: &Product, key: &str) -> String {
    format!("{}{key}", prefix(product))
}

/// Ids have small letters, digits and hyphens only, so two products never share a prefix.
fn prefix(product: &Product) -> String {
    format!("confirmed/{}.{}/", product.id, product.environment)
}

/// The values that were confirmed for a product, in the order of their keys.
///
/// # Errors
/// The journal cannot be read.
pub async fn of(journal: &SqliteJournal, product: &Product) -> Result<Vec<ConfirmedValue>, Failure> {
    let prefix = prefix(product);
    let to_value = |setting: Setting| {
        let key = setting.key.strip_prefix(&prefix)?.to_owned();
        Some(ConfirmedValue { key, setting })
    };
    Ok(journal.settings(&prefix).await?.into_iter().filter_map(to_value).collect())
}

/// Gives values that named no product to the product of this place. Values that are there stay.
///
/// # Errors
/// The journal cannot be read or written.
pub async fn adopt(journal: &SqliteJournal, product: &Product) -> Result<(), Failure> {
    for setting in journal.settings(WITHOUT_PRODUCT).await? {
        let old = setting.key.clone();
        let new = setting_key(product, old.trim_start_matches(WITHOUT_PRODUCT));
        if journal.setting(&new).await?.is_none() {
            journal.set_setting(&Setting { key: new, ..setting }).await?;
        }
        journal.remove_setting(&old).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use greenlight_engine::profile::{BUILT_IN, BUILT_IN_NAME, parse};

    use super::*;

    fn setting(key: &str, value: &str) -> Setting {
        let at = "2026-11-23T13:00:00Z".parse().expect("a time");
        Setting { key: key.into(), value: value.into(), at, by: "Anna".into() }
    }

    #[tokio::test]
    async fn a_value_belongs_to_its_product_and_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = SqliteJournal::open(&folder.path().join("journal.sqlite")).await.expect("a journal");
        let production = parse(BUILT_IN_NAME, BUILT_IN).expect("a profile").product;
        let test = Product { environment: "test".into(), ..production.clone() };
        journal.set_setting(&setting("profile.aws.cluster", "old")).await.expect("kept");
        journal.set_setting(&setting(&setting_key(&production, "aws.service"), "web")).await.expect("kept");
        journal.set_setting(&setting("profile.aws.service", "older")).await.expect("kept");
        adopt(&journal, &production).await.expect("adopted");
        adopt(&journal, &test).await.expect("nothing is left to adopt");
        let known = of(&journal, &production).await.expect("values");
        let known: Vec<(&str, &str)> = known.iter().map(|one| (one.key.as_str(), one.setting.value.as_str())).collect();
        assert_eq!(known, [("aws.cluster", "old"), ("aws.service", "web")]);
        assert_eq!(of(&journal, &test).await.expect("values"), []);
    }
}
