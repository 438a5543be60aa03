//! How claims are written to headers: exactly, or not at all.

use super::{LIE, inline_policy, staff_claims};
use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use serde_json::json;
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

/// A claim as it is signed, and what its header holds as text and as JSON.
type ClaimCase<'c> = (&'c str, Option<&'c [u8]>, Option<&'c str>);

#[test]
fn claims_are_written_exactly_or_not_at_all() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let header = |header: &str, format: &str| json!({ "claim": "c", "header": header, "format": format });
    let forward = json!({
        "claims-to-headers": [header("x-text", "text"), header("x-json", "json"), header("x-base64url", "base64url")],
        "payload-header": "x-payload",
    });
    let policy = inline_policy("Authorization", &key, &forward);
    let envoy = Envoy::start(&Setup::new().listener("api", policy));
    let (fits, too_long) = ("l".repeat(16_384), "l".repeat(16_385));
    let (quoted_fit, quoted_long) = (format!("\"{fits}\""), format!("\"{too_long}\""));
    let cases: Vec<ClaimCase<'_>> = vec![
        ("9007199254740993", Some(b"9007199254740993"), Some("9007199254740993")),
        ("18446744073709551615", Some(b"18446744073709551615"), Some("18446744073709551615")),
        ("-9223372036854775808", Some(b"-9223372036854775808"), Some("-9223372036854775808")),
        (
            "123456789012345678901234567890",
            Some(b"123456789012345678901234567890"),
            Some("123456789012345678901234567890"),
        ),
        ("0.1000", Some(b"0.1000"), Some("0.1000")),
        (
            "[9007199254740993,18446744073709551615]",
            Some(b"9007199254740993,18446744073709551615"),
            Some("[9007199254740993,18446744073709551615]"),
        ),
        (r#"{"id":9007199254740993}"#, None, Some(r#"{"id":9007199254740993}"#)),
        ("true", Some(b"true"), Some("true")),
        ("null", None, None),
        (r#""plain text""#, Some(b"plain text"), Some(r#""plain text""#)),
        (r#""Zo\u00eb""#, Some("Zoë".as_bytes()), Some(r#""Zo\u00eb""#)),
        (r#""a\u000d\u000ax-user-oid: b""#, None, Some(r#""a\u000d\u000ax-user-oid: b""#)),
        (r#""a\u000ab""#, None, Some(r#""a\u000ab""#)),
        (r#""a\u000db""#, None, Some(r#""a\u000db""#)),
        (r#""a\u0000b""#, None, Some(r#""a\u0000b""#)),
        (r#""a\u0009b""#, None, Some(r#""a\u0009b""#)),
        (r#""a\u001bb""#, None, Some(r#""a\u001bb""#)),
        (r#""a\u007fb""#, None, Some(r#""a\u007fb""#)),
        (r#"" a""#, None, Some(r#"" a""#)),
        (r#""a ""#, None, Some(r#""a ""#)),
        (r#"["a","b"]"#, Some(b"a,b"), Some(r#"["a","b"]"#)),
        (r#"["a,b"]"#, None, Some(r#"["a,b"]"#)),
        (r#"["a","b\u000ac"]"#, None, Some(r#"["a","b\u000ac"]"#)),
        (r#"["a",{"b":1}]"#, None, Some(r#"["a",{"b":1}]"#)),
        ("[]", None, Some("[]")),
        (&quoted_long, None, None),
        (&quoted_fit, Some(fits.as_bytes()), None),
    ];
    let mut wrong = Vec::new();
    for (claim, text, as_json) in cases {
        let payload =
            format!(r#"{{"iss":"https://issuer.example","aud":"api","exp":{},"c":{claim}}}"#, now() + 600);
        let token = key.sign_raw(br#"{"alg":"HS256"}"#, payload.as_bytes()).unwrap();
        let answered =
            envoy.passes("api", Request::get("/").bearer(&token).header("x-text", LIE).header("X_JSON", LIE));
        let seen = envoy.upstream().seen(&answered.id).unwrap();
        let short: String = claim.chars().take(60).collect();
        for (name, found, expected) in [
            ("text", seen.headers.get("x-text"), text),
            ("json", seen.headers.get("x-json"), as_json.map(str::as_bytes)),
            ("json with an underscore", seen.headers.get("x_json"), None),
        ] {
            if found != expected {
                let found = found.map(String::from_utf8_lossy);
                wrong.push(format!("{short}: {name} is {found:?}"));
            }
        }
        let whole = base64url(payload.as_bytes());
        let fits = whole.len() <= 16_384;
        if seen.headers.get("x-payload") != fits.then_some(whole.as_bytes()) {
            wrong.push(format!("{short}: the payload differs"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn a_header_that_looks_like_a_pseudo_header_leaves_that_alone() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let header = |header: &str| json!({ "claim": "aud", "header": header });
    let headers = ["-path", "_method", "-authority", "_scheme"];
    let forward = json!({ "claims-to-headers": headers.map(header) });
    let envoy = Envoy::start(&Setup::new().listener("api", inline_policy("Authorization", &key, &forward)));
    let token = key.sign(&json!({}), &staff_claims()).unwrap();
    let answered =
        envoy.passes("api", Request::new("PUT", "/orders?a=b").bearer(&token).header("_path", LIE));
    let seen = envoy.upstream().seen(&answered.id).unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/orders?a=b"));
    assert_eq!(seen.headers.text("host"), Some("api.example"));
    assert_eq!((seen.headers.text("-path"), seen.headers.text("_path")), (Some("api"), None));
}
