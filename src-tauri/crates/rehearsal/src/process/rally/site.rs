//! The pretend site: the page that shows the version, and plain pages in place of GitHub's and AWS's.

/// A page of the site.
pub(super) fn page(version: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rally (practice)</title></head>\
         <body><h1>Rally</h1><p>Practice: this is the pretend site.</p><p>You are signed in. Studies: 411. \
         <a href=\"/study/411\">Open a study</a></p>\
         <footer>Version {version}</footer></body></html>"
    )
}
