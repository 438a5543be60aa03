//! What the steps expect and found, in words. Everything that came from outside is escaped, and cut where it is long.

use std::borrow::Cow;

use super::{Finding, date};
use crate::{
    algorithm::Algorithm,
    checks::Check,
    claims::Claims,
    extract::TokenSource,
    json::Json,
    keys::{Availability, KeyStore},
    policy::{ApplicationId, Audience, ClaimRule, Entra, Policy, RequiredClaim, Tenant},
    time::Timestamp,
    token::{Claimed, UntrustedToken},
    validate::Attempt,
};

/// How much is shown of one text, in characters after escaping: whole issuers, and no token.
const SHOWN: usize = 160;

/// How many texts are shown of a list.
const LISTED: usize = 8;

/// Name, expectation and finding of a step.
pub(super) type Words = (&'static str, String, String);

/// A text of somebody else between quotation marks: ASCII alone, so that nothing in it moves a cursor or passes for another text.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let escaped = character.escape_default();
        if shown.len().saturating_add(escaped.len()) > SHOWN {
            return format!("\"{shown}\"…");
        }
        shown.extend(escaped);
    }
    format!("\"{shown}\"")
}

fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let all: Vec<_> = texts.into_iter().collect();
    let shown: Vec<_> = all.iter().take(LISTED).map(|text| quoted(text.as_ref())).collect();
    let more = all.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "absent".to_owned(), quoted)
}

/// Where a policy looks for the token.
pub(super) fn place(source: &TokenSource) -> String {
    match source {
        TokenSource::Authorization { require_scheme: Some(scheme) } => {
            format!("header `Authorization: {} …`", scheme.escape_default())
        }
        TokenSource::Authorization { require_scheme: None } => {
            "header `Authorization`, with `Bearer` or without".to_owned()
        }
        TokenSource::Header { name } => format!("header {}, the bare token", quoted(name)),
        TokenSource::Query { name } => format!("query parameter {}", quoted(name)),
        TokenSource::Cookie { name } => format!("cookie {}", quoted(name)),
        TokenSource::Property { path } => format!("property {}", quoted(&path.join("."))),
    }
}

pub(super) fn algorithm(policy: &Policy, token: Option<&UntrustedToken<'_>>) -> Words {
    let mut expected: Vec<_> = policy.algorithms.iter().map(|algorithm| algorithm.to_string()).collect();
    expected.extend(policy.unsigned.as_ref().map(|_| "none".to_owned()));
    let actual = token.map(|token| quoted(&token.header().algorithm_name)).unwrap_or_default();
    ("alg", expected.join(", "), actual)
}

pub(super) fn token_type(policy: &Policy, token: Option<&UntrustedToken<'_>>) -> Words {
    let actual = token.map(|token| optional(token.header().token_type.as_deref())).unwrap_or_default();
    ("typ", list(policy.token_types.iter().flatten()), actual)
}

pub(super) fn issuer(policy: &Policy, keys: &KeyStore, token: Option<&UntrustedToken<'_>>) -> Words {
    let mut expected: Vec<_> = policy.issuers.iter().flatten().map(|issuer| quoted(issuer)).collect();
    for provider in policy.providers.iter().filter_map(|config| keys.provider(config.id)) {
        let configured = provider.configured_issuer();
        let published = provider.published().iter().map(|publication| &publication.issuer);
        let named: Vec<_> =
            configured.into_iter().chain(published).map(|issuer| quoted(issuer.as_str())).collect();
        if named.is_empty() {
            expected.push(format!("what {} publishes (not known)", quoted(&provider.url().to_string())));
        }
        expected.extend(named.into_iter().filter(|issuer| !expected.contains(issuer)).collect::<Vec<_>>());
    }
    if expected.is_empty() {
        expected.push("any: the policy names none".to_owned());
    }
    let actual = token.map(|token| optional(token.claimed_issuer())).unwrap_or_default();
    ("iss", expected.join(", "), actual)
}

pub(super) fn tenant(policy: &Policy, token: Option<&UntrustedToken<'_>>) -> Words {
    let expected = match policy.entra.as_ref().map(|entra| &entra.tenant) {
        Some(Tenant::Id(id)) => quoted(id),
        Some(Tenant::Domain) => "the tenant of the domain in `tenant-id`".to_owned(),
        Some(Tenant::Organizations) => "any tenant but that of personal accounts".to_owned(),
        Some(Tenant::Consumers) => "the tenant of personal accounts".to_owned(),
        Some(Tenant::Common) | None => "any tenant".to_owned(),
    };
    let actual = token.map(|token| optional(token.claimed_tenant())).unwrap_or_default();
    ("tid", format!("{expected}, as in `iss`"), actual)
}

pub(super) fn key(
    policy: &Policy,
    keys: &KeyStore,
    now: Timestamp,
    token: Option<&UntrustedToken<'_>>,
) -> Words {
    let Some(token) = token else {
        return ("key", "a key of the issuer".to_owned(), String::new());
    };
    let header = token.header();
    if token.is_unsigned() && policy.unsigned.is_some() {
        return ("key", "none: the policy takes unsigned tokens".to_owned(), String::new());
    }
    let serves =
        Algorithm::from_name(&header.algorithm_name).map_or_else(String::new, |name| format!(" for {name}"));
    let expected = header.key_id.as_deref().map_or_else(
        || format!("a key{serves}; the token names none"),
        |key_id| format!("a key{serves} whose `kid` is {}", quoted(key_id)),
    );
    let mut found = Vec::new();
    if !policy.inline_keys.is_empty() {
        found.push(format!("{} in the configuration", count(policy.inline_keys.len())));
    }
    for provider in policy.providers.iter().filter_map(|config| keys.provider(config.id)) {
        let url = quoted(&provider.url().to_string());
        match provider.availability(provider.published().first(), now) {
            Availability::Ready(set) => {
                let names: Vec<_> = set.keys().iter().filter_map(|key| key.key_id.as_deref()).collect();
                found.push(format!("{} of {url} ({})", count(set.keys().len()), list(names)));
            }
            Availability::Pending | Availability::Down { .. } => found.push(format!("none of {url}")),
        }
    }
    ("key", expected, found.join("; "))
}

