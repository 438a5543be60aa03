//! What came of a case, and whether that is right.

use super::format::{Case, Expectation, Refusal, Setting};
use super::request::Sent;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Observed {
    /// It passed.
    Passed {
        /// The headers that the upstream saw, names in lower case, `:path` among them.
        upstream: Vec<(String, String)>,
        /// The reason that was noted although it passed.
        reported: Option<String>,
    },
    /// It was answered by the filter.
    Refused(Answer),
}

/// An answer of the filter.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The response code details.
    pub(crate) details: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Status and message for a gRPC client.
    pub(crate) grpc: Option<(i32, String)>,
}

/// Compares what came of a case with what must come of it.
pub(crate) fn judge(setting: &Setting, case: &Case, sent: &Sent, observed: &Observed) -> Result<(), String> {
    match (&case.expect, observed) {
        (Expectation::Allow(expected), Observed::Passed { upstream, reported }) => {
            check("report", reported, &expected.reported)?;
            judge_forwarded(&expected.forwarded, sent, upstream)
        }
        (Expectation::Deny(expected), Observed::Refused(answer)) => {
            judge_refusal(setting, expected, answer).map_err(|wrong| format!("{wrong}; it was {answer:?}"))
        }
        (Expectation::Allow(_), Observed::Refused(answer)) => {
            Err(format!("it should have passed; it was {answer:?}"))
        }
        (Expectation::Deny(_), Observed::Passed { .. }) => Err("it passed".to_owned()),
    }
}

fn judge_forwarded(
    expected: &BTreeMap<String, Option<String>>,
    sent: &Sent,
    upstream: &[(String, String)],
) -> Result<(), String> {
    for (name, value) in expected {
        let seen: Vec<&str> =
            upstream.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        let value = value.as_deref().map(|value| sent.fill_in(value));
        let is_right = match &value {
            Some(value) => seen == [value.as_str()],
            None => seen.is_empty(),
        };
        if !is_right {
            return Err(format!("the upstream saw {name} {seen:?} instead of {value:?}"));
        }
    }
    Ok(())
}

fn judge_refusal(setting: &Setting, expected: &Refusal, answer: &Answer) -> Result<(), String> {
    let Refusal { reason, status, message, challenge, grpc } = expected;
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    check("details", &answer.details, &format!("validate_jwt{{{reason}}}"))?;
    let message = message.clone().unwrap_or_else(|| default_message(setting, reason));
    let waits = header("retry-after").is_some_and(|text| text.parse().is_ok_and(|seconds: u32| seconds >= 1));
    check("retry-after", &waits, &(reason == "DiscoveryUnavailable"))?;
    if let Some(code) = grpc {
        return check("gRPC", &answer.grpc, &Some((*code, message)));
    }
    check("status", &answer.status, status)?;
    let body: Value = serde_json::from_str(&answer.body).map_err(|error| format!("body: {error}"))?;
    check("body", &body, &json!({ "statusCode": status, "message": message }))?;
    check("content-type", &header("content-type"), &Some("application/json"))?;
    let challenge = challenge.as_deref().unwrap_or_else(|| default_challenge(reason, *status));
    check("challenge", &header("www-authenticate").unwrap_or("none"), &challenge)
}

/// What APIM says, unless the policy sets a text, which is for its own refusals only.
fn default_message(setting: &Setting, reason: &str) -> String {
    let is_entra = setting.plugin.get("validate-azure-ad-token").is_some();
    let default = match (reason, is_entra) {
        ("DiscoveryUnavailable", _) => return "Service unavailable.".to_owned(),
        ("PathAmbiguous", _) => return "Bad request.".to_owned(),
        ("TokenNotPresent", true) => "Azure AD JWT not present",
        ("TokenNotPresent", false) => "JWT not present.",
        (_, true) => "Invalid Azure AD JWT",
        (_, false) => "Invalid JWT.",
    };
    setting.message.as_deref().unwrap_or(default).to_owned()
}

/// What RFC 6750 §3 says, without realm.
fn default_challenge(reason: &str, status: u16) -> &'static str {
    match (status, reason) {
        (401, "TokenNotPresent") => "Bearer",
        (401, _) => "Bearer error=\"invalid_token\"",
        _ => "none",
    }
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what} {expected:?} was expected, not {seen:?}")) }
}
