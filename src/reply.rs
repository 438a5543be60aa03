//! The answer to a request that is not let through: the one place that maps a rejection to status, headers and body.

use std::time::Duration;

use crate::{
    json,
    policy::{Challenge, Refusal},
    rejection::{Reason, Rejection},
};

/// The variable that holds the reason when a policy that only reports would have refused a request.
pub const REPORT_VARIABLE: &str = "validate_jwt";

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
    /// `INVALID_ARGUMENT`
    InvalidArgument,
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
            Self::InvalidArgument => 3,
            Self::PermissionDenied => 7,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}

/// Words the answer to a rejection.
///
/// The client learns whether a token was there, whether a token with more in it might do, and whether to come back later; the
/// reason is for the access log alone.
pub fn reply(rejection: &Rejection, refusal: &Refusal, is_grpc: bool) -> Reply {
    let reason = rejection.reason();
    let fault = Fault::of(reason);
    let (status, message) = match fault {
        Fault::Request => (400, "Bad request."),
        Fault::Unavailable => (refusal.unavailable_status, "Service unavailable."),
        Fault::NoToken => (refusal.status, message(refusal, refusal.defaults.not_present)),
        Fault::Token => (refusal.status, message(refusal, refusal.defaults.invalid)),
        Fault::Claims => {
            let status = refusal.insufficient_status.unwrap_or(refusal.status);
            (status, message(refusal, refusal.defaults.invalid))
        }
    };
    let details = format!("validate_jwt{{{reason}}}");
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    if fault == Fault::Unavailable {
        headers.push(("retry-after", whole_seconds(rejection.retry_after()).to_string()));
    }
    if is_grpc {
        let grpc_status = Some(grpc_status(fault));
        return Reply { status, grpc_status, headers, body: message.to_owned(), details };
    }
    let is_challenged = status == 401 || (fault == Fault::Claims && refusal.insufficient_status.is_some());
    let is_callers = matches!(fault, Fault::NoToken | Fault::Token | Fault::Claims);
    if let Some(challenge) = refusal.challenge.as_ref().filter(|_| is_challenged && is_callers) {
        let error = match fault {
            // RFC 6750 §3: a client that sent no token is told the scheme alone.
            Fault::NoToken | Fault::Request | Fault::Unavailable => None,
            Fault::Claims if refusal.insufficient_status.is_some() => Some("insufficient_scope"),
            Fault::Claims | Fault::Token => Some("invalid_token"),
        };
        headers.push(("www-authenticate", www_authenticate(challenge, error)));
    }
    headers.push(("content-type", "application/json".to_owned()));
    let body = body(status, message);
    Reply { status, grpc_status: None, headers, body, details }
}

/// Whose fault a refusal is, as far as the client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The request cannot be read in one way only.
    Request,
    /// There is no token.
    NoToken,
    /// The token is not good.
    Token,
    /// The token is good, and its claims do not suffice.
    Claims,
    /// Not the caller's: it could not be decided.
    Unavailable,
}

impl Fault {
    fn of(reason: Reason) -> Self {
        match reason {
            Reason::PathAmbiguous => Self::Request,
            Reason::TokenNotPresent => Self::NoToken,
            Reason::DiscoveryUnavailable | Reason::DecryptionUnavailable => Self::Unavailable,
            Reason::TokenClientApplicationNotAllowed
            | Reason::TokenClaimNotFound
            | Reason::TokenClaimValueNotAllowed => Self::Claims,
            Reason::JwtInvalid
            | Reason::TokenDecryptionFailed
            | Reason::TokenAlgorithmNotAllowed
            | Reason::TokenTypeNotAllowed
            | Reason::TokenIssuerNotAllowed
            | Reason::TokenTenantNotAllowed
            | Reason::TokenSignatureKeyNotFound
            | Reason::TokenSignatureInvalid
            | Reason::TokenExpirationMissing
            | Reason::TokenExpired
            | Reason::TokenNotYetValid
            | Reason::TokenAudienceNotAllowed
            | Reason::TokenBackendApplicationNotAllowed => Self::Token,
        }
    }
}

