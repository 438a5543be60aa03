//! The answer to a request that is not let through: the one place that maps a rejection to status, headers and body.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

use crate::{
    policy::Refusal,
    rejection::{Reason, Rejection},
};

/// A local answer of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The status for a gRPC client; `None` when the request is not gRPC.
    pub grpc_status: Option<GrpcStatus>,
    /// Headers beside those that the proxy adds.
    pub headers: Vec<(&'static str, String)>,
    /// The body; the message of a gRPC answer.
    pub body: String,
    /// What the proxy logs as response code details.
    pub details: String,
}

/// The gRPC status codes that the filter answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcStatus {
    /// `PERMISSION_DENIED`
    PermissionDenied,
    /// `UNAVAILABLE`
    Unavailable,
    /// `UNAUTHENTICATED`
    Unauthenticated,
}

impl GrpcStatus {
    /// The number on the wire.
    pub fn code(self) -> i32 {
        match self {
            Self::PermissionDenied => 7,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}

/// Words the answer to a rejection.
///
/// The client learns whether a token was there and whether to come back later; the reason is for the access log alone.
pub fn reply(rejection: &Rejection, refusal: &Refusal, is_grpc: bool) -> Reply {
    let reason = rejection.reason();
    let (status, message) = match rejection {
        Rejection::KeysUnavailable { .. } => (503, Cow::Borrowed("Service unavailable.")),
        Rejection::NotPresent(_) => (refusal.status, message(refusal, "JWT not present.")),
        Rejection::Malformed(_)
        | Rejection::AlgorithmNotAllowed
        | Rejection::KeyNotFound
        | Rejection::SignatureInvalid
        | Rejection::ExpirationMissing
        | Rejection::Expired { .. }
        | Rejection::NotYetValid { .. }
        | Rejection::IssuerNotAllowed(_)
        | Rejection::AudienceNotAllowed
        | Rejection::ClaimNotFound { .. }
        | Rejection::ClaimValueNotAllowed { .. } => (refusal.status, message(refusal, "Invalid JWT.")),
    };
    let details = format!("validate_jwt{{{reason}}}");
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    if let Rejection::KeysUnavailable { retry_after } = rejection {
        headers.push(("retry-after", whole_seconds(*retry_after).to_string()));
    }
    if is_grpc {
        let grpc_status = Some(grpc_status(reason));
        return Reply { status, grpc_status, headers, body: message.into_owned(), details };
    }
    if status == 401 {
        headers.push(("www-authenticate", challenge(reason).to_owned()));
    }
    headers.push(("content-type", "application/json".to_owned()));
    let body = Body { status_code: status, message: &message }.to_json();
    Reply { status, grpc_status: None, headers, body, details }
}

/// APIM's body, members in APIM's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    status_code: u16,
    message: &'b str,
}

impl Body<'_> {
    fn to_json(&self) -> String {
        // A number and a string cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn message<'r>(refusal: &'r Refusal, default: &'static str) -> Cow<'r, str> {
    refusal.message.as_deref().map_or(Cow::Borrowed(default), Cow::Borrowed)
}

/// RFC 6750 §3: a client that sent no token is told the scheme alone.
fn challenge(reason: Reason) -> &'static str {
    if reason == Reason::TokenNotPresent { "Bearer" } else { "Bearer error=\"invalid_token\"" }
}

fn grpc_status(reason: Reason) -> GrpcStatus {
    match reason {
        Reason::TokenClaimNotFound | Reason::TokenClaimValueNotAllowed => GrpcStatus::PermissionDenied,
        Reason::DiscoveryUnavailable => GrpcStatus::Unavailable,
        Reason::TokenNotPresent
        | Reason::JwtInvalid
        | Reason::TokenAlgorithmNotAllowed
        | Reason::TokenSignatureKeyNotFound
        | Reason::TokenSignatureInvalid
        | Reason::TokenExpirationMissing
        | Reason::TokenExpired
        | Reason::TokenNotYetValid
        | Reason::TokenIssuerNotAllowed
        | Reason::TokenAudienceNotAllowed => GrpcStatus::Unauthenticated,
    }
}

/// Rounded up, at least 1: a client that comes back at once would meet the same answer.
fn whole_seconds(duration: Duration) -> u64 {
    let has_fraction = duration.subsec_nanos() > 0;
    duration.as_secs().saturating_add(u64::from(has_fraction)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Absence;

    fn refusal(status: u16, message: Option<&str>) -> Refusal {
        Refusal { status, message: message.map(str::to_owned) }
    }

    fn header(reply: &Reply, name: &str) -> Option<String> {
        reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn apim_body_and_rfc_6750_challenge() {
        let answer = reply(&Rejection::NotPresent(Absence::Nothing), &refusal(401, None), false);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, r#"{"statusCode":401,"message":"JWT not present."}"#);
        assert_eq!(header(&answer, "www-authenticate").as_deref(), Some("Bearer"));
        assert_eq!(header(&answer, "content-type").as_deref(), Some("application/json"));
        assert_eq!(answer.details, "validate_jwt{TokenNotPresent}");
        assert_eq!(answer.grpc_status, None);

        let answer = reply(&Rejection::SignatureInvalid, &refusal(401, None), false);
        assert_eq!(answer.body, r#"{"statusCode":401,"message":"Invalid JWT."}"#);
        assert_eq!(header(&answer, "www-authenticate").as_deref(), Some("Bearer error=\"invalid_token\""));
    }

    #[test]
    fn the_configured_answer_is_for_refusals_only() {
        let configured = refusal(403, Some("No \"token\"\n"));
        let answer = reply(&Rejection::AudienceNotAllowed, &configured, false);
        assert_eq!(answer.status, 403);
        assert_eq!(answer.body, r#"{"statusCode":403,"message":"No \"token\"\n"}"#);
        assert_eq!(header(&answer, "www-authenticate"), None, "a challenge belongs to 401");

        let unavailable = Rejection::KeysUnavailable { retry_after: Duration::from_millis(1_001) };
        let answer = reply(&unavailable, &configured, false);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (503, r#"{"statusCode":503,"message":"Service unavailable."}"#)
        );
        assert_eq!(header(&answer, "retry-after").as_deref(), Some("2"));
        assert_eq!(answer.details, "validate_jwt{DiscoveryUnavailable}");
    }

    #[test]
    fn retry_after_is_at_least_one_second() {
        for (millis, expected) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), expected, "{millis}");
        }
    }

    #[test]
    fn grpc_clients_get_a_grpc_status_and_plain_text() {
        let claim = || "roles".to_owned();
        for (rejection, code, message) in [
            (Rejection::NotPresent(Absence::Nothing), 16, "JWT not present."),
            (Rejection::SignatureInvalid, 16, "Invalid JWT."),
            (Rejection::ClaimNotFound { name: claim() }, 7, "Invalid JWT."),
            (Rejection::ClaimValueNotAllowed { name: claim() }, 7, "Invalid JWT."),
            (Rejection::KeysUnavailable { retry_after: Duration::ZERO }, 14, "Service unavailable."),
        ] {
            let answer = reply(&rejection, &refusal(401, None), true);
            assert_eq!(answer.grpc_status.map(GrpcStatus::code), Some(code), "{rejection}");
            assert_eq!(answer.body, message);
            assert_eq!(header(&answer, "content-type"), None);
        }
    }
}
