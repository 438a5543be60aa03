//! Configurations that must be refused: with the JSON path of the fault in the log, and without opening a door.

use crate::host::{Host, Level, Outcome, Request, Setup};
use crate::provider::{HOST, MINUTE, Provider, policy, rsa_key, token};
use serde_json::{Value, json};

/// A name, a configuration, and what the error must name.
type Case = (String, String, &'static str);

fn with(name: &str, path: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut configuration = policy();
    change(&mut configuration);
    (name.to_owned(), configuration.to_string(), path)
}

/// Sets a member of `validate-jwt`; the error must name it.
fn member(name: &'static str, value: Value) -> Case {
    let about = format!("{name}: {value}");
    with(&about, name, |configuration| configuration["validate-jwt"][name] = value)
}

/// Sets a member of the whole; the error must name it.
fn top(name: &'static str, value: Value) -> Case {
    with(&format!("{name}: {value}"), name, |configuration| configuration[name] = value)
}

fn url(text: &str) -> Case {
    with(&format!("url {text:?}"), "validate-jwt.openid-config[0].url", |configuration| {
        configuration["validate-jwt"]["openid-config"][0]["url"] = json!(text);
    })
}

fn claims(path: &'static str, list: Value) -> Case {
    with(&format!("required-claims: {list}"), path, |configuration| {
        configuration["validate-jwt"]["required-claims"] = list;
    })
}

fn keys(path: &'static str, list: Value) -> Case {
    with(&format!("issuer-signing-keys: {list}"), path, |configuration| {
        configuration["validate-jwt"]["issuer-signing-keys"] = list;
    })
}

fn text(text: &str, path: &'static str) -> Case {
    (format!("{text:?}"), text.to_owned(), path)
}

/// Each must be refused, with a line at error level that names the path, and nobody must get in.
fn assert_refused(cases: Vec<Case>) {
    let good = token(rsa_key());
    for (name, configuration, path) in cases {
        let provider = Provider::new(&[rsa_key()]);
        let mut setup = Setup::new(&configuration);
        setup.script = provider.script();
        let mut host = Host::boot(setup);
        host.about.clone_from(&name);
        assert!(!host.configured, "{name}: accepted\n{:#?}", host.log());
        let errors: Vec<_> = host.log().iter().filter(|line| line.level >= Level::Error).collect();
        assert!(
            errors.iter().any(|line| line.text.contains(path)),
            "{name}: no error names {path:?}: {:#?}",
            host.log()
        );
        // Envoy sends no requests to such a plugin. A host that did must not find a door open.
        let requests = [Request::with_token(&good), Request::get("/"), Request::get("/healthz")];
        let streams = requests.map(|request| host.request(request));
        host.advance(MINUTE);
        for stream in streams {
            assert!(!matches!(host.outcome(stream), Outcome::Continued), "{name}: a request was let through");
        }
    }
}

#[test]
fn the_policy_of_these_tests_is_good() {
    let provider = Provider::new(&[rsa_key()]);
    let host = provider.host();
    assert!(host.log().iter().all(|line| line.level < Level::Warn), "{:#?}", host.log());
}

#[test]
fn what_is_no_json_object() {
    assert_refused(vec![
        text("", ""),
        text(" ", ""),
        text("null", ""),
        text("[]", ""),
        text("\"validate-jwt\"", ""),
        text("{", ""),
        text("{}", "validate-jwt"),
        text("{\"validate-jwt\":", ""),
        text("validate-jwt: yaml", ""),
        text("{\"clusters\":{}}", "validate-jwt"),
        (
            "nested deeply".to_owned(),
            format!("{{\"validate-jwt\":{}{}}}", "[".repeat(8000), "]".repeat(8000)),
            "",
        ),
    ]);
    let mut host = Host::boot(Setup::new(b"{\"validate-jwt\":{\"header-name\":\"\xff\"}}"));
    assert!(!host.configured, "bytes that are no UTF-8");
    let stream = host.request(Request::get("/"));
    assert!(!matches!(host.outcome(stream), Outcome::Continued));
}

#[test]
fn members_that_are_there_twice() {
    let good = policy().to_string();
    let twice_at_top = good.replacen('{', r#"{"clusters":{"login.example.com":"evil"},"#, 1);
    let twice_inside = good.replacen("{\"audiences\"", r#"{"audiences":["api://other"],"audiences""#, 1);
    assert_ne!(twice_inside, good);
    assert_refused(vec![
        ("clusters twice".to_owned(), twice_at_top, "clusters"),
        ("audiences twice".to_owned(), twice_inside, "validate-jwt.audiences"),
    ]);
}

#[test]
fn unknown_members() {
    assert_refused(vec![
        top("cluster", json!({})),
        top("Clusters", json!({})),
        member("audience", json!(["a"])),
        member("header_name", json!("Authorization")),
        member("Header-Name", json!("Authorization")),
        with("openid-config[0].uri", "validate-jwt.openid-config[0].uri", |configuration| {
            configuration["validate-jwt"]["openid-config"][0]["uri"] = json!("https://x");
        }),
        claims(
            "validate-jwt.required-claims[1].matches",
            json!([{ "name": "a", "values": ["b"] }, { "name": "a", "matches": "any" }]),
        ),
        keys("validate-jwt.issuer-signing-keys[0].keyid", json!([{ "keyid": "x" }])),
        with("fetch.timeouts", "fetch.timeouts", |configuration| {
            configuration["fetch"] = json!({ "timeouts": "5s" });
        }),
    ]);
}

#[test]
fn empty_null_and_unresolved_values() {
    assert_refused(vec![
        member("header-name", Value::Null),
        member("header-name", json!("")),
        member("require-scheme", json!("")),
        member("require-scheme", Value::Null),
        member("openid-config", json!([])),
        member("openid-config", Value::Null),
        member("audiences", json!([])),
        member("audiences", Value::Null),
        member("audiences", json!([""])),
        member("audiences", json!([null])),
        member("audiences", json!("api://orders")),
        member("audiences", json!(["{{audience}}"])),
        member("issuers", json!([])),
        member("issuers", json!([""])),
        member("issuers", json!(["https://{{tenant}}/"])),
        member("issuer-signing-keys", json!([])),
        member("required-claims", json!([])),
        member("required-claims", Value::Null),
        member("failed-validation-error-message", json!("")),
        member("failed-validation-error-message", json!("{{message}}")),
        member("failed-validation-httpcode", Value::Null),
        member("clock-skew", Value::Null),
        member("require-expiration-time", Value::Null),
        claims("validate-jwt.required-claims[0].values", json!([{ "name": "roles", "values": [] }])),
        claims("validate-jwt.required-claims[0].values", json!([{ "name": "roles", "values": null }])),
        claims("validate-jwt.required-claims[0].separator", json!([{ "name": "scp", "separator": "" }])),
        claims("validate-jwt.required-claims[0].name", json!([{ "name": "", "values": ["a"] }])),
        claims("validate-jwt.required-claims[0]", json!([{ "values": ["a"] }])),
        top("clusters", Value::Null),
        top("default-cluster", json!("")),
        top("default-cluster", Value::Null),
        top("fetch", Value::Null),
        url("https://{{host}}/.well-known/openid-configuration"),
        url(""),
    ]);
}

#[test]
fn values_of_the_wrong_kind_or_out_of_range() {
    assert_refused(vec![
        member("failed-validation-httpcode", json!(200)),
        member("failed-validation-httpcode", json!(302)),
        member("failed-validation-httpcode", json!(399)),
        member("failed-validation-httpcode", json!(600)),
        member("failed-validation-httpcode", json!(0)),
        member("failed-validation-httpcode", json!(-401)),
        member("failed-validation-httpcode", json!(401.5)),
        member("failed-validation-httpcode", json!("401")),
        member("failed-validation-httpcode", json!(4_294_967_697_u64)),
        member("clock-skew", json!(-1)),
        member("clock-skew", json!("60s")),
        member("clock-skew", json!(1.5)),
        member("require-expiration-time", json!("true")),
        member("require-expiration-time", json!(1)),
        member("header-name", json!(["Authorization"])),
        member("header-name", json!("X Token")),
        member("header-name", json!("x\r\ny")),
        claims(
            "validate-jwt.required-claims[1].match",
            json!([{ "name": "a" }, { "name": "b", "match": "some" }]),
        ),
        claims("validate-jwt.required-claims[0].values", json!([{ "name": "a", "values": "b" }])),
        claims("validate-jwt.required-claims[0].values[1]", json!([{ "name": "a", "values": ["b", 5] }])),
        with("fetch.timeout", "fetch.timeout", |configuration| {
            configuration["fetch"] = json!({ "timeout": 5 });
        }),
        with("fetch.timeout without unit", "fetch.timeout", |configuration| {
            configuration["fetch"] = json!({ "timeout": "5" });
        }),
        with("fetch.timeout of days", "fetch.timeout", |configuration| {
            configuration["fetch"] = json!({ "timeout": "1d" });
        }),
        with("fetch.timeout of half a second", "fetch.timeout", |configuration| {
            configuration["fetch"] = json!({ "timeout": "0.5s" });
        }),
        with("fetch.max-stale that overflows", "fetch.max-stale", |configuration| {
            configuration["fetch"] = json!({ "max-stale": "99999999999999999999h" });
        }),
        with("fetch.max-response-bytes as text", "fetch.max-response-bytes", |configuration| {
            configuration["fetch"] = json!({ "max-response-bytes": "1MB" });
        }),
        with("fetch.allow-http as text", "fetch.allow-http", |configuration| {
            configuration["fetch"] = json!({ "allow-http": "yes" });
        }),
        with("clusters as a list", "clusters", |configuration| configuration["clusters"] = json!([HOST])),
        with("a cluster that is a number", "clusters", |configuration| {
            configuration["clusters"] = json!({ HOST: 1 });
        }),
    ]);
}

#[test]
fn token_sources() {
    assert_refused(vec![
        with("two sources", "query-parameter-name", |configuration| {
            configuration["validate-jwt"]["query-parameter-name"] = json!("access_token");
        }),
        member("token-value", json!({ "cookie": "access_token" })),
        with("two sources in one", "validate-jwt.token-value", |configuration| {
            let members = configuration["validate-jwt"].as_object_mut().unwrap();
            members.remove("header-name");
            members.insert("token-value".to_owned(), json!({ "cookie": "a", "property": ["b"] }));
        }),
        with("no source", "header-name", |configuration| {
            configuration["validate-jwt"].as_object_mut().unwrap().remove("header-name");
        }),
    ]);
}

#[test]
fn urls_and_clusters() {
    let mut cases = vec![
        with("http", "validate-jwt.openid-config[0].url", |configuration| {
            configuration["validate-jwt"]["openid-config"][0]["url"] = json!(format!("http://{HOST}/x"));
        }),
        with("no cluster for the host", "validate-jwt.openid-config[0].url", |configuration| {
            configuration["clusters"] = json!({ "other.example.com": "idp" });
        }),
        with("no clusters", "validate-jwt.openid-config[0].url", |configuration| {
            configuration.as_object_mut().unwrap().remove("clusters");
        }),
        with("a cluster for another port", "validate-jwt.openid-config[0].url", |configuration| {
            configuration["clusters"] = json!({ format!("{HOST}:8443"): "idp" });
        }),
        with("an empty cluster name", "clusters", |configuration| {
            configuration["clusters"] = json!({ HOST: "" });
        }),
    ];
    for bad in [
        "login.example.com",
        "/.well-known/openid-configuration",
        "ftp://login.example.com/x",
        "https://",
        "https:///x",
        "https:login.example.com/x",
        "https://login.example.com:port/x",
        "https://login.example.com:99999/x",
        "https://user:password@login.example.com/x",
        "https://login.example.com/a b",
        "https://login.example.com/\r\nx",
        "https://login.example.com/x#fragment",
        "https://login example.com/x",
        "https://login.example.com\\@evil.example/x",
    ] {
        cases.push(url(bad));
    }
    assert_refused(cases);
}

#[test]
fn inline_keys() {
    assert_refused(vec![
        keys("validate-jwt.issuer-signing-keys[0].value", json!([{ "value": "not base64!" }])),
        keys("validate-jwt.issuer-signing-keys[0].value", json!([{ "value": "c2hvcnQ=" }])),
        keys("validate-jwt.issuer-signing-keys[0]", json!([{ "id": "nothing" }])),
        keys("validate-jwt.issuer-signing-keys[0]", json!([{ "n": "AQAB" }])),
        keys("validate-jwt.issuer-signing-keys[0]", json!([{ "n": "AQAB", "e": "AQAB" }])),
        keys(
            "validate-jwt.issuer-signing-keys[0]",
            json!([{ "value": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "n": "AQAB", "e": "AQAB" }]),
        ),
    ]);
}

#[test]
fn words_that_are_refused_with_a_reason() {
    let entra = |name: &str, value: Value| {
        let mut policy = json!({ "tenant-id": "organizations", "audiences": ["api"] });
        policy[name] = value;
        json!({ "validate-azure-ad-token": policy, "clusters": { "login.microsoftonline.com": "idp" } })
            .to_string()
    };
    assert_refused(vec![
        member("id", json!("policy-1")),
        member("tenant-id", json!("contoso.com")),
        top("token-cache", json!({ "max-bytes": -1 })),
        text(&entra("clock-skew", json!(60)), "validate-azure-ad-token.clock-skew"),
        text(&entra("require-scheme", json!("Bearer")), "validate-azure-ad-token.require-scheme"),
        text(&entra("allow-proof-of-possession-tokens", json!(true)), "allow-proof-of-possession-tokens"),
        keys("value-from-env", json!([{ "value-from-env": "NOT_SET" }])),
        keys("certificate-id", json!([{ "certificate-id": "nobody" }])),
        top("certificates", json!({ "my-rsa-cert": { "certificate": "-----BEGIN CERTIFICATE-----" } })),
    ]);
}

#[test]
fn an_error_quotes_no_key() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA";
    for list in [
        json!([{ "value": format!("{secret}!") }]),
        json!([{ "value": [secret] }]),
        json!([{ "value": secret, "surprise": 1 }]),
        json!([{ "n": secret, "e": "AQAB" }]),
        json!([secret]),
    ] {
        let mut configuration = policy();
        configuration["validate-jwt"]["issuer-signing-keys"] = list.clone();
        let mut setup = Setup::new(configuration.to_string());
        setup.secrets.push(secret.as_bytes().to_vec());
        let host = Host::boot(setup);
        assert!(!host.configured, "{list}");
        // What was logged is compared with the secret when the host ends.
    }
}
