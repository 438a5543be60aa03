use std::{rc::Rc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::{
    rejection::{Absence, ClientFault, Malformed, TenantFault},
    time::Timestamp,
    token::TokenParts,
    trial::{TENANT, World, configuration},
};

const NOT_LISTED: Rejection = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const HINTS: [Hint; 7] = [
    Hint::Graph,
    Hint::IdToken,
    Hint::GroupsOverage,
    Hint::VersionOne,
    Hint::VersionTwo,
    Hint::ExternalId,
    Hint::B2c,
];

fn validate_jwt(urls: &[&str]) -> Rc<Policy> {
    World::new(&configuration(urls, &[])).policy()
}

fn azure_ad() -> Rc<Policy> {
    let policy = json!({ "tenant-id": TENANT, "audiences": ["a"] });
    World::new(&json!({ "validate-azure-ad-token": policy, "default-cluster": "any" })).policy()
}

/// An `openid-config` of this host and version.
fn document(host: &str, version: &str) -> String {
    format!("https://{host}/{TENANT}{version}/.well-known/openid-configuration")
}

fn hint(policy: &Policy, header: &Value, claims: &Value, rejection: &Rejection) -> Option<Hint> {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{claims}.");
    let parts = TokenParts::decode(text.as_bytes()).unwrap();
    Hint::of(policy, &UntrustedToken::parse(&parts).unwrap(), rejection)
}

/// Every kind of refusal.
fn rejections() -> Vec<Rejection> {
    let now = Timestamp::from_secs(0);
    let name = || "groups".to_owned();
    let issuer = [
        IssuerFault::Absent,
        IssuerFault::NotListed,
        IssuerFault::SeveralHosts,
        IssuerFault::PersonalAccount,
        IssuerFault::OtherKeyIssuer,
        IssuerFault::Version,
    ];
    let mut all = vec![
        Rejection::PathAmbiguous,
        Rejection::NotPresent(Absence::Nothing),
        Rejection::Malformed(Malformed::PartCount),
        Rejection::DecryptionFailed,
        Rejection::DecryptionUnavailable,
        Rejection::AlgorithmNotAllowed,
        Rejection::TypeNotAllowed,
        Rejection::KeyNotFound,
        Rejection::SignatureInvalid,
        Rejection::ExpirationMissing,
        Rejection::Expired { exp: now, now },
        Rejection::NotYetValid { nbf: now, now },
        Rejection::TenantNotAllowed(TenantFault::Other),
        Rejection::AudienceNotAllowed,
        Rejection::BackendApplicationNotAllowed,
        Rejection::ClientApplicationNotAllowed(ClientFault::NotListed),
        Rejection::ClaimNotFound { name: name() },
        Rejection::ClaimNotFound { name: "roles".into() },
        Rejection::ClaimValueNotAllowed { name: name() },
        Rejection::KeysUnavailable { retry_after: Duration::ZERO },
    ];
    all.extend(issuer.map(Rejection::IssuerNotAllowed));
    all
}

/// The refusals of a token that get a hint, and which.
fn hinted(policy: &Policy, header: &Value, claims: &Value) -> Vec<(Rejection, Hint)> {
    let hint = |rejection: Rejection| Some((rejection.clone(), hint(policy, header, claims, &rejection)?));
    rejections().into_iter().filter_map(hint).collect()
}

/// What an unremarkable access token has.
fn plain() -> Value {
    json!({ "iss": "https://a.example", "aud": "api://orders", "scp": "read", "groups": ["one"], "tid": TENANT })
}

fn with(members: &Value) -> Value {
    let mut claims = plain();
    for (name, value) in members.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn without(members: &[&str]) -> Value {
    let mut claims = plain();
    claims.as_object_mut().unwrap().retain(|name, _| !members.contains(&name.as_str()));
    claims
}

#[test]
fn an_unremarkable_token_gets_no_hint() {
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    for policy in [validate_jwt(&["https://a.example/x"]), azure_ad()] {
        assert_eq!(hinted(&policy, &header, &plain()), []);
        assert_eq!(hinted(&policy, &header, &json!({})), []);
    }
}

#[test]
fn a_token_for_graph_is_told_by_its_header_or_its_audience() {
    let graph = |rejection| (rejection, Hint::Graph);
    let expected = vec![
        graph(Rejection::KeyNotFound),
        graph(Rejection::SignatureInvalid),
        graph(Rejection::AudienceNotAllowed),
        graph(Rejection::BackendApplicationNotAllowed),
        graph(Rejection::IssuerNotAllowed(IssuerFault::Absent)),
        graph(NOT_LISTED),
        graph(Rejection::IssuerNotAllowed(IssuerFault::SeveralHosts)),
    ];
    let policy = validate_jwt(&["https://a.example/x"]);
    let (plain_header, nonce) = (json!({ "alg": "RS256" }), json!({ "alg": "RS256", "nonce": "n" }));
    assert_eq!(hinted(&policy, &nonce, &plain()), expected);
    for audience in [
        json!(GRAPH),
        json!(["a", GRAPH]),
        json!(format!("{GRAPH}/")),
        json!("https://graph.microsoft.com"),
        json!("https://graph.microsoft.com/"),
        json!("https://graph.microsoft.us"),
        json!("https://microsoftgraph.chinacloudapi.cn"),
    ] {
        let claims = with(&json!({ "aud": audience }));
        assert_eq!(hinted(&policy, &plain_header, &claims), expected, "{audience}");
    }
    for audience in ["https://graph.microsoft.com//", "https://graph.microsoft.com.evil.example", "graph", ""]
    {
        assert_eq!(hinted(&policy, &plain_header, &with(&json!({ "aud": audience }))), [], "{audience}");
    }
}

#[test]
fn an_id_token_is_told_by_what_only_it_has() {
    let id_token = |rejection| (rejection, Hint::IdToken);
    let expected = vec![
        id_token(Rejection::TypeNotAllowed),
        id_token(Rejection::AudienceNotAllowed),
        id_token(Rejection::BackendApplicationNotAllowed),
        id_token(Rejection::ClientApplicationNotAllowed(ClientFault::NotListed)),
        id_token(Rejection::ClaimNotFound { name: "groups".into() }),
        id_token(Rejection::ClaimNotFound { name: "roles".into() }),
        id_token(Rejection::ClaimValueNotAllowed { name: "groups".into() }),
    ];
    let policy = validate_jwt(&["https://a.example/x"]);
    let header = json!({ "alg": "RS256" });
    for own in ["nonce", "at_hash", "c_hash"] {
        let mut claims = without(&["scp"]);
        claims[own] = json!("x");
        assert_eq!(hinted(&policy, &header, &claims), expected, "{own}");
        for scope in ["scp", "scope"] {
            claims[scope] = json!("read");
            assert_eq!(hinted(&policy, &header, &claims), [], "{own} beside {scope}");
            claims.as_object_mut().unwrap().remove(scope);
        }
    }
    assert_eq!(hinted(&policy, &header, &without(&["scp"])), [], "no scope, and nothing of an ID token");
}

#[test]
fn groups_that_were_left_out_are_told_where_groups_are_required() {
    let expected = vec![(Rejection::ClaimNotFound { name: "groups".into() }, Hint::GroupsOverage)];
    let policy = validate_jwt(&["https://a.example/x"]);
    let header = json!({ "alg": "RS256" });
    let sources = json!({ "src1": { "endpoint": "https://graph.example" } });
    for (members, is_overage) in [
        (json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": sources }), true),
        (json!({ "hasgroups": true }), true),
        (json!({ "hasgroups": "true" }), false),
        (json!({ "hasgroups": false }), false),
        (json!({ "_claim_names": { "address": "src1" } }), false),
        (json!({ "_claim_names": "groups" }), false),
        (json!({ "_claim_names": ["groups"] }), false),
        (json!({}), false),
    ] {
        let mut claims = without(&["groups"]);
        for (name, value) in members.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let expected = if is_overage { expected.clone() } else { Vec::new() };
        assert_eq!(hinted(&policy, &header, &claims), expected, "{members}");
        claims["groups"] = json!(["one"]);
        assert_eq!(hinted(&policy, &header, &claims), [], "{members}, and the groups are there");
    }
}

#[test]
fn the_other_version_of_the_own_cloud_is_told() {
    const LOGIN: &str = "login.microsoftonline.com";
    let (v2, v1) = (document(LOGIN, "/v2.0"), document(LOGIN, ""));
    let tenants_v2 = format!("https://{LOGIN}/{TENANT}/v2.0");
    let tenants_v1 = format!("https://sts.windows.net/{TENANT}/");
    let ciam_v2 = document("contoso.ciamlogin.com", "/v2.0");
    let ciam_v1 = document("contoso.ciamlogin.com", "");
    let customers_v2 = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
    let customers_v1 = format!("https://{TENANT}.ciamlogin.com/{TENANT}/");
    for (urls, iss, expected) in [
        (&[&v2][..], &tenants_v1, Some(Hint::VersionOne)),
        (&[&v1], &tenants_v2, Some(Hint::VersionTwo)),
        (&[&v1], &format!("{tenants_v2}/"), Some(Hint::VersionTwo)),
        (&[&v2], &tenants_v2, None),
        (&[&v1], &tenants_v1, None),
        (&[&v1, &v2], &tenants_v1, None),
        (&[&v1, &v2], &tenants_v2, None),
        (&[&ciam_v2], &customers_v1, Some(Hint::VersionOne)),
        (&[&ciam_v1], &customers_v2, Some(Hint::VersionTwo)),
        (&[&ciam_v2], &tenants_v1, None),
        (&[&v2], &customers_v1, None),
        (&[&v2], &"https://sts.chinacloudapi.cn/x/".to_owned(), None),
        (
            &[&document("login.partner.microsoftonline.cn", "/v2.0")],
            &"https://sts.chinacloudapi.cn/x/".into(),
            Some(Hint::VersionOne),
        ),
        (&[&document("login.microsoftonline.us", "/v2.0")], &tenants_v1, Some(Hint::VersionOne)),
        (&[&"https://a.example/v2.0/x".to_owned()], &"https://a.example/".to_owned(), None),
        (&[&"https://a.example/v2.0/x".to_owned()], &tenants_v1, None),
        (&[&"https://a.example/v2.0/x".to_owned(), &v2], &tenants_v1, Some(Hint::VersionOne)),
        (&[&v2], &"sts.windows.net".to_owned(), None),
    ] {
        let urls: Vec<_> = urls.iter().map(|url| url.as_str()).collect();
        let policy = validate_jwt(&urls);
        let hints = hinted(&policy, &json!({ "alg": "RS256" }), &with(&json!({ "iss": iss })));
        let expected: Vec<_> = expected
            .into_iter()
            .flat_map(|hint| {
                [IssuerFault::Absent, IssuerFault::NotListed, IssuerFault::SeveralHosts]
                    .map(|fault| (Rejection::IssuerNotAllowed(fault), hint))
            })
            .collect();
        assert_eq!(hints, expected, "{urls:?} {iss}");
    }
}

#[test]
fn customers_tokens_are_told_to_who_asks_for_the_workforces() {
    let policy = azure_ad();
    for (iss, expected) in [
        (format!("https://contoso.ciamlogin.com/{TENANT}/v2.0"), Some(Hint::ExternalId)),
        (format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0"), Some(Hint::ExternalId)),
        (format!("https://Contoso.CIAMlogin.com/{TENANT}/v2.0"), Some(Hint::ExternalId)),
        (format!("https://contoso.b2clogin.com/{TENANT}/v2.0/"), Some(Hint::B2c)),
        (format!("https://ciamlogin.com/{TENANT}/v2.0"), None),
        (format!("https://ciamlogin.com.evil.example/{TENANT}/v2.0"), None),
        (format!("https://sts.windows.net/{TENANT}/"), None),
        (format!("https://login.microsoftonline.us/{TENANT}/v2.0"), None),
        ("contoso.b2clogin.com".to_owned(), None),
    ] {
        let claims = with(&json!({ "iss": iss }));
        assert_eq!(hint(&policy, &json!({ "alg": "RS256" }), &claims, &NOT_LISTED), expected, "{iss}");
    }
}

#[test]
fn what_explains_more_goes_first() {
    let policy = azure_ad();
    let b2c = json!({ "iss": format!("https://contoso.b2clogin.com/{TENANT}/v2.0/"), "aud": GRAPH });
    let header = json!({ "alg": "RS256", "nonce": "n" });
    assert_eq!(
        hint(&policy, &header, &b2c, &NOT_LISTED),
        Some(Hint::B2c),
        "whose it is, before what it is for"
    );
    let both = json!({ "aud": GRAPH, "nonce": "n" });
    assert_eq!(hint(&policy, &header, &both, &Rejection::AudienceNotAllowed), Some(Hint::Graph));
    let overage = json!({ "nonce": "n", "hasgroups": true });
    let groups = Rejection::ClaimNotFound { name: "groups".into() };
    assert_eq!(hint(&policy, &json!({ "alg": "RS256" }), &overage, &groups), Some(Hint::GroupsOverage));
}

#[test]
fn no_hint_says_what_a_token_says() {
    let texts: Vec<_> = HINTS.iter().map(ToString::to_string).collect();
    for text in &texts {
        // A hint is one of seven texts: nothing of a token can be in it. Nor does it break the log's line.
        assert!(text.is_ascii() && !text.contains(['\n', '"', '{', '<']), "{text}");
        assert!(!text.contains(TENANT) && !text.contains(GRAPH), "{text}");
        assert_eq!(texts.iter().filter(|other| *other == text).count(), 1, "{text}");
    }
    let secret = "s3cret";
    let claims = json!({
        "iss": "https://s3cret.b2clogin.com/s3cret", "aud": [GRAPH, secret], "nonce": secret, "sub": secret,
        "hasgroups": true, "_claim_names": { "groups": secret }, "tid": secret,
    });
    for policy in [validate_jwt(&[&document("login.microsoftonline.com", "")]), azure_ad()] {
        let hints = hinted(&policy, &json!({ "alg": secret, "kid": secret, "nonce": secret }), &claims);
        assert!(!hints.is_empty());
        for (rejection, hint) in hints {
            assert!(!format!("{hint} {hint:?}").contains(secret), "{rejection}");
        }
    }
}
