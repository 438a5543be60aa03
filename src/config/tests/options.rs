//! `options`: every member, its default, and what it cannot be.

use super::*;
use crate::{
    forward::{ClaimFormat, ClaimHeader, Forward},
    jwk::Jwk,
    keys::Origin,
    policy::{Challenge, Policy},
};

/// A `validate-jwt` with these options.
fn options(members: &str) -> String {
    beside(&format!(r#","options":{{{members}}}"#))
}

/// A `validate-azure-ad-token` with these options.
fn azure_options(members: &str) -> String {
    format!(
        r#"{{"validate-azure-ad-token":{{"tenant-id":"common","audiences":["a"]}},"default-cluster":"c",
            "options":{{{members}}}}}"#
    )
}

fn policy(text: &str) -> std::rc::Rc<Policy> {
    parse(text).unwrap_or_else(|error| panic!("{error}: {text}")).rulebook.only()
}

#[test]
fn without_options_the_defaults_hold() {
    for text in [beside(""), options(""), azure_options("")] {
        let policy = policy(&text);
        assert_eq!(policy.max_token_bytes, 65_536);
        assert_eq!(policy.token_types, None);
        assert!(policy.issuer_keys.is_empty());
        assert_eq!(policy.forward, Forward::default());
        assert!(!policy.report_only);
        assert_eq!(policy.refusal.insufficient_status, None);
        assert_eq!(policy.refusal.unavailable_status, 503);
        assert_eq!(policy.refusal.challenge, Some(Challenge { realm: None, resource_metadata: None }));
        assert!(policy.audiences.iter().all(|audiences| !audiences.strict));
    }
}

