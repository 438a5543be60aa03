//! What differs in HTTP/2: cookies and other fields come one by one, and a request may name two hosts.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

fn policy(source: &str, place: &Value, key: &SigningKey) -> Value {
    json!({
        "validate-jwt": {
            source: place,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
        },
        "options": { "forward": {
            "claims-to-headers": [{ "claim": "sub", "header": "x-user" }],
            "remove-token": true,
        } },
    })
}

/// Path and host, more fields, and what comes of it: the upstream's `x-user`, `cookie` and `host`, or the reason.
type Case<'c> = (&'c str, &'c str, Fields<'c>, Result<[Option<&'c str>; 3], &'c str>);
type Fields<'c> = Vec<(&'c str, &'c str)>;

#[test]
fn fields_that_come_apart_and_hosts_that_differ() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let claims = json!({ "iss": "https://issuer.example", "sub": "somebody", "exp": now() + 600 });
    let token = key.sign(&json!({}), &claims).unwrap();
    let configuration = json!({
        "policies": {
            "header": policy("header-name", &json!("Authorization"), &key),
            "cookie": policy("token-value", &json!({ "cookie": "sid" }), &key),
        },
        "rules": [
            { "match": { "hosts": ["public.example"] }, "allow-anonymous": true },
            { "match": { "path-prefix": "/cookie" }, "policy": "cookie" },
            { "match": {}, "policy": "header" },
        ],
    });
    let envoy = Envoy::start(&Setup::new().listener("api", configuration));
    envoy.keep_secret(&token);
    let (bearer, sid) = (format!("Bearer {token}"), format!("sid={token}"));
    let (authorization, cookie) = (("authorization", bearer.as_str()), ("cookie", sid.as_str()));
    let spoofed = [("x-user", "administrator"), ("x_user", "administrator"), ("x-user", "root")];
    let api = |user, cookie| Ok([user, cookie, Some("api.example")]);
    let cases: Vec<Case<'_>> = vec![
        ("/", "api.example", vec![authorization], api(Some("somebody"), None)),
        ("/", "api.example", [&[authorization][..], &spoofed].concat(), api(Some("somebody"), None)),
        ("/", "public.example", spoofed.to_vec(), Ok([None, None, Some("public.example")])),
        ("/cookie", "api.example", vec![cookie], api(Some("somebody"), None)),
        (
            "/cookie",
            "api.example",
            vec![("cookie", "a=1"), cookie, ("cookie", "b=2"), ("cookie", "c=3; d=4")],
            api(Some("somebody"), Some("a=1; b=2; c=3; d=4")),
        ),
        ("/cookie", "api.example", vec![cookie, ("cookie", "a=1"), cookie], Err("JwtInvalid")),
        ("/cookie", "api.example", vec![("cookie", "a=1"), ("cookie", "b=2")], Err("TokenNotPresent")),
        // The host that a rule looks at must be the one that the upstream is told.
        ("/", "api.example", vec![("host", "public.example")], Err("TokenNotPresent")),
        ("/", "public.example", vec![("host", "api.example")], Ok([None, None, Some("public.example")])),
        ("//", "api.example", vec![authorization], Err("PathAmbiguous")),
    ];
    let mut wrong = Vec::new();
    for (path, host, more, expected) in cases {
        let pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", host), (":path", path)];
        let headers = [&pseudo[..], &more].concat();
        for body in [None, Some("body")] {
            let (id, status) = envoy.send_http2("api", &headers, body);
            let details = envoy.details(&id);
            let seen = envoy.upstream().seen(&id);
            let found = seen.as_ref().map(|seen| {
                assert_eq!((status, seen.body.as_slice()), (200, body.unwrap_or_default().as_bytes()));
                assert_eq!(seen.headers.get("x_user"), None);
                ["x-user", "cookie", "host"].map(|name| seen.headers.text(name))
            });
            let is_right = match expected {
                Ok(expected) => found == Some(expected),
                Err(reason) => found.is_none() && details == format!("validate_jwt{{{reason}}}"),
            };
            if !is_right {
                let names: Vec<_> = more.iter().map(|(name, _)| *name).collect();
                wrong.push(format!("{path} {host} {names:?}: {status}, {details}, {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

/// HTTP/1 knows no `post`, HTTP/2 carries it, and many frameworks take it for `POST`.
#[test]
fn a_method_in_another_case_escapes_no_rule() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let configuration = json!({
        "policies": { "only": policy("header-name", &json!("Authorization"), &key) },
        "rules": [
            { "match": { "methods": ["POST", "DELETE"] }, "policy": "only" },
            { "match": {}, "allow-anonymous": true },
        ],
    });
    let envoy = Envoy::start(&Setup::new().listener("api", configuration));
    for (method, expected) in [("POST", 401), ("post", 400), ("Delete", 400), ("GET", 200), ("PROPFIND", 200)]
    {
        let headers =
            [(":method", method), (":scheme", "http"), (":authority", "api.example"), (":path", "/")];
        let (id, status) = envoy.send_http2("api", &headers, None);
        assert_eq!(status, expected, "{method}: {}", envoy.details(&id));
        assert_eq!(envoy.upstream().seen(&id).is_some(), expected == 200, "{method}");
    }
}
