//! New identifiers.

use greenlight_engine::ports::Ids;

/// UUIDs of version 7: the time, then 74 random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uuids;

impl Ids for Uuids {
    fn fresh(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let ids: Vec<String> = (0..1_000).map(|_| Uuids.fresh()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[0].len(), 36);
    }
}
