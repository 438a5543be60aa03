use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{algorithm::AlgorithmSet, extract::TokenSource, forward::Forward, policy::Refusal};

const NOW: i64 = 1_700_000_000;

fn policy() -> Policy {
    Policy {
        position: 0,
        name: "policy".into(),
        source: TokenSource::Authorization { require_scheme: None },
        max_token_bytes: 65_536,
        algorithms: AlgorithmSet::asymmetric(),
        unsigned: None,
        token_types: None,
        inline_keys: Vec::new(),
        decryption_keys: Vec::new(),
        providers: Vec::new(),
        issuers: None,
        issuer_keys: BTreeMap::new(),
        entra: None,
        audiences: None,
        require_expiration: true,
        clock_skew: Duration::ZERO,
        required_claims: Vec::new(),
        refusal: Refusal::default(),
        forward: Forward::default(),
        output_variable: None,
        report_only: false,
    }
}

fn claims(text: &str) -> Claims<'_> {
    Claims::parse(Json::parse(text.as_bytes()).unwrap().into_object().unwrap()).unwrap()
}

#[test]
fn lifetime_to_the_second_with_and_without_skew() {
    let expired =
        |exp| Err(Rejection::Expired { exp: Timestamp::from_secs(exp), now: Timestamp::from_secs(NOW) });
    let early =
        |nbf| Err(Rejection::NotYetValid { nbf: Timestamp::from_secs(nbf), now: Timestamp::from_secs(NOW) });
    let cases = [
        (0, format!(r#"{{"exp":{}}}"#, NOW + 1), Ok(())),
        (0, format!(r#"{{"exp":{NOW}}}"#), expired(NOW)),
        (60, format!(r#"{{"exp":{}}}"#, NOW - 59), Ok(())),
        (60, format!(r#"{{"exp":{}}}"#, NOW - 60), expired(NOW - 60)),
        (0, r#"{"exp":0}"#.to_owned(), expired(0)),
        (0, r#"{"exp":-1}"#.to_owned(), expired(-1)),
        (0, format!(r#"{{"exp":{0},"nbf":{NOW}}}"#, NOW + 1), Ok(())),
        (0, format!(r#"{{"exp":{0},"nbf":{1}}}"#, NOW + 9, NOW + 1), early(NOW + 1)),
        (60, format!(r#"{{"exp":{0},"nbf":{1}}}"#, NOW + 90, NOW + 60), Ok(())),
        (60, format!(r#"{{"exp":{0},"nbf":{1}}}"#, NOW + 90, NOW + 61), early(NOW + 61)),
        (60, format!(r#"{{"exp":{0},"nbf":{1}}}"#, NOW + 1, NOW + 2), Err(Malformed::Lifetime.into())),
        (0, "{}".to_owned(), Err(Rejection::ExpirationMissing)),
        (0, format!(r#"{{"exp":{},"iat":{}}}"#, NOW + 1, NOW + 99_999), Ok(())),
    ];
    for (skew, text, expected) in cases {
        let policy = Policy { clock_skew: Duration::from_secs(skew), ..policy() };
        let now = Timestamp::from_secs(NOW);
        assert_eq!(
            check_lifetime(&policy, Lifetime::of(&claims(&text)), now),
            expected,
            "{text} skew {skew}"
        );
    }
}

#[test]
fn without_required_expiration_an_expiration_still_counts() {
    let policy = Policy { require_expiration: false, ..policy() };
    let now = Timestamp::from_secs(NOW);
    assert_eq!(check_lifetime(&policy, Lifetime::of(&claims("{}")), now), Ok(()));
    let result = check_lifetime(&policy, Lifetime::of(&claims(r#"{"exp":1}"#)), now);
    assert_eq!(result.map_err(|rejection| rejection.reason().name()), Err("TokenExpired"));
}

#[test]
fn fractions_of_a_second_count() {
    let half = format!(r#"{{"exp":{NOW}.5}}"#);
    let now = Timestamp::from_millis(NOW * 1000 + 499);
    assert_eq!(check_lifetime(&policy(), Lifetime::of(&claims(&half)), now), Ok(()));
    let now = Timestamp::from_millis(NOW * 1000 + 500);
    assert!(check_lifetime(&policy(), Lifetime::of(&claims(&half)), now).is_err());
}

fn audiences(strict: bool, texts: &[&str]) -> Audiences {
    let allowed = texts.iter().map(|text| Audience::Literal((*text).into())).collect();
    Audiences { allowed, strict }
}

/// What comes of `aud` in a request to `host`.
fn audience(policy: &Policy, aud: &str, host: &str) -> Result<(), Rejection> {
    let headers = [(b":authority".into(), host.as_bytes().into())];
    check_audience(policy, &claims(&format!(r#"{{"aud":{aud}}}"#)), RequestHead::new(&headers))
}

#[test]
fn one_audience_of_many_matches_a_trailing_slash_aside() {
    let unchecked = policy();
    let no_head = RequestHead::new(&[]);
    assert_eq!(check_audience(&unchecked, &claims("{}"), no_head), Ok(()), "not configured");
    let loose = Policy { audiences: Some(audiences(false, &["api://a", "https://b/"])), ..policy() };
    let strict = Policy { audiences: Some(audiences(true, &["api://a", "https://b/"])), ..policy() };
    for (aud, by_loose, by_strict) in [
        (r#""api://a""#, true, true),
        (r#""api://a/""#, true, false),
        (r#""https://b""#, true, false),
        (r#""https://b/""#, true, true),
        (r#"["x","api://a"]"#, true, true),
        (r#""api://a//""#, false, false),
        (r#""API://a""#, false, false),
        (r#""a""#, false, false),
        (r#""""#, false, false),
        ("[]", false, false),
    ] {
        for (policy, allowed) in [(&loose, by_loose), (&strict, by_strict)] {
            let expected = if allowed { Ok(()) } else { Err(Rejection::AudienceNotAllowed) };
            assert_eq!(audience(policy, aud, "api.example"), expected, "{aud}");
        }
    }
    assert_eq!(check_audience(&loose, &claims("{}"), no_head), Err(Rejection::AudienceNotAllowed));
}

#[test]
fn an_audience_may_be_the_host_of_the_request() {
    let host =
        |before: &str, after: &str| Audience::RequestHost { before: before.into(), after: after.into() };
    let allowed = vec![Audience::Literal("api://a".into()), host("", ""), host("https://", "/v1")];
    let policy = Policy { audiences: Some(Audiences { allowed, strict: false }), ..policy() };
    for (aud, host, expected) in [
        (r#""api.example""#, "api.example", true),
        (r#""api.example""#, "API.Example.:8443", true),
        (r#""https://api.example/v1""#, "api.example", true),
        (r#""api://a""#, "other.example", true),
        (r#""api.example""#, "other.example", false),
        (r#""https://api.example""#, "api.example", false),
        (r#""""#, "", false),
        (r#""/""#, "", false),
    ] {
        assert_eq!(audience(&policy, aud, host).is_ok(), expected, "{aud} {host}");
    }
    let no_host = check_audience(&policy, &claims(r#"{"aud":""}"#), RequestHead::new(&[]));
    assert_eq!(no_host, Err(Rejection::AudienceNotAllowed));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Holds,
    Absent,
    Differs,
}

fn check(rule: ClaimRule, separator: Option<&str>, claim: &str) -> Expected {
    let required = RequiredClaim { name: "c".into(), rule, separator: separator.map(str::to_owned) };
    match check_claim(&required, &claims(claim)) {
        Ok(()) => Expected::Holds,
        Err(Rejection::ClaimNotFound { name }) if name == "c" => Expected::Absent,
        Err(Rejection::ClaimValueNotAllowed { name }) if name == "c" => Expected::Differs,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn required_values_against_every_kind_of_claim() {
    use Expected::{Absent, Differs, Holds};
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let all = |values: &[&str]| ClaimRule::All(texts(values));
    let any = |values: &[&str]| ClaimRule::Any(texts(values));
    let cases = [
        (all(&["a"]), None, r#"{"c":"a"}"#, Holds),
        (all(&["a"]), None, r#"{"c":"A"}"#, Differs),
        (all(&["a"]), None, r#"{"C":"a"}"#, Absent),
        (all(&["a"]), None, r#"{"c":"a b"}"#, Differs),
        (all(&["a b"]), None, r#"{"c":"a b"}"#, Holds),
        (all(&["a"]), Some(" "), r#"{"c":"b  a"}"#, Holds),
        (all(&["a", "b"]), Some(" "), r#"{"c":"b a c"}"#, Holds),
        (all(&["a", "x"]), Some(" "), r#"{"c":"b a c"}"#, Differs),
        (any(&["x", "a"]), Some(" "), r#"{"c":"b a c"}"#, Holds),
        (any(&["x", "y"]), Some(" "), r#"{"c":"b a c"}"#, Differs),
        (any(&["b"]), Some(","), r#"{"c":"a, b"}"#, Differs),
        (any(&[" b"]), Some(","), r#"{"c":"a, b"}"#, Holds),
        (any(&["b"]), Some(", "), r#"{"c":"a, b"}"#, Holds),
        (any(&["a,b"]), Some(","), r#"{"c":"a,b"}"#, Differs),
        (all(&["a", "b"]), None, r#"{"c":["b","z","a"]}"#, Holds),
        (all(&["a", "b"]), None, r#"{"c":["a"]}"#, Differs),
        (any(&["a", "b"]), None, r#"{"c":["a"]}"#, Holds),
        (any(&["b"]), Some(" "), r#"{"c":["x","a b"]}"#, Holds),
        (any(&["b"]), None, r#"{"c":["x","a b"]}"#, Differs),
        (all(&["5"]), None, r#"{"c":5}"#, Holds),
        (all(&["5"]), None, r#"{"c":5.0}"#, Differs),
        (all(&["5.0"]), None, r#"{"c":5.0}"#, Holds),
        (all(&["9007199254740993"]), None, r#"{"c":9007199254740993}"#, Holds),
        (all(&["true"]), None, r#"{"c":true}"#, Holds),
        (all(&["true"]), None, r#"{"c":"true"}"#, Holds),
        (all(&["true"]), None, r#"{"c":false}"#, Differs),
        (any(&["1", "x"]), None, r#"{"c":[1,true]}"#, Holds),
        (all(&["{}"]), None, r#"{"c":{}}"#, Differs),
        (all(&["a"]), None, r#"{"c":[["a"]]}"#, Differs),
        (all(&["a"]), None, r#"{"c":[{"a":"a"}]}"#, Differs),
        (all(&["null"]), None, r#"{"c":null}"#, Absent),
        (any(&["a"]), None, r#"{"c":[]}"#, Absent),
        (all(&["a"]), None, r#"{"c":""}"#, Differs),
        (ClaimRule::Present, None, r#"{"c":""}"#, Holds),
        (ClaimRule::Present, None, r#"{"c":{}}"#, Holds),
        (ClaimRule::Present, None, r#"{"c":false}"#, Holds),
        (ClaimRule::Present, None, r#"{"c":null}"#, Absent),
        (ClaimRule::Present, None, r#"{"c":[]}"#, Absent),
        (ClaimRule::Present, None, "{}", Absent),
    ];
    for (rule, separator, claim, expected) in cases {
        assert_eq!(check(rule.clone(), separator, claim), expected, "{rule:?} {separator:?} {claim}");
    }
}

#[test]
fn a_claim_name_is_literal() {
    for (name, claim) in [("a.b", r#"{"a.b":"v"}"#), ("https://x/y", r#"{"https://x/y":"v"}"#)] {
        let required =
            RequiredClaim { name: name.into(), rule: ClaimRule::All(vec!["v".into()]), separator: None };
        assert_eq!(check_claim(&required, &claims(claim)), Ok(()));
    }
    let nested = RequiredClaim { name: "a.b".into(), rule: ClaimRule::Present, separator: None };
    assert!(check_claim(&nested, &claims(r#"{"a":{"b":"v"}}"#)).is_err());
}
