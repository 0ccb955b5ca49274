//! Entrance of the AWS front. It checks size, protocol, operation, signature and body, and refuses
//! with the service's own error before the World is called. The operations are in
//! `process/rally/aws.rs`.

mod signature;

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use rand::Rng;
use serde_json::{Value, json};

use self::signature::{Expected, Refusal, Sent};
use crate::{clock, world::REGION};

/// Largest body that is read, in bytes. A task definition may have 64 KiB; the app sends nothing
/// larger.
const BODY_MAX: usize = 1_048_576;
/// Content type of the JSON services.
const JSON: &str = "application/x-amz-json-1.1";

/// An authenticated request.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// Name and body of an operation of ECS, ECR or CloudWatch Logs.
    Operation(String, Value),
    /// The operation `GetCallerIdentity` of STS.
    Identity,
}

/// Refusal of a request, in most cases with status, type and message of the service's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Error of a JSON service.
    Json(u16, &'static str, String),
    /// Error of STS, which answers in XML.
    Form(u16, &'static str, String),
    /// Error for a request in no supported protocol.
    NoProtocol,
    /// The body is longer than [`BODY_MAX`].
    TooLarge,
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        match self {
            Self::Json(status, kind, message) => refused(status, kind, &message),
            Self::Form(status, code, message) => form_refused(status, code, &message),
            Self::NoProtocol => (StatusCode::NOT_FOUND, request_id(), "<UnknownOperationException/>\n").into_response(),
            Self::TooLarge => too_large(),
        }
    }
}

/// The accepted credentials.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    key_id: String,
    secret: String,
}

impl Door {
    pub(crate) fn new(key_id: String, secret: String) -> Self {
        Self { key_id, secret }
    }

    /// Authenticates and parses a request.
    ///
    /// # Errors
    /// The refusing answer of the service.
    pub(crate) async fn admit(&self, request: Request) -> Result<Asked, Denial> {
        let (parts, body) = request.into_parts();
        let declared = text(&parts.headers, header::CONTENT_LENGTH.as_str()).parse::<usize>();
        if declared.is_ok_and(|length| length > BODY_MAX) {
            return Err(Denial::TooLarge);
        }
        let Ok(body) = to_bytes(body, BODY_MAX).await else { return Err(Denial::TooLarge) };
        self.read(&parts, &body)
    }

    fn read(&self, parts: &Parts, body: &Bytes) -> Result<Asked, Denial> {
        let kind = text(&parts.headers, header::CONTENT_TYPE.as_str());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if parts.method == Method::POST && kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return self.read_form(parts, body);
        }
        if parts.method != Method::POST || !kind.eq_ignore_ascii_case(JSON) {
            return Err(Denial::NoProtocol);
        }
        let target = text(&parts.headers, "x-amz-target");
        let Some((service, operation)) = operation(target) else {
            return Err(Denial::Json(400, "UnknownOperationException", String::new()));
        };
        self.check(parts, body, service).map_err(|refusal| match refusal {
            Refusal::Missing => {
                Denial::Json(400, "MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
            }
            Refusal::Incomplete(why) => Denial::Json(400, "IncompleteSignatureException", why),
            Refusal::UnknownKey => Denial::Json(400, "UnrecognizedClientException", UNKNOWN_KEY.to_owned()),
            Refusal::Mismatch(why) => Denial::Json(400, "InvalidSignatureException", why),
        })?;
        match serde_json::from_slice::<Value>(body) {
            Ok(body @ Value::Object(_)) => Ok(Asked::Operation(operation.to_owned(), body)),
            Ok(_) | Err(_) => Err(Denial::Json(400, "SerializationException", String::new())),
        }
    }

    fn read_form(&self, parts: &Parts, body: &Bytes) -> Result<Asked, Denial> {
        self.check(parts, body, "sts").map_err(|refusal| match refusal {
            Refusal::Missing => {
                Denial::Form(403, "MissingAuthenticationToken", "Request is missing Authentication Token".to_owned())
            }
            Refusal::Incomplete(why) => Denial::Form(400, "IncompleteSignature", why),
            Refusal::UnknownKey => Denial::Form(403, "InvalidClientTokenId", UNKNOWN_KEY.to_owned()),
            Refusal::Mismatch(why) => Denial::Form(403, "SignatureDoesNotMatch", why),
        })?;
        let form = String::from_utf8_lossy(body);
        let value = |name: &str| form.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name);
        match (value("Action"), value("Version")) {
            (None, _) => Err(Denial::Form(400, "MissingAction", "Missing Action".to_owned())),
            (Some((_, "GetCallerIdentity")), Some((_, "2011-06-15"))) => Ok(Asked::Identity),
            (Some((_, action)), version) => {
                let version = version.map_or("", |(_, version)| version);
                let why = format!("Could not find operation {} for version {}", plain(action), plain(version));
                Err(Denial::Form(400, "InvalidAction", why))
            }
        }
    }

    fn check(&self, parts: &Parts, body: &Bytes, service: &str) -> Result<(), Refusal> {
        let sent = Sent { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body };
        let expected = Expected {
            key_id: &self.key_id,
            secret: &self.secret,
            region: REGION,
            service,
            // The client signs with its machine's clock, not with the practice clock.
            now_ms: clock::real_ms(),
        };
        signature::check(sent, expected)
    }
}

/// AWS's message for an unknown key id.
const UNKNOWN_KEY: &str = "The security token included in the request is invalid.";

/// Signing name and operation of a supported target.
pub(crate) fn operation(target: &str) -> Option<(&'static str, &str)> {
    let (prefix, operation) = target.split_once('.')?;
    match (prefix, operation) {
        (
            "AmazonEC2ContainerServiceV20141113",
            "ListClusters"
            | "DescribeClusters"
            | "ListServices"
            | "DescribeServices"
            | "ListServiceDeployments"
            | "DescribeServiceDeployments"
            | "DescribeServiceRevisions"
            | "UpdateService"
            | "StopServiceDeployment"
            | "ListTasks"
            | "DescribeTasks"
            | "DescribeTaskDefinition"
            | "RegisterTaskDefinition",
        ) => Some(("ecs", operation)),
        ("AmazonEC2ContainerRegistry_V20150921", "DescribeImages" | "DescribeRepositories") => Some(("ecr", operation)),
        ("Logs_20140328", "FilterLogEvents") => Some(("logs", operation)),
        _ => None,
    }
}

/// Success answer of a JSON service.
pub(crate) fn answered(body: &Value) -> Response {
    (StatusCode::OK, request_id(), [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

/// Error answer of a JSON service.
pub(crate) fn refused(status: u16, kind: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body =
        if message.is_empty() { json!({ "__type": kind }) } else { json!({ "__type": kind, "message": message }) };
    (status, request_id(), [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

/// Success answer of STS.
pub(crate) fn form_answered(body: String) -> Response {
    (StatusCode::OK, request_id(), [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn form_refused(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>practice</RequestId></ErrorResponse>"
    );
    (status, request_id(), [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn too_large() -> Response {
    // The rest of the body is not read, so the connection cannot be reused.
    let close = [(header::CONNECTION, "close")];
    (StatusCode::PAYLOAD_TOO_LARGE, request_id(), close, "Request Entity Too Large").into_response()
}

fn request_id() -> [(&'static str, String); 1] {
    let id: u128 = rand::rng().random();
    let digits = format!("{id:032x}");
    let parts: Vec<&str> =
        [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().filter_map(|range| digits.get(range)).collect();
    [("x-amzn-requestid", parts.join("-"))]
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}
