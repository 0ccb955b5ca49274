//! Types of the request members that the AWS front reads. A service reads the whole request before
//! it acts, so a number in place of a text is a `SerializationException`.
//!
//! Members that the front does not read are missing here. The operations check the values.

use serde_json::Value;

use super::Refused;

/// Required type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// A list of texts only.
    Texts,
    Structures,
}

/// Type of a member according to botocore. A name has the same type in every operation of the
/// front.
fn kind(name: &str) -> Option<Kind> {
    match name {
        "cluster"
        | "service"
        | "serviceDeploymentArn"
        | "stopType"
        | "serviceName"
        | "desiredStatus"
        | "nextToken"
        | "taskDefinition"
        | "family"
        | "repositoryName"
        | "logGroupName"
        | "logGroupIdentifier" => Some(Kind::Text),
        "maxResults" | "startTime" | "endTime" | "limit" => Some(Kind::Number),
        "services"
        | "clusters"
        | "tasks"
        | "serviceDeploymentArns"
        | "serviceRevisionArns"
        | "include"
        | "repositoryNames" => Some(Kind::Texts),
        "imageIds" | "containerDefinitions" | "tags" => Some(Kind::Structures),
        _ => None,
    }
}

/// Checks the types of all members.
///
/// # Errors
/// A `SerializationException` for the first member of a wrong type.
pub(super) fn check(body: &Value) -> Result<(), Refused> {
    let found = body.as_object().into_iter().flatten().find_map(|(name, value)| wrong(kind(name)?, value));
    found.map_or(Ok(()), |why| Err((400, "SerializationException", why)))
}

/// Error for a missing required member.
pub(super) fn absent(member: &str) -> Refused {
    let why = format!("Invalid parameter at '{member}' failed to satisfy constraint: 'must not be null'");
    (400, "InvalidParameterException", why)
}

/// AWS's message for a value of a wrong type. Null counts as absent.
fn wrong(kind: Kind, value: &Value) -> Option<String> {
    let element = match (kind, value) {
        (_, Value::Null) => return None,
        (Kind::Texts, Value::Array(elements)) => return elements.iter().find_map(|one| wrong(Kind::Text, one)),
        (Kind::Structures, Value::Array(elements)) => elements.iter().find(|one| !one.is_object() && !one.is_null()),
        (Kind::Text | Kind::Number | Kind::Texts | Kind::Structures, other) => Some(other),
    }?;
    let is_right = match kind {
        Kind::Text => element.is_string(),
        Kind::Number => element.is_number(),
        Kind::Texts | Kind::Structures => false,
    };
    (!is_right).then(|| match (element, kind) {
        (Value::Array(_), _) => "Start of list found where not expected".to_owned(),
        (Value::Object(_), _) => "Start of structure or map found where not expected.".to_owned(),
        (_, Kind::Structures) => "Unexpected value type in payload".to_owned(),
        (_, Kind::Texts) => "Expected list or null".to_owned(),
        (scalar, Kind::Text) => format!("{} can not be converted to a String", token(scalar)),
        (scalar, Kind::Number) => format!("{} can not be converted to an Integer", token(scalar)),
    })
}

/// Name of a scalar in AWS's messages (quoted in <https://github.com/aws/aws-cdk/pull/27087>).
fn token(value: &Value) -> &'static str {
    match value {
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Null | Value::Array(_) | Value::Object(_) => "VALUE_NULL",
    }
}
