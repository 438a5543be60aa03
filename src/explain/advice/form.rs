//! How the token came, how it is signed, and when.

use super::{Advice, Sight};
use crate::{
    extract::TokenSource,
    rejection::{Malformed, Rejection},
    route,
    signature::VerifyingKey,
};

/// Clocks do not differ by more, in seconds.
const PLAUSIBLE_SKEW: u64 = 300;

pub(super) fn advise(sight: &Sight<'_>) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(absent(sight));
    advice.extend(prefix(sight).or_else(|| damaged(sight)));
    advice.extend(key_kind(sight));
    advice.extend(time(sight));
    advice
}

fn absent(sight: &Sight<'_>) -> Option<Advice> {
    let head = sight.attempt.head;
    if !sight.is_refused_for(|rejection| matches!(rejection, Rejection::NotPresent(_))) {
        return None;
    }
    if route::is_cors_preflight(head) || head.method() == Some(b"OPTIONS") {
        return Some(Advice::new(
            27,
            "a preflight of CORS, which browsers send without a token",
            "set `allow-cors-preflight`, or answer preflights before the filter",
        ));
    }
    let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    let is_stream = head.values("accept").any(|accept| has(accept, b"text/event-stream"))
        || head.path().is_some_and(|path| has(path, b"/mcp") || has(path, b"/sse"));
    is_stream.then(|| {
        Advice::new(
            28,
            "a request of an MCP client or of server-sent events, which may not carry the token on every request",
            "have the client send the header with each request, its tool calls too; `options.challenge.resource-metadata` tells \
             it where to get a token",
        )
    })
}

/// `Bearer` where the bare token belongs.
fn prefix(sight: &Sight<'_>) -> Option<Advice> {
    let text = sight.text?;
    let has_prefix = text.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"Bearer "));
    match &sight.policy.source {
        TokenSource::Authorization { .. } => None,
        TokenSource::Header { .. }
        | TokenSource::Query { .. }
        | TokenSource::Cookie { .. }
        | TokenSource::Property { .. } => has_prefix.then(|| {
            Advice::new(
                6,
                "`Bearer` before the token, in a place that takes the bare token",
                "leave `Bearer` out there, or send the token in `Authorization`",
            )
        }),
    }
}

fn damaged(sight: &Sight<'_>) -> Option<Advice> {
    let is_malformed = sight.is_refused_for(|rejection| {
        matches!(
            rejection,
            Rejection::Malformed(
                Malformed::PartCount
                    | Malformed::Base64Url(_)
                    | Malformed::Json(..)
                    | Malformed::NotAnObject(_)
                    | Malformed::SeveralTokens
            )
        )
    });
    let text = sight.text.unwrap_or_default();
    let cause = if text.is_empty() {
        "no token, or several, where one belongs"
    } else if text.iter().any(u8::is_ascii_whitespace) {
        "white space in the token: a line break from copying, or `Bearer` twice"
    } else if text.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'{' | b'}')) {
        "quotation marks or brackets around the token, or a placeholder in its place"
    } else if memchr::memchr_iter(b'.', text).count() < 2 {
        "not a JWT: an authorization code, a refresh token, or an opaque access token"
    } else {
        "a damaged token: cut off, or changed on the way"
    };
    (is_malformed && !cause.starts_with("no token")).then(|| {
        Advice::new(15, cause, "send the access token as the token endpoint returned it, and nothing else")
    })
}

fn key_kind(sight: &Sight<'_>) -> Vec<Advice> {
    let Some(token) = sight.token else {
        return Vec::new();
    };
    let name = &token.header().algorithm_name;
    let (is_hmac, is_rsa) = (name.starts_with("HS"), name.starts_with("RS") || name.starts_with("PS"));
    let keys = &sight.policy.inline_keys;
    let has_secret = keys.iter().any(|key| matches!(key.key, VerifyingKey::Symmetric(_)));
    let all_secrets = has_secret && keys.iter().all(|key| matches!(key.key, VerifyingKey::Symmetric(_)));
    let is_refused = sight.is_refused_for(|rejection| {
        matches!(
            rejection,
            Rejection::SignatureInvalid | Rejection::KeyNotFound | Rejection::AlgorithmNotAllowed
        )
    });
    let mut advice = Vec::new();
    if is_refused && is_rsa && all_secrets && sight.policy.providers.is_empty() {
        advice.push(Advice::new(
            11,
            "a token that is signed with RSA, and nothing but shared secrets in `issuer-signing-keys`",
            "give the public key: `certificate-id`, `n` with `e`, or `jwk`",
        ));
    }
    if is_refused && is_hmac {
        let cause = if has_secret {
            "an HMAC that the secret does not verify: `value` is Base64 of the secret's bytes, not the secret as text"
        } else {
            "a token that is signed with a shared secret, and the policy has none"
        };
        // Who takes the keys from an identity provider is not to be led to a secret: such a token may be an attack.
        let remedy = if has_secret || sight.policy.providers.is_empty() {
            "write the secret in Base64: 32 bytes at least for HS256, 48 for HS384, 64 for HS512"
        } else {
            "have the caller send the token that the identity provider issued: its keys are not shared secrets"
        };
        advice.push(Advice::new(12, cause, remedy));
    }
    advice
}

fn time(sight: &Sight<'_>) -> Vec<Advice> {
    let is_near = |rejection: &Rejection| match rejection {
        Rejection::Expired { exp, now } => now.since(*exp).as_secs() < PLAUSIBLE_SKEW,
        Rejection::NotYetValid { nbf, now } => nbf.since(*now).as_secs() < PLAUSIBLE_SKEW,
        Rejection::PathAmbiguous
        | Rejection::NotPresent(_)
        | Rejection::Malformed(_)
        | Rejection::AlgorithmNotAllowed
        | Rejection::TypeNotAllowed
        | Rejection::KeyNotFound
        | Rejection::SignatureInvalid
        | Rejection::ExpirationMissing
        | Rejection::IssuerNotAllowed(_)
        | Rejection::TenantNotAllowed(_)
        | Rejection::BackendApplicationNotAllowed
        | Rejection::ClientApplicationNotAllowed(_)
        | Rejection::AudienceNotAllowed
        | Rejection::ClaimNotFound { .. }
        | Rejection::ClaimValueNotAllowed { .. }
        | Rejection::DecryptionFailed
        | Rejection::DecryptionUnavailable
        | Rejection::KeysUnavailable { .. } => false,
    };
    let mut advice = Vec::new();
    if sight.is_refused_for(is_near) {
        let member = if sight.policy.entra.is_some() { "options.clock-skew" } else { "clock-skew" };
        advice.push(Advice::new(
            13,
            "off by less than five minutes: clocks differ, or the token was kept too long",
            format!("set `{member}` to 60; have the client get a new token some minutes before `exp`"),
        ));
    }
    if sight.is_refused_for(|rejection| *rejection == Rejection::ExpirationMissing) {
        advice.push(Advice::new(
            14,
            "a token without `exp`, which lives for ever",
            "have the issuer set `exp`; else set `require-expiration-time` to false",
        ));
    }
    advice
}
