//! The site adapter against a real HTTP server.

use axum::{Router, http::HeaderMap, response::Redirect, routing::get};
use greenlight_adapters::site::SiteAdapter;
use greenlight_engine::ports::Site;
use greenlight_types::ErrorCode;

async fn site() -> String {
    let app = Router::new()
        .route("/version", get(|| async { "2.1.0.0-RELEASE" }))
        .route("/large", get(|| async { "\u{e9}".repeat(400_000) }))
        .route("/away", get(|| async { Redirect::temporary("/version") }))
        .route("/circle", get(|| async { Redirect::temporary("/circle") }))
        .route("/cookie", get(|| async { ([("set-cookie", "a=b")], "taken") }))
        .route("/echo", get(|headers: HeaderMap| async move { format!("{:?}", headers.get("cookie")) }))
        .route("/broken", get(|| async { (axum::http::StatusCode::BAD_GATEWAY, "no server") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
    url
}

#[tokio::test]
async fn returns_an_error_answer_unchanged() {
    let (site, url) = (SiteAdapter::new().expect("a client"), site().await);
    for (path, status, body) in
        [("version", 200, "2.1.0.0-RELEASE"), ("away", 200, "2.1.0.0-RELEASE"), ("broken", 502, "no server")]
    {
        let answer = site.get(&format!("{url}/{path}")).await.expect(path);
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
    }
}

#[tokio::test]
async fn a_large_page_is_cut() {
    let (site, url) = (SiteAdapter::new().expect("a client"), site().await);
    let answer = site.get(&format!("{url}/large")).await.expect("an answer");
    assert_eq!(answer.body.len(), 256 * 1024);
}

#[tokio::test]
async fn does_not_store_cookies_of_the_site() {
    let (site, url) = (SiteAdapter::new().expect("a client"), site().await);
    site.get(&format!("{url}/cookie")).await.expect("an answer");
    assert_eq!(site.get(&format!("{url}/echo")).await.expect("an answer").body, "None");
}

#[tokio::test]
async fn a_failed_request_has_a_code() {
    let (site, url) = (SiteAdapter::new().expect("a client"), site().await);
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for (url, code) in [
        (format!("{url}/circle"), ErrorCode::SiteUnexpected),
        (closed, ErrorCode::Unreachable),
        ("http://name:password@localhost/".to_owned(), ErrorCode::BadInput),
        ("file:///etc/passwd".to_owned(), ErrorCode::BadInput),
        ("nothing".to_owned(), ErrorCode::BadInput),
    ] {
        assert_eq!(site.get(&url).await.expect_err(&url).code, code, "{url}");
    }
}
