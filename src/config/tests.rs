use std::time::Duration;

use super::*;
use crate::{
    algorithm::{Algorithm, AlgorithmSet},
    extract::TokenSource,
    policy::{Audience, Audiences, ClaimRule, Refusal, RequiredClaim},
};

fn parse(text: &str) -> Result<Configuration, String> {
    let environment =
        |name: &str| (name == "SECRET").then(|| "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned());
    Configuration::parse(text.as_bytes(), &environment).map_err(|error| error.to_string())
}

/// The smallest good policy with `members` added.
fn with(members: &str) -> String {
    format!(
        r#"{{"validate-jwt":{{"header-name":"Authorization","openid-config":[{{"url":"https://idp.example/x"}}]{members}}},
            "clusters":{{"idp.example":"idp"}}}}"#
    )
}

/// The same, with `members` beside the policy.
fn beside(members: &str) -> String {
    format!(
        r#"{{"validate-jwt":{{"header-name":"Authorization","openid-config":[{{"url":"https://idp.example/x"}}]}},
            "clusters":{{"idp.example":"idp"}}{members}}}"#
    )
}

/// A policy whose only key is `key`.
fn with_key(key: &str) -> String {
    format!(r#"{{"validate-jwt":{{"header-name":"Authorization","issuer-signing-keys":[{key}]}}}}"#)
}

/// The statistics could not tell its requests from those for which no policy is asked.
#[test]
fn no_policy_is_called_none() {
    let policies = |name: &str| {
        let policy = r#"{"validate-jwt":{"header-name":"Authorization","openid-config":[{"url":"https://idp.example/x"}]}}"#;
        parse(&format!(
            r#"{{"policies":{{"{name}":{policy}}},"rules":[{{"match":{{}},"policy":"{name}"}}],"default-cluster":"idp"}}"#
        ))
    };
    assert!(policies("None").is_ok());
    assert_eq!(
        policies("none").unwrap_err(),
        "policies.none: is how requests are counted for which no policy is asked; choose another name"
    );
}

#[test]
fn every_word_of_a_policy_is_read() {
    let configuration = parse(
        r#"{
        "validate-jwt": {
            "header-name": "Authorization", "require-scheme": "Bearer",
            "failed-validation-httpcode": 403, "failed-validation-error-message": "No.",
            "require-expiration-time": false, "require-signed-tokens": true, "clock-skew": 60,
            "openid-config": [
                { "url": "https://a.example/x?p=1" },
                { "url": "https://b.example:8443/y" }
            ],
            "issuer-signing-keys": [ { "id": "s", "value": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" } ],
            "audiences": [ "one", "two" ],
            "issuers": [ "contoso.com" ],
            "required-claims": [
                { "name": "roles", "match": "any", "separator": " ", "values": [ "a", "b" ] },
                { "name": "scp", "values": [ "c" ] },
                { "name": "oid" }
            ]
        },
        "clusters": { "a.example": "a", "b.example:8443": "b" },
        "default-cluster": "outbound|{port}||{host}",
        "fetch": {
            "timeout": "1500ms", "refresh-interval": "30m", "unknown-kid-interval": "10s", "max-stale": "2h",
            "max-response-bytes": 1000, "max-waiting-requests": 7, "allow-http": true
        },
        "token-cache": { "max-bytes": 5 }
    }"#,
    )
    .unwrap();
    let policy = configuration.rulebook.only();
    assert_eq!(policy.source, TokenSource::Authorization { require_scheme: Some("Bearer".into()) });
    assert_eq!(policy.refusal, Refusal { status: 403, message: Some("No.".into()), ..Refusal::default() });
    assert!(!policy.require_expiration);
    assert_eq!(policy.clock_skew, Duration::from_mins(1));
    assert_eq!(
        policy.audiences,
        Some(Audiences {
            allowed: ["one", "two"].map(|text| Audience::Literal(text.into())).into(),
            strict: false
        })
    );
    assert_eq!(policy.issuers.as_deref(), Some(&["contoso.com".to_owned()][..]));
    let claim = |name: &str, rule, separator: Option<&str>| RequiredClaim {
        name: name.into(),
        rule,
        separator: separator.map(str::to_owned),
    };
    assert_eq!(
        policy.required_claims,
        [
            claim("roles", ClaimRule::Any(vec!["a".into(), "b".into()]), Some(" ")),
            claim("scp", ClaimRule::All(vec!["c".into()]), None),
            claim("oid", ClaimRule::Present, None),
        ]
    );
    assert_eq!(policy.inline_keys.len(), 1);
    assert_eq!(policy.inline_keys[0].key_id.as_deref(), Some("s"));
    assert!(policy.algorithms.contains(Algorithm::Hs256));
    assert!(!policy.inline_keys[0].serves(Algorithm::Hs384), "32 bytes are too few");
    let clusters: Vec<_> = configuration.providers.iter().map(|provider| provider.cluster.as_str()).collect();
    assert_eq!(clusters, ["a", "b"]);
    assert_eq!(configuration.providers[0].url.to_string(), "https://a.example/x?p=1");
    assert_eq!(configuration.providers[0].limits.foreign_hosts, ["b.example"]);
    assert_eq!(configuration.providers[0].schedule.refresh_interval, Duration::from_mins(30));
    assert_eq!(configuration.timeout, Duration::from_millis(1500));
    assert_eq!((configuration.max_response_bytes, configuration.max_waiting), (1000, 7));
    assert_eq!(configuration.token_cache_bytes, 5);
    assert_eq!(configuration.warnings, Vec::<String>::new());
}

#[test]
fn defaults_are_apims_and_the_designs() {
    let configuration = parse(&with("")).unwrap();
    let policy = configuration.rulebook.only();
    assert_eq!(policy.source, TokenSource::Authorization { require_scheme: None });
    assert_eq!(policy.refusal, Refusal::default());
    assert!(policy.require_expiration);
    assert_eq!(policy.clock_skew, Duration::ZERO);
    assert!(policy.audiences.is_none() && policy.issuers.is_none() && policy.required_claims.is_empty());
    assert!(!policy.algorithms.contains(Algorithm::Hs256));
    let schedule = configuration.providers[0].schedule;
    assert_eq!(schedule.timeout, Duration::from_secs(5));
    assert_eq!(schedule.refresh_interval, Duration::from_hours(1));
    assert_eq!(schedule.unknown_kid_interval, Duration::from_secs(30));
    assert_eq!(schedule.max_stale, Duration::from_hours(24));
    assert_eq!((configuration.max_response_bytes, configuration.max_waiting), (262_144, 1024));
    assert_eq!(configuration.token_cache_bytes, 4_194_304);
    assert_eq!(configuration.warnings.len(), 1, "any audience passes: {:?}", configuration.warnings);
}

#[test]
fn sources_other_than_authorization() {
    let header = r#"{"validate-jwt":{"header-name":"X-Token","require-scheme":"Bearer","issuer-signing-keys":[{"value":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}}"#;
    let configuration = parse(header).unwrap();
    assert_eq!(configuration.rulebook.only().source, TokenSource::Header { name: "x-token".into() });
    assert_eq!(configuration.warnings.len(), 3, "{:?}", configuration.warnings);
    let cookie = header.replace(r#""header-name":"X-Token""#, r#""token-value":{"cookie":"X-Token"}"#);
    assert_eq!(
        parse(&cookie).unwrap().rulebook.only().source,
        TokenSource::Cookie { name: "X-Token".into() }
    );
    let query = header.replace("header-name", "query-parameter-name");
    assert_eq!(parse(&query).unwrap().rulebook.only().source, TokenSource::Query { name: "X-Token".into() });
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    let policy = "validate-jwt";
    let empty_list = "is an empty list; name at least one, or leave the member out";
    let cases = [
        (String::new(), "configuration: is empty; expected a JSON object with `validate-jwt`".to_owned()),
        ("\u{feff}{}".into(), "configuration: begins with a byte order mark; save it as UTF-8 without".into()),
        ("{".into(), "configuration: not JSON at line 1 column 1; expected JSON in a StringValue, or a Struct".into()),
        ("[1]".into(), "configuration: is an array; expected an object with `validate-jwt`, `validate-azure-ad-token`, `options`, `clusters`, `default-cluster`, `fetch`, `token-cache`, `certificates`, `allow-cors-preflight`".into()),
        ("{}".into(), "configuration: has no policy; add `validate-jwt` or `validate-azure-ad-token`".into()),
        (
            r#"{"validate-jwt":{},"validate-jwt":{}}"#.into(),
            "validate-jwt: is there twice; remove one".into(),
        ),
        (
            beside(r#","validate-jvt":{}"#),
            "validate-jvt: unknown member; expected one of `validate-jwt`, `validate-azure-ad-token`, `options`, `clusters`, `default-cluster`, `fetch`, `token-cache`, `certificates`, `allow-cors-preflight`".into(),
        ),
        (
            with(r#","required-claims":[{"name":"a","name":"b"}]"#),
            format!("{policy}.required-claims[0].name: is there twice; remove one"),
        ),
        (
            beside(r#","token-cache":{}"#),
            "token-cache.max-bytes: is missing; it is required".into(),
        ),
        (
            beside(r#","token-cache":{"max-bytes":268435457}"#),
            "token-cache.max-bytes: is 268435457; expected bytes from 0 to 268435456".into(),
        ),
        (
            beside(r#","token-cache":0"#),
            "token-cache: is a number; expected an object with `max-bytes`".into(),
        ),
        (
            with(r#","token-value":{"cookie":"t"}"#),
            format!("{policy}: has both `header-name` and `token-value`; name one place for the token"),
        ),
        (with(r#","audiences":[]"#), format!("{policy}.audiences: {empty_list}")),
        (with(r#","issuers":[]"#), format!("{policy}.issuers: {empty_list}")),
        (with(r#","required-claims":[]"#), format!("{policy}.required-claims: {empty_list}")),
        (
            with(r#","required-claims":[{"name":"a","values":[]}]"#),
            format!("{policy}.required-claims[0].values: {empty_list}"),
        ),
        (
            with(r#","audiences":["a",null]"#),
            format!("{policy}.audiences[1]: is null; give a value or leave the member out"),
        ),
        (
            with(r#","audiences":[""]"#),
            format!("{policy}.audiences[0]: is an empty string; give a value or leave the member out"),
        ),
        (
            with(r#","audiences":["{{audience}}"]"#),
            format!("{policy}.audiences[0]: has an unresolved `{{{{`; fill the template in before the filter gets it"),
        ),
        (
            with(r#","audiences":["{request-host}{request-host}"]"#),
            format!("{policy}.audiences[0]: has a placeholder other than one `{{request-host}}`"),
        ),
        (with(r#","audiences":"a""#), format!("{policy}.audiences: is a string; expected a list such as `[ \"api://…\" ]`")),
        (
            with(r#","audiences":["@(context.Request.OriginalUrl.Host)"]"#),
            format!(
                "{policy}.audiences[0]: is a policy expression, which only API Management evaluates; write its value"
            ),
        ),
        (
            with(r#","audiences":["api://{API_APP_ID_URI}"]"#),
            format!("{policy}.audiences[0]: has a placeholder; put in the name or id that it stands for"),
        ),
        (
            with(r#","issuers":["https://<tenant-name>.b2clogin.com/"]"#),
            format!("{policy}.issuers[0]: has a placeholder; put in the name or id that it stands for"),
        ),
        (
            with(r#","failed-validation-error-message":"@((string)context.LastError.Message)""#),
            format!(
                "{policy}.failed-validation-error-message: is a policy expression, which only API Management evaluates; \
                 write its value"
            ),
        ),
        (
            with("").replace(r#"[{"url":"https://idp.example/x"}]"#, r#"["https://idp.example/x"]"#),
            format!("{policy}.openid-config[0]: is a string; expected an object with `url`"),
        ),
        (
            with("").replace(r#"[{"url":"https://idp.example/x"}]"#, r#""https://idp.example/x""#),
            format!(
                "{policy}.openid-config: is a string; expected a list such as `[ {{ \"url\": \"https://…\" }} ]`"
            ),
        ),
        (
            with("").replace("openid-config", "openIdConfig").replace(r#"[{"url":"https://idp.example/x"}]"#, "[]"),
            format!(
                "{policy}.openIdConfig: unknown member; expected one of `header-name`, `query-parameter-name`, \
                 `token-value`, `require-scheme`, `failed-validation-httpcode`, `failed-validation-error-message`, \
                 `require-expiration-time`, `require-signed-tokens`, `clock-skew`, `output-token-variable-name`, \
                 `openid-config`, `issuer-signing-keys`, `decryption-keys`, `audiences`, `issuers`, `required-claims`"
            ),
        ),
        (
            beside(r#","default-cluster":"outbound|{prt}||{host}""#),
            "default-cluster: has a placeholder other than `{host}` and `{port}`".into(),
        ),
        (with(r#","audiences":[1]"#), format!("{policy}.audiences[0]: is a number; expected a string")),
        (
            with(r#","query-parameter-name":"t""#),
            format!("{policy}: has both `header-name` and `query-parameter-name`; name one place for the token"),
        ),
        (
            r#"{"validate-jwt":{"openid-config":[{"url":"https://a/"}]}}"#.into(),
            format!(
                "{policy}: names no place for the token; add `header-name` (such as `Authorization`), \
                 `query-parameter-name` or `token-value`"
            ),
        ),
        (
            r#"{"validate-jwt":{"header-name":"a b"}}"#.into(),
            format!("{policy}.header-name: is not the name of a header, such as `Authorization`"),
        ),
        (
            r#"{"validate-jwt":{"header-name":":path"}}"#.into(),
            format!("{policy}.header-name: is not the name of a header, such as `Authorization`"),
        ),
        (
            with(r#","require-scheme":"Bearer token""#),
            format!("{policy}.require-scheme: is not the name of a scheme; expected one word, such as `Bearer`"),
        ),
        (
            r#"{"validate-jwt":{"header-name":"a"}}"#.into(),
            format!("{policy}: has no keys, so that no token could pass; add `openid-config`, `issuer-signing-keys` or \
                 `options.jwks`"),
        ),
        (
            with(r#","failed-validation-httpcode":200"#),
            format!("{policy}.failed-validation-httpcode: is 200; expected an error status from 400 to 599"),
        ),
        (
            with(r#","failed-validation-httpcode":401.5"#),
            format!("{policy}.failed-validation-httpcode: is 401.5; expected an error status from 400 to 599"),
        ),
        (
            with(r#","failed-validation-httpcode":"401""#),
            format!("{policy}.failed-validation-httpcode: is a string; expected an error status from 400 to 599"),
        ),
        (with(r#","clock-skew":-1"#), format!("{policy}.clock-skew: is -1; expected seconds from 0 to 86400")),
        (with(r#","clock-skew":1e3"#), format!("{policy}.clock-skew: is 1e3; expected seconds from 0 to 86400")),
        (
            with(r#","require-expiration-time":"no""#),
            format!("{policy}.require-expiration-time: is a string; expected true or false"),
        ),
        (
            with(r#","required-claims":[{"name":"a","match":"every"}]"#),
            format!(
                "{policy}.required-claims[0].match: is neither `all` (every value must be in the token) nor `any` (at least one)"
            ),
        ),
        (
            with(r#","required-claims":[{"values":["a"]}]"#),
            format!("{policy}.required-claims[0].name: is missing; it is required"),
        ),
        (
            with(r#","required-claims":[{"name":"a","value":"b"}]"#),
            format!(
                "{policy}.required-claims[0].value: is one element of API Management's XML; write all of them as the list `values`"
            ),
        ),
        (
            beside(r#","fetch":{"timeout":"5"}"#),
            "fetch.timeout: `5` is not a duration; expected a whole number above 0 with `ms`, `s`, `m` or `h`, such as \
             `30s`, at most a year"
                .into(),
        ),
        (
            beside(r#","fetch":{"timeout":"301s"}"#),
            "fetch.timeout: is longer than `5m`; requests wait for it".into(),
        ),
        (
            r#"{"validate-jwt":{"header-name":"Host"}}"#.into(),
            format!("{policy}.header-name: cannot be `Host`, which names the server"),
        ),
        (
            beside(r#","fetch":{"timeout":5}"#),
            "fetch.timeout: is a number; expected a duration such as `30s`".into(),
        ),
        (
            beside(r#","fetch":{"max-response-bytes":0}"#),
            "fetch.max-response-bytes: is 0; expected bytes from 1 to 16777216".into(),
        ),
        (
            beside(r#","default-cluster":1"#),
            "default-cluster: is a number; expected a string".into(),
        ),
        (
            beside("").replace("\"idp.example\":", "\"IDP.example\":"),
            "clusters[\"IDP.example\"]: is not named by a host; expected `host` or `host:port` in lower case".into(),
        ),
        (
            beside("").replace("\"idp.example\":", "\"https://idp.example\":"),
            "clusters[\"https://idp.example\"]: is not named by a host; expected `host` or `host:port` in lower case".into(),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&text).unwrap_err(), expected, "{text}");
    }
    for duration in ["0s", "1.5s", "-1s", "1d", "s", "", "9999999999999999999h", "9000h", " 1s"] {
        let text = beside(&format!(r#","fetch":{{"max-stale":"{duration}"}}"#));
        assert!(parse(&text).unwrap_err().starts_with("fetch.max-stale: "), "{duration}");
    }
}

#[test]
fn urls_that_cannot_be_fetched_are_refused() {
    let url = |url: &str| with("").replace("https://idp.example/x", url);
    let example = "; expected the whole URL of the discovery document, such as \
                   `https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration`";
    let place = "validate-jwt.openid-config[0].url";
    for (text, expected) in [
        ("idp.example", format!("{place}: does not start with `https://`{example}")),
        ("ftp://idp.example/", format!("{place}: does not start with `https://`{example}")),
        ("https://idp.example/#x", format!("{place}: has a fragment (`#`){example}")),
        ("https://u@idp.example/", format!("{place}: has a user name before the host{example}")),
        (
            "https://login.microsoftonline.com/{tenant-name}/v2.0",
            format!("{place}: has a placeholder; put in the name or id that it stands for"),
        ),
        (
            "http://idp.example/x",
            format!(
                "{place}: is not https; use https, or set `fetch.allow-http` to true where keys may be forged"
            ),
        ),
        (
            "https://other.example/x",
            format!(
                "{place}: no cluster for host `other.example`; add `\"clusters\": {{ \"other.example\": \"<the proxy's \
                 cluster for it>\" }}` or `default-cluster`"
            ),
        ),
    ] {
        assert_eq!(parse(&url(text)).unwrap_err(), expected);
    }
    let twice = with("").replace("}]", r#"},{"url":"https://idp.example/x"}]"#);
    assert_eq!(parse(&twice).unwrap_err(), "validate-jwt.openid-config[1].url: is there twice; remove one");
    let urls: Vec<_> = (0..257).map(|index| format!(r#"{{"url":"https://idp.example/{index}"}}"#)).collect();
    let many = |count| with("").replace(r#"{"url":"https://idp.example/x"}"#, &urls[..count].join(","));
    assert_eq!(parse(&many(256)).unwrap().providers.len(), 256);
    assert_eq!(
        parse(&many(257)).unwrap_err(),
        "validate-jwt.openid-config[256].url: is one too many; at most 256 are allowed"
    );
}

#[test]
fn keys_are_checked_and_never_quoted() {
    let place = "validate-jwt.issuer-signing-keys[0]";
    let certificate =
        "is a certificate or a public key, not a secret; use `certificate-id`, `n` with `e`, or `jwk`";
    let spki = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3-257rn0s2ldbqkLJK2KRiMohYjlrQ";
    let der = [&[0x30, 0x82, 1, 0][..], &[7; 256]].concat();
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let small = format!("{}w", "n".repeat(170));
    for (key, expected) in [
        (r#"{"value":"c2hvcnQ="}"#, format!("{place}.value: HMAC key of 5 bytes, at least 32 are needed")),
        (
            r#"{"value":"not base64!"}"#,
            format!("{place}.value: is not Base64 (white space and line breaks are not part of it)"),
        ),
        (r#"{"value":"-----BEGIN CERTIFICATE-----"}"#, format!("{place}.value: {certificate}")),
        (&format!(r#"{{"value":"{der}"}}"#), format!("{place}.value: {certificate}")),
        (&format!(r#"{{"value":"{spki}"}}"#), format!("{place}.value: {certificate}")),
        (
            r#"{"id":"a"}"#,
            format!(
                "{place}: expected one of `value` or `value-from-env` (Base64 secret), `n` with `e` (RSA), `jwk` and \
                 `certificate-id`"
            ),
        ),
        (
            r#"{"value":"x","n":"y"}"#,
            format!(
                "{place}: expected one of `value` or `value-from-env` (Base64 secret), `n` with `e` (RSA), `jwk` and \
                 `certificate-id`"
            ),
        ),
        (r#"{"n":"AQAB"}"#, format!("{place}.e: is missing; it is required")),
        (r#"{"e":"AQAB"}"#, format!("{place}.n: is missing; it is required")),
        (
            &format!(r#"{{"n":"{small}","e":"AQAB"}}"#),
            format!("{place}: unusable key: RSA key of 1024 bits, at least 2048 are needed"),
        ),
        (
            r#"{"jwk":{"kty":"oct","k":"AAAA"}}"#,
            format!("{place}.jwk: is a secret; write it as `value`, in Base64"),
        ),
        (r#"{"jwk":{"keys":[]}}"#, format!("{place}.jwk: is a key set; expected one key of it")),
        (
            r#"{"jwk":{"kty":"OKP","crv":"Ed25519","x":"","d":"AAAA"}}"#,
            format!(
                "{place}.jwk: is a private key; leave its private members out, only the public ones are needed"
            ),
        ),
        (
            r#"{"jwk":{"kty":"EC"}}"#,
            format!(
                "{place}.jwk: unusable key: neither RSA, nor EC on P-256, P-384 or P-521, nor OKP with Ed25519 (`kty`, \
                 `crv`)"
            ),
        ),
        (
            r#"{"value-from-env":"KEY"}"#,
            format!(
                "{place}.value-from-env: names an environment variable that is not set, or empty, in the filter's VM; pass \
                 it on by `vm_config.environment_variables` (Istio: `vmConfig.env`)"
            ),
        ),
        (
            r#"{"certificate-id":"c"}"#,
            format!(
                "{place}.certificate-id: is not a member of `certificates`; add it there, at the top level, as `{{ \
                 \"certificate\": \"-----BEGIN CERTIFICATE-----…\" }}`"
            ),
        ),
    ] {
        assert_eq!(parse(&with_key(key)).unwrap_err(), expected, "{key}");
    }
    let secret = r#"{"value":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
    for value in [r#"{"value-from-env":"SECRET"}"#, secret, &secret.replace("ZWY\"", "ZWY=\"")] {
        assert!(parse(&with_key(value)).is_ok(), "{value}");
    }
    let random = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        [&[0x30, 0x82][..], &[7; 62]].concat(),
    );
    assert!(
        parse(&with_key(&format!(r#"{{"value":"{random}"}}"#))).is_ok(),
        "begins like a sequence, and is none"
    );
    let url_safe = r#"{"value":"_-_-MzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
    assert!(parse(&with_key(url_safe)).is_ok());
    assert!(parse(&with_key(&[secret; 16].join(","))).is_ok());
    assert_eq!(
        parse(&with_key(&[secret; 17].join(","))).unwrap_err(),
        "validate-jwt.issuer-signing-keys: has more than 16 keys"
    );
}

#[test]
fn a_configuration_has_a_size() {
    let of_bytes = |bytes| with("") + &" ".repeat(bytes - with("").len());
    assert!(parse(&of_bytes(MAX_CONFIGURATION_BYTES)).is_ok());
    let error = parse(&of_bytes(MAX_CONFIGURATION_BYTES + 1)).unwrap_err();
    assert_eq!(error, "configuration: is longer than 1048576 bytes");
}

#[test]
fn limits_of_fetching() {
    for (member, good, bad) in [
        ("max-response-bytes", "1", "0"),
        ("max-response-bytes", "16777216", "16777217"),
        ("max-waiting-requests", "1", "0"),
        ("max-waiting-requests", "65536", "65537"),
        ("timeout", r#""5m""#, r#""300001ms""#),
        ("refresh-interval", r#""1ms""#, r#""0ms""#),
        ("refresh-interval", r#""8760h""#, r#""31536000001ms""#),
        ("unknown-kid-interval", r#""8760h""#, r#""31536000001ms""#),
        ("max-stale", r#""8760h""#, r#""31536000001ms""#),
    ] {
        for (value, is_good) in [(good, true), (bad, false)] {
            let text = beside(&format!(r#","fetch":{{"{member}":{value}}}"#));
            assert_eq!(parse(&text).is_ok(), is_good, "{member} {value}");
        }
    }
}

mod azure_ad;
mod keys;
mod options;
mod policies;
