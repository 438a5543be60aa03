//! `output-token-variable-name`: the claims as JSON in the filter state `wasm.<name>`, for access logs, the router and later
//! filters; and only when the token is good.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

fn policy(header: &str, key: &SigningKey, variable: &str) -> Value {
    json!({
        "validate-jwt": {
            "header-name": header,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
            "output-token-variable-name": variable,
        },
    })
}

/// What the access log, the router and a later filter read under `wasm.jwt`, then the access log under two other names.
fn read(envoy: &Envoy, request: Request) -> (bool, [String; 5]) {
    let answered = envoy.send("api", request);
    let columns = envoy.access_log().entry(&answered.id).columns;
    let [jwt, other, report] = columns.try_into().unwrap();
    let seen = envoy.upstream().seen(&answered.id);
    let header = |name: &str| {
        let seen = seen.as_ref().and_then(|seen| seen.headers.text(name).map(str::to_owned));
        seen.unwrap_or_else(|| "-".to_owned())
    };
    (answered.by_upstream, [jwt, header("x-by-router"), header("x-by-filter"), other, report])
}

#[test]
fn claims_can_be_read_by_who_comes_after_the_filter() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let mut reporting = policy("Authorization", &key, "jwt");
    reporting["options"] = json!({ "report-only": true });
    let configuration = json!({
        "policies": {
            "first": policy("Authorization", &key, "jwt"),
            "second": policy("X-Second", &key, "second-token"),
            "either": { "any-of": ["first", "second"] },
            "both": { "all-of": ["first", "second"] },
            "reporting": reporting,
        },
        "rules": [
            { "match": { "path": "/anonymous" }, "allow-anonymous": true },
            { "match": { "path": "/missing" }, "policy": "first", "allow-missing": true },
            { "match": { "path": "/either" }, "policy": "either" },
            { "match": { "path": "/both" }, "policy": "both" },
            { "match": { "path": "/reporting" }, "policy": "reporting" },
            { "match": {}, "policy": "first" },
        ],
    });
    let state = "%FILTER_STATE(wasm.jwt:PLAIN)%";
    let mutation = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": { "request_mutations": [{ "append": { "header": { "key": "x-by-filter", "value": state } } }] },
    });
    let setup = Setup::new()
        .filter_after("envoy.filters.http.header_mutation", &mutation)
        .route_header("x-by-router", state)
        .column(state)
        .column("%FILTER_STATE(wasm.second-token:PLAIN)%")
        .column("%FILTER_STATE(wasm.validate_jwt:PLAIN)%")
        .listener("api", configuration);
    let envoy = Envoy::start(&setup);
    // To the byte as it was signed: members in their order, numbers with every digit, escapes as they are.
    let payload = |more: &str| {
        format!(
            r#"{{"z":18446744073709551615,"a":-9223372036854775808,"f":1.10,"n":"Zo\u00eb","iss":"https://issuer.example","exp":{}{more}}}"#,
            now() + 600
        )
    };
    let sign = |payload: &str| key.sign_raw(br#"{"alg":"HS256"}"#, payload.as_bytes()).unwrap();
    let (one, two) = (payload(""), payload(r#","second":9007199254740993"#));
    let (first, second) = (sign(&one), sign(&two));
    let expired = sign(&one.replacen("\"exp\":", "\"exp\":1,\"was\":", 1));
    let get = |path: &str| Request::get(path).secret(&first).secret(&second);
    let as_second = |request: Request| request.header("x-second", &second);
    let (one, two) = (one.as_str(), two.as_str());
    let mut wrong = Vec::new();
    for (name, request, passes, [jwt, other, report]) in [
        ("good", get("/").bearer(&first), true, [one, "-", "-"]),
        ("missing", get("/"), false, ["-", "-", "-"]),
        ("expired", get("/").bearer(&expired), false, ["-", "-", "-"]),
        ("anonymous, with a token", get("/anonymous").bearer(&first), true, ["-", "-", "-"]),
        ("allowed to be missing", get("/missing"), true, ["-", "-", "-"]),
        ("any-of by the first", as_second(get("/either").bearer(&first)), true, [one, "-", "-"]),
        ("any-of by the second", as_second(get("/either").bearer(&expired)), true, ["-", two, "-"]),
        ("all-of", as_second(get("/both").bearer(&first)), true, [one, two, "-"]),
        ("all-of, one missing", get("/both").bearer(&first), false, ["-", "-", "-"]),
        ("reporting, good", get("/reporting").bearer(&first), true, [one, "-", "-"]),
        ("reporting, expired", get("/reporting").bearer(&expired), true, ["-", "-", "TokenExpired"]),
        ("reporting, missing", get("/reporting"), true, ["-", "-", "TokenNotPresent"]),
    ] {
        let (passed, found) = read(&envoy, request);
        let expected = [jwt, jwt, jwt, other, report];
        let expected = if passed { expected } else { [jwt, "-", "-", other, report] };
        if passed != passes || found != expected {
            wrong.push(format!("{name}: passed: {passed}, {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}
