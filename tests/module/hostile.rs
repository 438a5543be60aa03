//! Requests that mean harm. Each is answered on its merits, the VM lives, and the next good request passes.

use crate::host::{Host, Request};
use crate::provider::{Provider, SECOND, claims, ec_key, policy, rsa_key, token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A host with keys, and a request that must be refused; then one that must pass.
#[track_caller]
fn refused(host: &mut Host, about: &str, request: Request, reasons: &[&str]) {
    about.clone_into(&mut host.about);
    let stream = host.request(request);
    host.advance(SECOND);
    host.assert_refused_for_one_of(stream, 401, reasons);
    let stream = host.request(Request::with_token(&token(ec_key())));
    host.assert_allowed(stream);
}

fn host() -> Host {
    Provider::new(&[rsa_key(), ec_key()]).warm_host()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// A token whose signature is good and whose header and payload are these texts.
fn signed(header: &str, payload: &str) -> String {
    ec_key().sign_raw(header.as_bytes(), payload.as_bytes()).unwrap()
}

const HEADER: &str = r#"{"alg":"ES256","kid":"ec-1"}"#;

#[test]
fn bytes_that_are_no_text_in_any_header() {
    let good = token(ec_key());
    let bytes: [&[u8]; 5] = [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b"\x80\x80\x80\x80"];
    let mut host = host();
    for bytes in bytes {
        for name in ["cookie", "x-anything", "content-type", "user-agent", "accept", "x-request-id", "origin"]
        {
            host.about = format!("{name}: {bytes:?}");
            let stream = host.request(Request::with_token(&good).header(name, bytes));
            host.assert_allowed(stream);
        }
        for name in [":path", ":authority", ":method", ":scheme"] {
            host.about = format!("{name}: {bytes:?}");
            let stream = host.request(Request::with_token(&good).with_pseudo(name, bytes));
            host.assert_allowed(stream);
        }
        let bearer = |front: &[u8], back: &[u8]| [b"Bearer ", front, bytes, back].concat();
        for (value, reasons) in [
            (bytes.to_vec(), &["TokenNotPresent", "JwtInvalid"][..]),
            (bearer(b"", b""), &["JwtInvalid"]),
            (bearer(good.as_bytes(), b""), &["JwtInvalid"]),
            (bearer(b"", good.as_bytes()), &["JwtInvalid"]),
            (bearer(b"a.", b".c"), &["JwtInvalid"]),
            ([b"Bearer", bytes, good.as_bytes()].concat(), &["TokenNotPresent", "JwtInvalid"]),
        ] {
            let request = Request::get("/orders").header("authorization", value);
            refused(&mut host, &format!("{bytes:?}"), request, reasons);
        }
    }
}

#[test]
fn header_names_that_are_no_text_can_be_looked_past() {
    let mut host = host();
    for name in ["x-ümlaut", "x-\u{202e}", "", " "] {
        name.clone_into(&mut host.about);
        let stream = host.request(Request::with_token(&token(ec_key())).header(name, "value"));
        host.assert_allowed(stream);
    }
}

#[test]
fn a_second_authorization_header() {
    let mut host = host();
    let good = token(ec_key());
    for second in [good.as_str(), "x", ""] {
        let request = Request::with_token(&good).bearer(second);
        refused(&mut host, second, request, &["JwtInvalid"]);
        let request = Request::with_token(second).bearer(&good);
        refused(&mut host, second, request, &["JwtInvalid"]);
    }
    let request = Request::with_token(&good).header("authorization", "Basic dXNlcjpwYXNz");
    refused(&mut host, "Basic after Bearer", request, &["JwtInvalid"]);
}

#[test]
fn tokens_of_fifty_kilobytes() {
    let mut host = host();
    let big = "x".repeat(36_000);
    // A good token may be large: it is below max-token-bytes.
    let mut large = claims();
    large["padding"] = json!(big);
    let large = ec_key().sign(&json!({}), &large).unwrap();
    assert!(large.len() > 48_000);
    let stream = host.request(Request::with_token(&large));
    host.assert_allowed(stream);
    for (about, token) in [
        ("letters", "a".repeat(50_000)),
        ("dots", ".".repeat(50_000)),
        ("letters in three parts", ["a".repeat(16_000), "b".repeat(16_000), "c".repeat(16_000)].join(".")),
        ("a header of braces", format!("{}.e30.AA", URL_SAFE_NO_PAD.encode("{".repeat(37_000)))),
        ("a long kid", signed(&json!({ "alg": "ES256", "kid": "k".repeat(36_000) }).to_string(), "{}")),
        ("a long algorithm", signed(&json!({ "alg": "g".repeat(36_000) }).to_string(), "{}")),
        ("a long signature", format!("{}{}", token(ec_key()), "A".repeat(50_000))),
    ] {
        let reasons =
            ["JwtInvalid", "TokenAlgorithmNotAllowed", "TokenSignatureInvalid", "TokenIssuerNotAllowed"];
        refused(&mut host, about, Request::with_token(&token), &reasons);
    }
}

#[test]
fn tokens_beyond_the_limit_are_refused_unread() {
    let mut host = host();
    let mut large = claims();
    large["padding"] = json!("x".repeat(60_000));
    let large = ec_key().sign(&json!({}), &large).unwrap();
    assert!(large.len() > 65_536);
    refused(&mut host, "80 KB", Request::with_token(&large), &["JwtInvalid"]);
    refused(&mut host, "1 MB", Request::with_token(&"e".repeat(1_000_000)), &["JwtInvalid"]);
}

#[test]
fn deep_nesting_in_header_and_payload() {
    let mut host = host();
    let deep = nested(8000);
    let objects = format!("{}1{}", "{\"a\":".repeat(6000), "}".repeat(6000));
    let member = |name: &str, value: &str| {
        let mut claims = claims();
        claims[name] = json!("HERE");
        claims.to_string().replace("\"HERE\"", value)
    };
    for (about, token) in [
        ("header is arrays", signed(&deep, "{}")),
        ("header is objects", signed(&objects, "{}")),
        ("header has arrays", signed(&format!(r#"{{"alg":"ES256","kid":"ec-1","x":{deep}}}"#), "{}")),
        ("kid is arrays", signed(&format!(r#"{{"alg":"ES256","kid":{deep}}}"#), "{}")),
        ("payload is arrays", signed(HEADER, &deep)),
        ("payload is objects", signed(HEADER, &objects)),
        ("payload has arrays", signed(HEADER, &member("x", &deep))),
        ("payload has objects", signed(HEADER, &member("x", &objects))),
        ("aud is arrays", signed(HEADER, &member("aud", &deep))),
        ("exp is arrays", signed(HEADER, &member("exp", &deep))),
        ("arrays without an end", signed(HEADER, &"[".repeat(30_000))),
        ("half closed", signed(HEADER, &format!("{}{}", "{\"a\":[".repeat(4000), "]".repeat(4000)))),
    ] {
        refused(&mut host, about, Request::with_token(&token), &["JwtInvalid"]);
    }
}

#[test]
fn thousands_of_members() {
    let mut host = host();
    let mut many = claims();
    for n in 0..3000 {
        many[format!("m{n}")] = json!(n);
    }
    // Many members are no fault by themselves.
    let stream = host.request(Request::with_token(&signed(HEADER, &many.to_string())));
    host.assert_allowed(stream);
    let same: String = (0..5000).map(|_| r#","x":1"#).collect();
    let twice = format!(r#"{{"iss":"a"{same}}}"#);
    refused(&mut host, "the same", Request::with_token(&signed(HEADER, &twice)), &["JwtInvalid"]);
    let audiences = json!(vec!["api://other"; 3000]);
    let mut many = claims();
    many["aud"] = audiences;
    let request = Request::with_token(&signed(HEADER, &many.to_string()));
    refused(&mut host, "audiences", request, &["TokenAudienceNotAllowed"]);
}

#[test]
fn members_that_are_there_twice() {
    let mut host = host();
    let good = claims().to_string();
    let body = good.trim_start_matches('{').trim_end_matches('}');
    for (header, payload) in [
        (r#"{"alg":"ES256","alg":"ES256","kid":"ec-1"}"#.to_owned(), good.clone()),
        (r#"{"alg":"none","alg":"ES256","kid":"ec-1"}"#.to_owned(), good.clone()),
        (r#"{"alg":"ES256","kid":"x","kid":"ec-1"}"#.to_owned(), good.clone()),
        (r#"{"alg":"ES256","kid":"ec-1","x":1,"x":1}"#.to_owned(), good.clone()),
        (r#"{"alg":"ES256","kid":"ec-1","\u0061lg":"none"}"#.to_owned(), good.clone()),
        (r#"{"alg":"ES256","kid":"ec-1","x":{"y":1,"y":2}}"#.to_owned(), good.clone()),
        (HEADER.to_owned(), format!(r#"{{"iss":"https://evil.example",{body}}}"#)),
        (HEADER.to_owned(), format!(r#"{{{body},"exp":99999999999}}"#)),
        (HEADER.to_owned(), format!(r#"{{{body},"\u0065xp":1}}"#)),
        (HEADER.to_owned(), format!(r#"{{{body},"roles":[],"roles":["Admin"]}}"#)),
        (HEADER.to_owned(), format!(r#"{{{body},"deep":[{{"a":1,"a":2}}]}}"#)),
    ] {
        let token = signed(&header, &payload);
        refused(&mut host, &format!("{header} {payload}"), Request::with_token(&token), &["JwtInvalid"]);
    }
}

#[test]
fn extensions_that_must_be_understood_and_keys_that_a_token_brings_along() {
    let mut host = host();
    let claims = claims();
    for header in [
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "crit": "alg" }),
        json!({ "b64": false }),
    ] {
        let token = ec_key().sign(&header, &claims).unwrap();
        refused(&mut host, &header.to_string(), Request::with_token(&token), &["JwtInvalid"]);
    }
    // Keys that a token brings along vouch for nothing; a good signature is good all the same.
    let stranger = rsa_key().clone().with_kid("stranger");
    for header in [
        json!({ "jwk": stranger.jwk() }),
        json!({ "jku": "https://evil.example/keys" }),
        json!({ "x5u": "https://evil.example/certificate" }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        let token = stranger.sign(&header, &claims).unwrap();
        refused(
            &mut host,
            &header.to_string(),
            Request::with_token(&token),
            &["TokenSignatureKeyNotFound", "JwtInvalid"],
        );
    }
    for callout in host.callouts() {
        assert_eq!(callout.header(":authority"), crate::provider::HOST);
    }
}

#[test]
fn encodings_that_are_not_canonical() {
    let mut host = host();
    let good = token(ec_key());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{good}") };
    let last_changed = |part: &str| {
        let (front, last) = part.split_at(part.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(last).unwrap();
        format!("{front}{}", alphabet.chars().nth(at ^ 1).unwrap())
    };
    // 64 bytes of signature leave four bits of the last character unused.
    for token in [
        format!("{good}="),
        format!("{good}=="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}.{}", last_changed(signature)),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        "..".to_owned(),
        ".".to_owned(),
        "....".to_owned(),
        format!("{header}.{payload}.{signature}+"),
        format!("{header}.{payload}/.{signature}"),
        format!("{header} .{payload}.{signature}"),
        format!("{header}.{payload}.{signature} {signature}"),
        format!("{header}\r\n.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}\r\nx-evil: 1"),
        format!("{header}.{payload}\n.{signature}"),
        format!("\"{good}\""),
        format!("{good},{good}"),
        format!("{good};q=1"),
        json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
    ] {
        refused(&mut host, &token, Request::with_token(&token), &["JwtInvalid"]);
    }
    // No signature at all is no token, or a bad signature.
    let unsigned = format!("{header}.{payload}.");
    let reasons = &["JwtInvalid", "TokenSignatureInvalid"];
    refused(&mut host, &unsigned, Request::with_token(&unsigned), reasons);
}

#[test]
fn parts_that_are_no_objects() {
    let mut host = host();
    for text in
        ["", " ", "null", "true", "1", "\"text\"", "[]", "[{}]", "{", "{}{}", "{\"alg\"}", "\u{feff}{}"]
    {
        let token = signed(HEADER, text);
        refused(&mut host, &format!("payload {text:?}"), Request::with_token(&token), &["JwtInvalid"]);
        let token = signed(text, &claims().to_string());
        refused(&mut host, &format!("header {text:?}"), Request::with_token(&token), &["JwtInvalid"]);
    }
    for header in [
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":1,"kid":"ec-1"}"#,
        r#"{"alg":["ES256"],"kid":"ec-1"}"#,
        r#"{"alg":{"ES256":1},"kid":"ec-1"}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","kid":["ec-1"]}"#,
        r#"{"alg":"ES256","kid":{}}"#,
    ] {
        let token = signed(header, &claims().to_string());
        refused(&mut host, header, Request::with_token(&token), &["JwtInvalid", "TokenAlgorithmNotAllowed"]);
    }
    for alg in ["none", "None", "nOnE", "NONE", "es256", "ES256 ", "", "HS256", "ES256K", "RSA1_5", "dir"] {
        let header = json!({ "alg": alg, "kid": "ec-1" }).to_string();
        let token = signed(&header, &claims().to_string());
        let reasons = &["TokenAlgorithmNotAllowed", "JwtInvalid"];
        refused(&mut host, alg, Request::with_token(&token), reasons);
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        refused(&mut host, alg, Request::with_token(&format!("{unsigned}.")), reasons);
    }
}

#[test]
fn claims_of_the_wrong_kind() {
    let mut host = host();
    for (name, value) in [
        ("iss", json!(1)),
        ("iss", json!(["https://login.example.com/contoso/v2.0"])),
        ("iss", json!({})),
        ("iss", json!("")),
        ("iss", json!("\u{0}")),
        ("aud", json!(1)),
        ("aud", json!({ "api://orders": 1 })),
        ("aud", json!([1])),
        ("aud", json!(["api://orders", 1])),
        ("aud", json!([["api://orders"]])),
        ("aud", json!("")),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let request = Request::with_token(&signed(HEADER, &claims.to_string()));
        let reasons = &["JwtInvalid", "TokenIssuerNotAllowed", "TokenAudienceNotAllowed"];
        refused(&mut host, &format!("{name}: {value}"), request, reasons);
    }
}

#[test]
fn nothing_at_all() {
    let mut host = host();
    for value in ["", " ", "\t", "Bearer", "Bearer ", "Bearer \t ", "bearer", ",", "Bearer,", " Bearer "] {
        let request = Request::get("/orders").header("authorization", value);
        refused(&mut host, &format!("{value:?}"), request, &["TokenNotPresent", "JwtInvalid"]);
    }
    let request = Request::get("/orders").header("x-authorization", format!("Bearer {}", token(ec_key())));
    refused(&mut host, "another header", request, &["TokenNotPresent"]);
}

#[test]
fn tokens_in_the_query() {
    let mut policy = policy();
    let members = policy["validate-jwt"].as_object_mut().unwrap();
    members.remove("header-name");
    members.remove("require-scheme");
    members.insert("query-parameter-name".to_owned(), json!("access_token"));
    let mut host = Provider::new(&[ec_key()]).warm_host_with(&policy);
    let good = token(ec_key());
    let passes = |path: String| (path, None);
    let fails = |path: String, reason: &'static str| (path, Some(reason));
    for (path, reason) in [
        passes(format!("/orders?access_token={good}")),
        passes(format!("/orders?a=b&access_token={good}&c=d")),
        passes(format!("/orders?%61ccess_token={good}")),
        passes(format!("/orders?access_token={}", good.replace('.', "%2E"))),
        fails("/orders".to_owned(), "TokenNotPresent"),
        fails("/orders?access_token=".to_owned(), "TokenNotPresent"),
        fails("/orders?access_token".to_owned(), "TokenNotPresent"),
        fails(format!("/orders?Access_Token={good}"), "TokenNotPresent"),
        fails(format!("/orders?access_token={good}&access_token={good}"), "JwtInvalid"),
        fails(format!("/orders?access_token={good}&access%5Ftoken=x"), "JwtInvalid"),
        fails(format!("/orders?access_token={good}%"), "JwtInvalid"),
        fails(format!("/orders?access_token={good}%zz"), "JwtInvalid"),
        fails(format!("/orders?access_token=%ff{good}"), "JwtInvalid"),
        fails(format!("/orders?access_token=Bearer%20{good}"), "JwtInvalid"),
    ] {
        host.about.clone_from(&path);
        let stream = host.request(Request::get(&path));
        match reason {
            None => host.assert_allowed(stream),
            Some(reason) => drop(host.assert_refused(stream, 401, reason)),
        }
    }
    let bytes = Request::get("/").with_pseudo(":path", b"/orders?access_token=\xff\xfe");
    let stream = host.request(bytes);
    host.assert_refused(stream, 401, "JwtInvalid");
    let beside = [b"/\xff?\xff=\xff&access_token=", good.as_bytes()].concat();
    let stream = host.request(Request::get("/").with_pseudo(":path", &beside));
    host.assert_allowed(stream);
}

#[test]
fn another_header_holds_the_bare_token() {
    let mut policy = policy();
    policy["validate-jwt"]["header-name"] = json!("X-Token");
    policy["validate-jwt"].as_object_mut().unwrap().remove("require-scheme");
    let mut host = Provider::new(&[ec_key()]).warm_host_with(&policy);
    let good = token(ec_key());
    let stream = host.request(Request::get("/").header("x-token", &good));
    host.assert_allowed(stream);
    let cases: [(&str, Request, &[&str]); 4] = [
        ("prefix", Request::get("/").header("x-token", format!("Bearer {good}")), &["JwtInvalid"]),
        ("twice", Request::get("/").header("x-token", &good).header("x-token", &good), &["JwtInvalid"]),
        (
            "twice, first bad",
            Request::get("/").header("x-token", "x").header("x-token", &good),
            &["JwtInvalid"],
        ),
        ("in Authorization", Request::with_token(&good), &["TokenNotPresent"]),
    ];
    for (about, request, reasons) in cases {
        about.clone_into(&mut host.about);
        let stream = host.request(request);
        host.assert_refused_for_one_of(stream, 401, reasons);
    }
}

#[test]
fn a_thousand_bad_requests_leave_the_vm_as_it_was() {
    let mut host = host();
    let good = token(ec_key());
    let memory = host.memory_bytes();
    let mut large: Value = claims();
    large["padding"] = json!("x".repeat(30_000));
    let large = rsa_key().clone().with_kid("ec-1").sign(&json!({}), &large).unwrap();
    for n in 0..1000 {
        let kid = format!("unknown-{n}");
        let stranger = token(&ec_key().clone().with_kid(kid));
        let unknown = host.request(Request::with_token(&stranger));
        host.request(Request::with_token(&large));
        host.advance(100 * crate::provider::MILLISECOND);
        host.assert_refused(unknown, 401, "TokenSignatureKeyNotFound");
    }
    let stream = host.request(Request::with_token(&good));
    host.assert_allowed(stream);
    let grown = host.memory_bytes() - memory;
    assert!(grown < 8 << 20, "{grown} bytes more than before");
    assert!(host.discovery_fetches() <= 6, "one refetch each 30 s");
}