/// APIM's body, members in APIM's order.
fn body(status: u16, message: &str) -> String {
    format!(r#"{{"statusCode":{status},"message":{}}}"#, json::quoted(message))
}

fn message<'r>(refusal: &'r Refusal, default: &'static str) -> &'r str {
    refusal.message.as_deref().unwrap_or(default)
}

/// RFC 6750 §3, RFC 9728 §5.1. The texts are the configuration's, which has checked that they can stand in a header.
fn www_authenticate(challenge: &Challenge, error: Option<&str>) -> String {
    let parameters = [
        ("realm", challenge.realm.as_deref()),
        ("error", error),
        ("resource_metadata", challenge.resource_metadata.as_deref()),
    ];
    let parameters: Vec<_> = parameters
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", quoted(value?))))
        .collect();
    if parameters.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parameters.join(", ")) }
}

/// The inside of a quoted string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn grpc_status(fault: Fault) -> GrpcStatus {
    match fault {
        Fault::Request => GrpcStatus::InvalidArgument,
        Fault::Claims => GrpcStatus::PermissionDenied,
        Fault::Unavailable => GrpcStatus::Unavailable,
        Fault::NoToken | Fault::Token => GrpcStatus::Unauthenticated,
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
    use crate::{
        policy::DefaultTexts,
        rejection::{Absence, ClientFault},
    };

    fn refusal(status: u16, message: Option<&str>) -> Refusal {
        Refusal { status, message: message.map(str::to_owned), ..Refusal::default() }
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
    fn the_policy_of_entra_has_texts_of_its_own() {
        let refusal = Refusal { defaults: DefaultTexts::VALIDATE_AZURE_AD_TOKEN, ..Refusal::default() };
        for (rejection, message) in [
            (Rejection::NotPresent(Absence::Scheme), "Azure AD JWT not present"),
            (Rejection::SignatureInvalid, "Invalid Azure AD JWT"),
            (Rejection::ClaimNotFound { name: "roles".into() }, "Invalid Azure AD JWT"),
        ] {
            let answer = reply(&rejection, &refusal, false);
            assert_eq!(answer.body, format!(r#"{{"statusCode":401,"message":"{message}"}}"#));
        }
    }

    #[test]
    fn challenges() {
        let refusal = |challenge, insufficient_status| Refusal {
            challenge,
            insufficient_status,
            unavailable_status: 401,
            ..Refusal::default()
        };
        let described = Some(Challenge {
            realm: Some(r#"a "quoted" \ realm"#.into()),
            resource_metadata: Some("https://api.example/.well-known/oauth-protected-resource".into()),
        });
        let (realm, metadata) = (
            r#"realm="a \"quoted\" \\ realm""#,
            r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#,
        );
        let absent = Rejection::NotPresent(Absence::Nothing);
        let client = Rejection::ClientApplicationNotAllowed(ClientFault::NotListed);
        let plain = Some(Challenge::default());
        for (rejection, refusal, status, expected) in [
            (&absent, refusal(plain.clone(), None), 401, Some("Bearer".to_owned())),
            (&absent, refusal(described.clone(), None), 401, Some(format!("Bearer {realm}, {metadata}"))),
            (
                &Rejection::AudienceNotAllowed,
                refusal(described, Some(403)),
                401,
                Some(format!(r#"Bearer {realm}, error="invalid_token", {metadata}"#)),
            ),
            (&client, refusal(plain.clone(), None), 401, Some(r#"Bearer error="invalid_token""#.to_owned())),
            (
                &client,
                refusal(plain.clone(), Some(403)),
                403,
                Some(r#"Bearer error="insufficient_scope""#.to_owned()),
            ),
            (&Rejection::BackendApplicationNotAllowed, refusal(None, Some(403)), 401, None),
            (&client, refusal(None, Some(403)), 403, None),
            (&Rejection::DecryptionUnavailable, refusal(plain, None), 401, None),
        ] {
            let answer = reply(rejection, &refusal, false);
            assert_eq!(
                (answer.status, header(&answer, "www-authenticate")),
                (status, expected),
                "{rejection}"
            );
        }
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
            (Rejection::ClientApplicationNotAllowed(ClientFault::Absent), 7, "Invalid JWT."),
            (Rejection::KeysUnavailable { retry_after: Duration::ZERO }, 14, "Service unavailable."),
            (Rejection::DecryptionUnavailable, 14, "Service unavailable."),
            (Rejection::PathAmbiguous, 3, "Bad request."),
        ] {
            let answer = reply(&rejection, &refusal(401, None), true);
            assert_eq!(answer.grpc_status.map(GrpcStatus::code), Some(code), "{rejection}");
            assert_eq!(answer.body, message);
            assert_eq!(header(&answer, "content-type"), None);
        }
    }
}
