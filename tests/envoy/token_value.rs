//! `token-value`: tokens in cookies, and in properties that the proxy or an earlier filter sets.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::string::FromUtf8Error;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

fn policy(key: &SigningKey, place: &Value) -> Value {
    json!({
        "validate-jwt": {
            "token-value": place,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
        },
    })
}

fn key_and_token() -> (SigningKey, String) {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600 });
    let token = key.sign(&json!({}), &claims).unwrap();
    (key, token)
}

fn refused(name: &str, request: Request, reason: &'static str) -> Case<'static> {
    Case::refused(name, request, Refusal::of(reason))
}

#[test]
fn a_token_in_a_cookie() {
    let (key, token) = key_and_token();
    let envoy =
        Envoy::start(&Setup::new().listener("api", policy(&key, &json!({ "cookie": "access_token" }))));
    let cookies = |lines: &[&[u8]]| {
        lines.iter().fold(Request::get("/").secret(&token), |request, line| {
            let line =
                String::from_utf8(line.to_vec()).map(|text| text.replace("TOKEN", &token).into_bytes());
            request.header("cookie", line.unwrap_or_else(FromUtf8Error::into_bytes))
        })
    };
    let good = cookies(&[b"access_token=TOKEN"]);
    let many: Vec<String> = (0..3000).map(|index| format!("c{index}=v{index}")).collect();
    let many = many.join("; ");
    let many_and_token = format!("{many}; access_token=TOKEN");
    let same: Vec<u8> = b"access_token=x; ".repeat(3000);
    let wrong = envoy.try_all(
        "api",
        vec![
            Case::passes("alone", good.clone()),
            Case::passes("among others", cookies(&[b"a=1; access_token=TOKEN; b=2"])),
            Case::passes("in the second header", cookies(&[b"a=1", b"access_token=TOKEN"])),
            Case::passes("beside a value that is no text", cookies(&[b"a=\xff\xfe", b"access_token=TOKEN"])),
            Case::passes("after three thousand others", cookies(&[many_and_token.as_bytes()])),
            Case::passes("without blanks", cookies(&[b"a=1;access_token=TOKEN;b=2"])),
            refused(
                "twice in one header",
                cookies(&[b"access_token=TOKEN; access_token=TOKEN"]),
                "JwtInvalid",
            ),
            refused(
                "twice in two headers",
                cookies(&[b"access_token=TOKEN", b"access_token=TOKEN"]),
                "JwtInvalid",
            ),
            refused("once good, once empty", cookies(&[b"access_token=TOKEN; access_token="]), "JwtInvalid"),
            refused(
                "once good, once a bare name",
                cookies(&[b"access_token=TOKEN; access_token"]),
                "JwtInvalid",
            ),
            refused("three thousand times", cookies(&[&same]), "JwtInvalid"),
            refused("among three thousand: none", cookies(&[many.as_bytes()]), "TokenNotPresent"),
            refused("another case", cookies(&[b"Access_Token=TOKEN"]), "TokenNotPresent"),
            refused("an encoded name", cookies(&[b"access%5Ftoken=TOKEN"]), "TokenNotPresent"),
            refused("empty", cookies(&[b"access_token="]), "TokenNotPresent"),
            refused("no cookie", Request::get("/"), "TokenNotPresent"),
            refused("the token elsewhere", Request::get("/").bearer(&token), "TokenNotPresent"),
            refused("with a scheme", cookies(&[b"access_token=Bearer TOKEN"]), "JwtInvalid"),
            refused("quoted", cookies(&[b"access_token=\"TOKEN\""]), "JwtInvalid"),
            refused("a value that is no text", cookies(&[b"access_token=\xff\xfe"]), "JwtInvalid"),
            refused("every odd byte", cookies(&[b"=;;=; ; access_token==\x80\xff; \xff=1;\t"]), "JwtInvalid"),
            refused("nothing but marks", cookies(&[&b";= ".repeat(15_000)]), "TokenNotPresent"),
            Case::passes("after all that", good),
        ],
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn a_token_in_a_property() {
    let (key, token) = key_and_token();
    let place = |path: Value| policy(&key, &json!({ "property": path }));
    let from_header = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
        "on_request_headers": [{
            "object_key": "earlier.token",
            "factory_key": "envoy.string",
            "format_string": { "text_format_source": { "inline_string": "%REQ(X-RAW)%" }, "omit_empty_values": true },
        }],
    });
    let setup = Setup::new()
        .filter_before("envoy.filters.http.set_filter_state", &from_header)
        .listener("state", place(json!(["filter_state", "earlier.token"])))
        .listener("header", place(json!(["request", "headers", "x-raw"])))
        .listener("query", place(json!(["request", "query"])))
        // None of these is a text, and to ask for some of them is an error of its own.
        .listener("map", place(json!(["request"])))
        .listener("states", place(json!(["filter_state"])))
        .listener("headers", place(json!(["request", "headers"])))
        .listener("number", place(json!(["source", "port"])))
        .listener("absent", place(json!(["connection", "requested_server_name"])))
        .listener(
            "unknown",
            place(json!(["no", "such", "thing", "", "\u{fc}"].map(|name| if name.is_empty() {
                "x"
            } else {
                name
            }))),
        );
    let envoy = Envoy::start(&setup);
    let raw = |value: &[u8]| Request::get("/").header("x-raw", value);
    let good = || raw(token.as_bytes()).secret(&token);
    let mut wrong = Vec::new();
    for listener in ["state", "header"] {
        wrong.extend(envoy.try_all(
            listener,
            vec![
                Case::passes("good", good()),
                refused("absent", Request::get("/"), "TokenNotPresent"),
                refused("not a token", raw(b"x"), "JwtInvalid"),
                refused("bytes that are no text", raw(b"\xff\xfe"), "JwtInvalid"),
                refused("60 KB", raw(&b"a".repeat(50_000)), "JwtInvalid"),
                Case::passes("after all that", good()),
            ],
        ));
    }
    wrong.extend(envoy.try_all(
        "header",
        vec![
            refused("the same twice", good().header("X-Raw", &token), "JwtInvalid"),
            refused("good, then another", good().header("x-raw", "x"), "JwtInvalid"),
            refused("another, then good", raw(b"x").secret(&token).header("x-raw", &token), "JwtInvalid"),
            refused("good, then empty", good().header("x-raw", ""), "JwtInvalid"),
        ],
    ));
    wrong.extend(envoy.try_all(
        "query",
        vec![
            Case::passes("all of the query", Request::get(&format!("/?{token}")).secret(&token)),
            refused("no query", Request::get("/"), "TokenNotPresent"),
            refused("a query of something else", Request::get("/?a=b"), "JwtInvalid"),
        ],
    ));
    for listener in ["map", "states", "absent", "unknown"] {
        wrong.extend(envoy.try_all(listener, vec![refused("good elsewhere", good(), "TokenNotPresent")]));
    }
    for listener in ["number", "headers"] {
        let answered = envoy.send(listener, good());
        if answered.by_upstream || answered.response.status != 401 {
            wrong.push(format!("{listener}: {}", answered.response.status));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}