#[test]
fn every_option_is_read() {
    let text = options(
        r#""algorithms":["ES256","Ed25519"],"issuer-keys":{"https://i.example":["https://idp.example:443/x"]},
           "jwks":[{"issuer":"contoso","url":"https://idp.example/keys"}],
           "challenge":{"realm":"orders","resource-metadata":"https://api.example/.well-known/oauth-protected-resource"},
           "insufficient-claims-httpcode":403,"unavailable-httpcode":502,"max-token-bytes":8192,
           "forward":{"claims-to-headers":[{"claim":"oid","header":"X-OID","format":"json"}],"remove-token":true},
           "report-only":true,"token-types":["at+jwt"],"strict-audience":true"#,
    )
    .replace(r#""header-name""#, r#""audiences":["a"],"header-name""#);
    let configuration = parse(&text).unwrap();
    let policy = configuration.rulebook.only();
    assert_eq!(policy.algorithms.iter().collect::<Vec<_>>(), [Algorithm::Es256, Algorithm::Ed25519]);
    let [document, key_set] = &*policy.providers else { panic!("{:?}", policy.providers) };
    assert_eq!(policy.issuer_keys.len(), 1);
    let vouches = policy.issuer_keys["https://i.example"];
    assert!(
        vouches.contains(document.id) && !vouches.contains(key_set.id),
        "a default port need not be written"
    );
    assert_eq!(key_set.url.to_string(), "https://idp.example/keys");
    let origin = &configuration.providers[key_set.id.index()].origin;
    assert!(matches!(origin, Origin::KeySet(issuer) if issuer.as_str() == "contoso"), "{origin:?}");
    let refusal = &policy.refusal;
    assert_eq!((refusal.insufficient_status, refusal.unavailable_status), (Some(403), 502));
    let challenge = Challenge {
        realm: Some("orders".into()),
        resource_metadata: Some("https://api.example/.well-known/oauth-protected-resource".into()),
    };
    assert_eq!(refusal.challenge, Some(challenge));
    let oid = ClaimHeader { claim: "oid".into(), header: "x-oid".into(), format: ClaimFormat::Json };
    assert_eq!(policy.forward, Forward { claims: vec![oid], payload_header: None, remove_token: true });
    assert!(configuration.strip.is_stripped(b"X_OID"));
    assert!(policy.report_only);
    assert_eq!(policy.max_token_bytes, 8192);
    assert_eq!(policy.token_types.as_deref(), Some(&["at+jwt".to_owned()][..]));
    assert!(policy.audiences.as_ref().unwrap().strict);
}

#[test]
fn a_challenge_is_on_off_or_described() {
    let challenge =
        |realm: Option<&str>| Some(Challenge { realm: realm.map(str::to_owned), resource_metadata: None });
    for (text, expected) in [
        ("true", challenge(None)),
        ("false", None),
        ("{}", challenge(None)),
        (r#"{"realm":"a \"b\" \\ c"}"#, challenge(Some(r#"a "b" \ c"#))),
    ] {
        assert_eq!(policy(&options(&format!(r#""challenge":{text}"#))).refusal.challenge, expected, "{text}");
    }
}

#[test]
fn limits_of_numbers() {
    for (member, least, most) in [
        ("max-token-bytes", 1, 1_048_576),
        ("insufficient-claims-httpcode", 400, 599),
        ("unavailable-httpcode", 400, 599),
    ] {
        for (number, is_good) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
            let text = options(&format!(r#""{member}":{number}"#));
            assert_eq!(parse(&text).is_ok(), is_good, "{member} {number}");
        }
    }
    for (number, is_good) in [(0, true), (86_400, true), (86_401, false)] {
        assert_eq!(parse(&azure_options(&format!(r#""clock-skew":{number}"#))).is_ok(), is_good, "{number}");
    }
}

#[test]
fn algorithms_are_an_allow_list_of_those_that_have_keys() {
    let with_secret = |members: &str| {
        format!(
            r#"{{"validate-jwt":{{"header-name":"x","issuer-signing-keys":[{{"value-from-env":"SECRET"}}]}}{members}}}"#
        )
    };
    let asymmetric: Vec<_> = AlgorithmSet::asymmetric().iter().collect();
    let algorithms = |text: &str| policy(text).algorithms.iter().collect::<Vec<_>>();
    assert_eq!(algorithms(&beside("")), asymmetric);
    let all = algorithms(&with_secret(""));
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        assert!(all.contains(&algorithm), "{algorithm}");
    }
    assert_eq!(all.len(), asymmetric.len() + 3);
    let named = with_secret(r#","options":{"algorithms":["HS256"]}"#);
    assert_eq!(algorithms(&named), [Algorithm::Hs256]);
    assert_eq!(algorithms(&azure_options(r#""algorithms":["PS256"]"#)), [Algorithm::Ps256]);
    let without = |name: &str, bytes: u32| {
        format!(
            "options.algorithms: has {name}, and `issuer-signing-keys` has no secret for it; add one of at least {bytes} \
             bytes, or take {name} out"
        )
    };
    for (text, expected) in [
        (options(r#""algorithms":["RS256","HS256"]"#), without("HS256", 32)),
        (azure_options(r#""algorithms":["HS512"]"#), without("HS512", 64)),
        (with_secret(r#","options":{"algorithms":["HS256","HS384"]}"#), without("HS384", 48)),
    ] {
        assert_eq!(parse(&text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_with_an_option_is_told() {
    let empty = "is an empty list; name at least one, or leave the member out";
    let status = "expected an error status from 400 to 599";
    let cases = [
        (
            r#""algoritms":[]"#,
            "options.algoritms: unknown member; expected one of `algorithms`, `clock-skew`, `issuer-keys`, `jwks`, \
             `challenge`, `insufficient-claims-httpcode`, `unavailable-httpcode`, `forward`, `report-only`, \
             `max-token-bytes`, `token-types`, `strict-audience`, `allow-any-audience`"
                .to_owned(),
        ),
        (r#""algorithms":[]"#, format!("options.algorithms: {empty}")),
        (
            r#""algorithms":["none"]"#,
            "options.algorithms[0]: is no algorithm; `require-signed-tokens`: false alone lets unsigned tokens in".into(),
        ),
        (
            r#""algorithms":["RS256","NoNe"]"#,
            "options.algorithms[1]: is no algorithm; `require-signed-tokens`: false alone lets unsigned tokens in".into(),
        ),
        (
            r#""algorithms":["rs256"]"#,
            "options.algorithms[0]: is not an algorithm of signatures; expected RS256, RS384, RS512, PS256, PS384, PS512, \
             ES256, ES384, ES512, EdDSA, HS256, HS384 or HS512"
                .into(),
        ),
        (r#""algorithms":"RS256""#, "options.algorithms: is a string; expected a list such as `[ \"RS256\" ]`".into()),
        (
            r#""clock-skew":60"#,
            "options.clock-skew: is for `validate-azure-ad-token`; set `validate-jwt.clock-skew`".into(),
        ),
        (
            r#""allow-any-audience":true"#,
            "options.allow-any-audience: is for `validate-azure-ad-token`; `validate-jwt` without `audiences` takes any"
                .into(),
        ),
        (
            r#""issuer-keys":{"https://i.example":["https://other.example/x"]}"#,
            "options.issuer-keys[\"https://i.example\"][0]: is not one of the policy's `openid-config`".into(),
        ),
        (
            r#""issuer-keys":{"contoso":["https://idp.example/keys"]},
               "jwks":[{"issuer":"contoso","url":"https://idp.example/keys"}]"#,
            "options.issuer-keys.contoso[0]: is not one of the policy's `openid-config`".into(),
        ),
        (r#""issuer-keys":{"i":[]}"#, format!("options.issuer-keys.i: {empty}")),
        (
            r#""issuer-keys":{"i":"https://idp.example/x"}"#,
            "options.issuer-keys.i: is a string; expected a list such as `[ \"https://…\" ]`".into(),
        ),
        (
            r#""issuer-keys":[]"#,
            "options.issuer-keys: is an array; expected an object with names of your own".into(),
        ),
        (r#""jwks":[]"#, format!("options.jwks: {empty}")),
        (
            r#""jwks":["https://idp.example/keys"]"#,
            "options.jwks[0]: is a string; expected an object with `issuer`, `url`".into(),
        ),
        (
            r#""jwks":[{"issuer":"i"}]"#,
            "options.jwks[0].url: is missing; it is required".into(),
        ),
        (
            r#""jwks":[{"url":"https://idp.example/keys"}]"#,
            "options.jwks[0].issuer: is missing; it is required".into(),
        ),
        (
            r#""jwks":[{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","url":"https://idp.example/keys"}]"#,
            "options.jwks[0].issuer: has a placeholder; put in the name or id that it stands for".into(),
        ),
        (
            r#""jwks":[{"issuer":"i","url":"idp.example"}]"#,
            "options.jwks[0].url: does not start with `https://`; expected the whole URL of the key set".into(),
        ),
        (
            r#""jwks":[{"issuer":"i","url":"http://idp.example/keys"}]"#,
            "options.jwks[0].url: is not https; use https, or set `fetch.allow-http` to true where keys may be forged".into(),
        ),
        (
            r#""jwks":[{"issuer":"i","url":"https://elsewhere.example/keys"}]"#,
            "options.jwks[0].url: no cluster for host `elsewhere.example`; add `\"clusters\": { \"elsewhere.example\": \
             \"<the proxy's cluster for it>\" }` or `default-cluster`"
                .into(),
        ),
        (
            r#""jwks":[{"issuer":"i","url":"https://idp.example/k"},{"issuer":"i","url":"https://idp.example:443/k"}]"#,
            "options.jwks[1].url: is there twice; remove one".into(),
        ),
        (
            r#""challenge":"Bearer""#,
            "options.challenge: is a string; expected an object with `realm`, `resource-metadata`".into(),
        ),
        (
            r#""challenge":{"scope":"a"}"#,
            "options.challenge.scope: unknown member; expected one of `realm`, `resource-metadata`".into(),
        ),
        (
            r#""challenge":{"realm":"a\r\nb"}"#,
            "options.challenge.realm: has a character that cannot stand in a header; use printable ASCII".into(),
        ),
        (
            r#""challenge":{"realm":"é"}"#,
            "options.challenge.realm: has a character that cannot stand in a header; use printable ASCII".into(),
        ),
        (
            r#""challenge":{"resource-metadata":"/metadata"}"#,
            "options.challenge.resource-metadata: does not start with `https://`; expected the whole URL of the API's own \
             metadata (RFC 9728)"
                .into(),
        ),
        (
            r#""insufficient-claims-httpcode":200"#,
            format!("options.insufficient-claims-httpcode: is 200; {status}"),
        ),
        (r#""unavailable-httpcode":"503""#, format!("options.unavailable-httpcode: is a string; {status}")),
        (
            r#""forward":{"payload-header":"host"}"#,
            "options.forward.payload-header: is a header that HTTP or the proxy needs; choose a name such as `x-user-oid`"
                .into(),
        ),
        (r#""report-only":"yes""#, "options.report-only: is a string; expected true or false".into()),
        (r#""max-token-bytes":0"#, "options.max-token-bytes: is 0; expected bytes from 1 to 1048576".into()),
        (r#""max-token-bytes":"64k""#, "options.max-token-bytes: is a string; expected bytes from 1 to 1048576".into()),
        (r#""token-types":[]"#, format!("options.token-types: {empty}")),
        (r#""token-types":[1]"#, "options.token-types[0]: is a number; expected a string".into()),
        (r#""strict-audience":1"#, "options.strict-audience: is a number; expected true or false".into()),
        (r#""report-only":null"#, "options.report-only: is null; give a value or leave the member out".into()),
    ];
    for (members, expected) in cases {
        assert_eq!(parse(&options(members)).unwrap_err(), expected, "{members}");
    }
    let metadata = "here the tenant's own metadata";
    for (members, expected) in [
        (
            r#""issuer-keys":{}"#,
            format!("options.issuer-keys: is for `validate-jwt`; {metadata} says whose keys are whose"),
        ),
        (r#""jwks":[]"#, format!("options.jwks: is for `validate-jwt`; {metadata} leads to the keys")),
        (r#""clock-skew":86401"#, "options.clock-skew: is 86401; expected seconds from 0 to 86400".into()),
    ] {
        assert_eq!(parse(&azure_options(members)).unwrap_err(), expected, "{members}");
    }
}

#[test]
fn a_key_set_may_have_two_issuers_and_is_enough_alone() {
    let text = r#"{"validate-jwt":{"header-name":"x","audiences":["a"]},"default-cluster":"c","options":{"jwks":[
        {"issuer":"one","url":"https://idp.example/keys"},{"issuer":"two","url":"https://idp.example/keys"}]}}"#;
    let configuration = parse(text).unwrap();
    assert_eq!(configuration.providers.len(), 2);
    assert_eq!(configuration.warnings, Vec::<String>::new(), "the issuer is checked");
    let keys: &[Jwk] = &configuration.rulebook.only().inline_keys;
    assert!(keys.is_empty());
}
