//! `rules` on real requests: by path, method and host; paths that can be read in two ways; and answers for gRPC clients.

use super::{inline_policy, inline_token, policy, token};
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Rules by path, method and host, over two inline policies.
fn routed(staff: &SigningKey, admin: &SigningKey, dark: &Authority) -> Value {
    json!({
        "policies": {
            "staff": inline_policy("Authorization", staff, "Staff alone."),
            "admin": inline_policy("Authorization", admin, "Admins alone."),
            "dark": policy("Authorization", dark, "api"),
        },
        "rules": [
            { "match": { "path": "/healthz" }, "allow-anonymous": true },
            { "match": { "path-prefix": "/admin", "methods": ["POST", "DELETE"], "hosts": ["api.example"] }, "policy": "admin" },
            { "match": { "path-prefix": "/Case", "ignore-case": true }, "policy": "admin" },
            { "match": { "hosts": ["*.admin.example"] }, "policy": "admin" },
            { "match": { "path": "/gr%C3%BC%C3%9F" }, "policy": "admin" },
            { "match": { "path-prefix": "/dark" }, "policy": "dark" },
            { "match": {}, "policy": "staff" },
        ],
        "default-cluster": "provider",
    })
}

#[test]
fn rules_choose_by_path_method_and_host() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::Hs256).unwrap());
    let [staff, admin] = &keys;
    let configuration = routed(staff, admin, &Authority::plain("dark.example"));
    let envoy = Envoy::start(&Setup::new().empty_cluster("provider").listener("api", configuration));
    let [as_staff, as_admin] = keys.each_ref().map(|key| inline_token(key, "orders.read"));
    // Whose token passes: the other's must not.
    let (mine, others) = ((&as_staff, "Staff alone."), (&as_admin, "Admins alone."));
    let mut cases = vec![
        Case::passes("healthz", Request::get("/healthz")),
        Case::passes("healthz with a query", Request::get("/healthz?a=b")),
        Case::passes("healthz encoded", Request::get("/%68ealth%7A")),
        Case::passes("healthz with nonsense", Request::get("/healthz").header("authorization", "Bearer x")),
    ];
    for path in ["/healthz/", "/healthz/x", "/Healthz", "/healthzz", "/?/healthz", "/x/healthz"] {
        let refusal = Refusal::saying("TokenNotPresent", "Staff alone.");
        cases.push(Case::refused(path, Request::get(path), refusal));
    }
    for (method, path, host, (passes, _), (fails, message)) in [
        ("POST", "/admin", "api.example", others, mine),
        ("POST", "/admin", "api.example", others, mine),
        ("DELETE", "/admin/users?x=/", "API.Example:8443", others, mine),
        ("POST", "/%61dmin/", "api.example.", others, mine),
        ("GET", "/admin", "api.example", mine, others),
        ("PATCH", "/admin", "api.example", mine, others),
        ("POST", "/admin", "www.example", mine, others),
        ("POST", "/admin", "api.example.evil", mine, others),
        ("POST", "/administrator", "api.example", mine, others),
        ("POST", "/ADMIN", "api.example", mine, others),
        ("POST", "/x?/admin", "api.example", mine, others),
        ("GET", "/cASE/1", "api.example", others, mine),
        ("GET", "/caseless", "api.example", mine, others),
        ("GET", "/", "eu.admin.example", others, mine),
        ("GET", "/", "a.b.ADMIN.example:80", others, mine),
        ("GET", "/", "admin.example", mine, others),
        ("GET", "/", "xadmin.example", mine, others),
        ("GET", "/gr%c3%bc%C3%9f", "api.example", others, mine),
        ("GET", "/gr%C3%BCss", "api.example", mine, others),
    ] {
        let name = format!("{method} {host}{path}");
        let request = |token: &str| Request::new(method, path).header("host", host).bearer(token);
        cases.push(Case::passes(format!("{name} by whom it is for"), request(passes)));
        // The message is that of the policy whose token this is not.
        let own = if message == "Staff alone." { "Admins alone." } else { "Staff alone." };
        cases.push(Case::refused(name, request(fails), Refusal::saying("TokenSignatureInvalid", own)));
    }
    let wrong = envoy.try_all("api", cases);
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_answered_400() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::Hs256).unwrap());
    let configuration = routed(&keys[0], &keys[1], &Authority::plain("dark.example"));
    let without_paths = json!({
        "policies": { "staff": inline_policy("Authorization", &keys[0], "Staff alone.") },
        "rules": [{ "match": { "methods": ["POST"] }, "policy": "staff" }, { "match": {}, "allow-anonymous": true }],
    });
    let setup = Setup::new()
        .empty_cluster("provider")
        .listener("api", configuration)
        .listener("without-paths", without_paths);
    let envoy = Envoy::start(&setup);
    let good = inline_token(&keys[0], "orders.read");
    let paths: Vec<&[u8]> = vec![
        b"/admin/../orders",
        b"/orders/..",
        b"/./healthz",
        b"/healthz/.",
        b"/%2e%2e/healthz",
        b"/.%2E/healthz",
        b"/%2e/healthz",
        b"//admin",
        b"/orders//1",
        b"/orders//",
        b"/%2fadmin",
        b"/orders%2F1",
        b"/orders\\1",
        b"/\\admin",
        b"/orders%5c1",
        b"/orders;jsessionid=1",
        b"/healthz;/../admin",
        b"/healthz%3B",
        b"/orders%00",
        b"/orders%0a",
        b"/orders%1F",
        b"/orders%7f",
        b"/orders%2500",
        b"/%252e%252e/admin",
        b"/%2561dmin",
        b"/orders%",
        b"/orders%2",
        b"/orders%zz",
        b"/orders%u0041",
        b"/orders%ff",
        b"/%c0%ae%c0%ae/admin",
        b"/orders%c3",
        b"/orders%ed%a0%80",
        // Some who ignore case read U+017F as `s`.
        b"/Ca%C5%BFe/1",
        b"/healthz;?a=b",
        b"/..?a=b",
    ];
    let mut wrong = Vec::new();
    for path in paths {
        let name = String::from_utf8_lossy(path).into_owned();
        let refusal = Refusal { status: 400, reason: "PathAmbiguous", message: "Bad request." };
        let request = Request::get("/").target(path).bearer(&good);
        let answered = envoy.send("api", request.clone());
        wrong.extend(envoy.judge(&answered, Some(refusal)).err().map(|fault| format!("{name}: {fault}")));
        // Where no rule matches by path, no path is ambiguous.
        let answered = envoy.send("without-paths", request);
        wrong.extend(envoy.judge(&answered, None).err().map(|fault| format!("{name}, without: {fault}")));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
    // These Envoy refuses by itself, before any filter.
    for path in [&b"/\xff"[..], b"/orders\xc3\xbc\xff", b"/..#", b"/orders\0", b"/orders\x01"] {
        let answered = envoy.send("without-paths", Request::get("/").target(path));
        assert_eq!((answered.response.status, answered.by_upstream), (400, false), "{path:?}");
    }
    for path in [
        "/orders?a=//..;%00%ff",
        "/orders/...",
        "/orders/..x",
        "/a+b",
        "/orders/?x=#y".split('#').next().unwrap(),
    ] {
        envoy.passes("api", Request::get(path).bearer(&good));
    }
}

