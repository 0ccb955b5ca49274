//! Pages of the simulated site: the version page, and plain pages in place of GitHub's and AWS's.

/// Page of the site that shows a version.
pub(super) fn page(version: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rally (practice)</title></head>\
         <body><h1>Rally</h1><p>Practice: this is the pretend site.</p><p>You are signed in. Studies: 411. \
         <a href=\"/study/411\">Open a study</a></p>\
         <footer>Version {version}</footer></body></html>"
    )
}
