//! Fresh identifiers.

use greenlight_engine::ports::Ids;

/// UUIDs of version 7: 74 random bits behind the time.
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
    fn no_two_are_the_same_and_later_ones_sort_behind() {
        let ids: Vec<String> = (0..1_000).map(|_| Uuids.fresh()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[0].len(), 36);
    }
}