#[test]
fn grpc_clients_are_told_in_grpc() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::Hs256).unwrap());
    let dark = Authority::plain("dark.example");
    let configuration = routed(&keys[0], &keys[1], &dark);
    let envoy = Envoy::start(&Setup::new().empty_cluster("provider").listener("api", configuration));
    let call = |path: &str| {
        let request =
            Request::new("POST", path).header("content-type", "application/grpc").header("te", "trailers");
        request.body([0, 0, 0, 0, 0])
    };
    let bearer = |path: &str, token: &str| call(path).bearer(token);
    envoy.passes("api", bearer("/pkg.Service/Call", &inline_token(&keys[0], "orders.read")));
    envoy.passes("api", call("/healthz"));
    for (request, status, message, reason) in [
        (call("/pkg.Service//Call"), "3", "Bad request.", "PathAmbiguous"),
        (call("/pkg.Service/Call"), "16", "Staff alone.", "TokenNotPresent"),
        (
            bearer("/admin/x", &inline_token(&keys[0], "orders.read")),
            "16",
            "Admins alone.",
            "TokenSignatureInvalid",
        ),
        (
            bearer("/pkg.Service/Call", &inline_token(&keys[0], "x")),
            "7",
            "Staff alone.",
            "TokenClaimValueNotAllowed",
        ),
        (bearer("/dark/Call", &token(&dark, "api")), "14", "Service unavailable.", "DiscoveryUnavailable"),
    ] {
        let request = request.header("host", "api.example");
        let answered = envoy.send("api", request);
        let headers = &answered.response.headers;
        let found = ["content-type", "grpc-status", "grpc-message"].map(|name| headers.text(name));
        assert_eq!(found, [Some("application/grpc"), Some(status), Some(message)], "{reason}");
        assert_eq!(answered.response.status, 200, "{reason}");
        assert_eq!(envoy.details(&answered.id), format!("validate_jwt{{{reason}}}"));
        assert!(envoy.upstream().seen(&answered.id).is_none(), "{reason}");
    }
}
