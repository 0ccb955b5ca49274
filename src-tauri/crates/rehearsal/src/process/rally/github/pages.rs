//! Pages of lists as in GitHub's REST API: `per_page` (30, at most 100), `page` from 1, and a
//! `Link` header with the other pages (docs.github.com, "Using pagination in the REST API").
//!
//! An unreadable number means the default.

/// Requested part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Page {
    size: usize,
    number: usize,
}

impl Page {
    pub(in super::super) fn of(query: &[(String, String)]) -> Self {
        let number = |key: &str, usual: usize| {
            let found = query.iter().find(|(name, _)| name == key);
            found.and_then(|(_, text)| text.parse().ok()).unwrap_or(usual)
        };
        Self { size: number("per_page", 30).clamp(1, 100), number: number("page", 1).max(1) }
    }

    pub(super) fn part_of<T>(self, all: &[T]) -> &[T] {
        let from = (self.number - 1).saturating_mul(self.size).min(all.len());
        let to = from.saturating_add(self.size).min(all.len());
        all.get(from..to).unwrap_or_default()
    }

    /// The `Link` header; `None` when one page holds all. `query` is the query as sent.
    pub(in super::super) fn links(self, address: &str, query: &str, total: u64) -> Option<String> {
        let last = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(self.size).max(1);
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page=")).collect();
        let to = |number: usize, rel: &str| {
            let page = format!("page={number}");
            let query: Vec<&str> = kept.iter().copied().chain([page.as_str()]).collect();
            format!("<{address}?{}>; rel=\"{rel}\"", query.join("&"))
        };
        let before = (self.number > 1).then(|| to((self.number - 1).min(last), "prev"));
        let after = (self.number < last).then(|| [to(self.number + 1, "next"), to(last, "last")]);
        let first = (self.number > 1).then(|| to(1, "first"));
        let links: Vec<String> = before.into_iter().chain(after.into_iter().flatten()).chain(first).collect();
        (!links.is_empty()).then(|| links.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(words: &[(&str, &str)]) -> Page {
        Page::of(&words.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn pages_make_up_the_whole_list_and_end_empty() {
        let all: Vec<u32> = (0..5).collect();
        let shown = |number: &str| page(&[("per_page", "2"), ("page", number)]).part_of(&all).to_vec();
        assert_eq!([shown("1"), shown("2"), shown("3")].concat(), all);
        assert!(shown("4").is_empty() && shown("18446744073709551615").is_empty());
    }

    #[test]
    fn unreadable_number_means_the_default() {
        assert_eq!(page(&[("per_page", "many"), ("page", "-1")]), page(&[]));
        assert_eq!(page(&[("per_page", "1000"), ("page", "0")]), Page { size: 100, number: 1 });
    }

    #[test]
    fn links_name_neighbour_pages_and_keep_the_query() {
        let links = |number: &str, total| {
            page(&[("per_page", "2"), ("page", number)]).links("http://h/runs", "page=9&a=b&per_page=2", total)
        };
        let at = |number: u32, rel: &str| format!("<http://h/runs?a=b&per_page=2&page={number}>; rel=\"{rel}\"");
        assert_eq!(links("1", 5), Some([at(2, "next"), at(3, "last")].join(", ")));
        assert_eq!(links("2", 5), Some([at(1, "prev"), at(3, "next"), at(3, "last"), at(1, "first")].join(", ")));
        assert_eq!(links("3", 5), Some([at(2, "prev"), at(1, "first")].join(", ")));
        assert_eq!((links("1", 2), links("1", 0)), (None, None));
    }
}
