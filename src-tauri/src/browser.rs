//! Opens web pages in the browser of this computer.

use greenlight_types::{ErrorCode, Failure};

/// Opens a web page.
///
/// # Errors
/// `BadInput` when the address is not a web page, or no browser opens it.
pub fn open_page(url: &str) -> Result<(), Failure> {
    let refuse = || Failure::new(ErrorCode::BadInput, "open the page").with("field", "url");
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.chars().any(char::is_control) {
        return Err(refuse().because("only web pages are opened"));
    }
    tauri_plugin_opener::open_url(url, None::<&str>).map_err(|error| refuse().because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_everything_but_web_pages() {
        for bad in ["file:///etc/passwd", "javascript:alert(1)", "ftp://example.org", "https://a\n.org", ""] {
            assert_eq!(open_page(bad).expect_err(bad).code, ErrorCode::BadInput);
        }
    }
}