fn count(keys: usize) -> String {
    if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") }
}

pub(super) fn signature(finding: &Finding) -> Words {
    let actual = match finding {
        Finding::Passed => "verified".to_owned(),
        Finding::Failed(rejection) => rejection.to_string(),
        Finding::Undecided | Finding::NotReached(_) => "not verified".to_owned(),
    };
    ("signature", "verifies".to_owned(), actual)
}

/// Name, expectation and finding of a rule about claims.
pub(super) fn check(
    policy: &Policy,
    check: Check<'_>,
    attempt: Attempt<'_>,
    claimed: Option<Claimed<'_>>,
) -> (String, String, String) {
    let claims = claimed.map(Claimed::claims);
    let actual = |words: &dyn Fn(&Claims<'_>) -> String| claims.map(words).unwrap_or_default();
    match check {
        Check::Lifetime => ("exp, nbf".to_owned(), lifetime(policy, attempt.now), actual(&dates)),
        Check::Version => (
            "ver".to_owned(),
            "\"2.0\" where the issuer ends with `/v2.0`, else \"1.0\"".to_owned(),
            actual(&|claims| claim(claims, "ver")),
        ),
        Check::Audience => {
            let expected = policy.audiences.as_ref().map_or_else(
                || "any: the policy has no `audiences`".to_owned(),
                |audiences| {
                    let texts = audiences.allowed.iter().map(|allowed| audience(allowed, attempt));
                    list(texts)
                },
            );
            ("aud".to_owned(), expected, actual(&|claims| claim(claims, "aud")))
        }
        Check::Applications => (
            "azp, appid".to_owned(),
            policy.entra.as_ref().map_or_else(String::new, applications),
            actual(&|claims| format!("azp {}, appid {}", claim(claims, "azp"), claim(claims, "appid"))),
        ),
        Check::RequiredClaim(required) => (
            format!("claim {}", quoted(&required.name)),
            rule(required),
            actual(&|claims| claim(claims, &required.name)),
        ),
    }
}

fn lifetime(policy: &Policy, now: Timestamp) -> String {
    let skew = policy.clock_skew.as_secs();
    let exp = if policy.require_expiration { "exp" } else { "exp, if there," };
    let skew = if skew == 0 { String::new() } else { format!(", give or take {skew} s") };
    format!("{exp} after {}, nbf not after it{skew}", date::rfc3339(now))
}

fn dates(claims: &Claims<'_>) -> String {
    let date = |date: Option<Timestamp>| date.map_or_else(|| "absent".to_owned(), date::rfc3339);
    format!("exp {}, nbf {}", date(claims.expires()), date(claims.not_before()))
}

fn audience<'a>(allowed: &'a Audience, attempt: Attempt<'_>) -> Cow<'a, str> {
    match allowed {
        Audience::Literal(text) => Cow::Borrowed(text),
        Audience::RequestHost { before, after } => {
            let host = attempt.head.host().unwrap_or_else(|| "{request-host}".to_owned());
            Cow::Owned(format!("{before}{host}{after}"))
        }
    }
}

fn applications(entra: &Entra) -> String {
    let ids = |ids: &[ApplicationId]| list(ids.iter().map(ApplicationId::as_str));
    let clients = entra.client_applications.as_deref().map(|clients| format!("one of {}", ids(clients)));
    let backends =
        entra.backend_applications.as_deref().map(|backends| format!("aud one of {}", ids(backends)));
    let expected: Vec<_> = clients.into_iter().chain(backends).collect();
    if expected.is_empty() { "any: the policy names no application".to_owned() } else { expected.join("; ") }
}

fn rule(required: &RequiredClaim) -> String {
    let expected = match &required.rule {
        ClaimRule::Present => return "is there".to_owned(),
        ClaimRule::All(values) => format!("all of {}", list(values)),
        ClaimRule::Any(values) => format!("any of {}", list(values)),
    };
    required
        .separator
        .as_deref()
        .map_or_else(|| expected.clone(), |separator| format!("{expected}, split by {}", quoted(separator)))
}

/// A claim's value; of an object, that it is one.
fn claim(claims: &Claims<'_>, name: &str) -> String {
    claims.get(name).map_or_else(|| "absent".to_owned(), value)
}

fn value(json: &Json<'_>) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(digits) => digits.chars().take(SHOWN).collect(),
        Json::String(text) => quoted(text),
        Json::Array(elements) => {
            let element = |element: &Json<'_>| match element {
                Json::Array(_) => "a list".to_owned(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                    value(element)
                }
            };
            let shown: Vec<_> = elements.iter().take(LISTED).map(element).collect();
            let more = if elements.len() > LISTED { ", …" } else { "" };
            format!("[{}{more}]", shown.join(", "))
        }
        Json::Object(_) => "an object".to_owned(),
    }
}
