//! The pretend site: the page that shows the version, and plain pages in place of GitHub's and AWS's.

use super::Rally;

impl Rally {
    /// Version of the task that answers now; while two versions serve, they take turns. `None` when nothing serves.
    pub(super) fn serving_version(&self) -> Option<String> {
        let serving: Vec<u32> = self.service.healthy().map(|task| task.revision).collect();
        let turn = usize::try_from(self.now_ms / 1_000).unwrap_or_default().checked_rem(serving.len())?;
        let image = self.image_of(*serving.get(turn)?)?;
        Some(format!("{}-RELEASE", image.version))
    }

    /// A page of the site.
    pub(super) fn page(version: &str) -> String {
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rally (practice)</title></head>\
             <body><h1>Rally</h1><p>Practice: this is the pretend site.</p><p>You are signed in. Studies: 411.</p>\
             <footer>Version {version}</footer></body></html>"
        )
    }
}
