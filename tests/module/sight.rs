//! How much of a request's head is read, and that a second `Authorization` header is seen however little that is.

use crate::host::{Copies, Host, Request};
use crate::provider::{Provider, policy, rsa_key, token};
use serde_json::{Value, json};

fn host(policy: &Value, copies: Copies) -> Host {
    let mut host = Provider::new(&[rsa_key()]).warm_host_with(policy);
    host.keep_copies(copies);
    host
}

/// How often all headers of this request are read; it must be let through.
fn reads(host: &mut Host, request: Request) -> usize {
    let before = host.head_reads();
    let stream = host.request(request);
    host.assert_allowed(stream);
    host.head_reads() - before
}

/// A refused request, on which it is tried.
fn refuse_one(host: &mut Host) {
    let before = host.head_reads();
    let stream = host.request(Request::with_token("x"));
    host.assert_refused(stream, 401, "JwtInvalid");
    assert_eq!(host.head_reads() - before, 1);
}

#[test]
fn where_copies_are_joined_one_header_is_read() {
    let mut host = host(&policy(), Copies::Joined);
    let good = token(rsa_key());
    assert_eq!(reads(&mut host, Request::with_token(&good)), 1, "it is not tried on a request that goes on");
    refuse_one(&mut host);
    for request in [Request::with_token(&good), Request::with_token(&good).grpc()] {
        assert_eq!(reads(&mut host, request), 0);
    }
    let before = host.head_reads();
    for (request, reason) in [
        (Request::get("/"), "TokenNotPresent"),
        (Request::with_token(""), "TokenNotPresent"),
        (Request::with_token("nonsense"), "JwtInvalid"),
        (Request::with_token(&good).bearer(&good), "JwtInvalid"),
        (Request::with_token(&good).bearer("x"), "JwtInvalid"),
        (Request::with_token("x").bearer(&good), "JwtInvalid"),
    ] {
        let stream = host.request(request.clone());
        let reply = host.assert_refused(stream, 401, reason);
        assert_eq!(reply.grpc_status, None);
        let stream = host.request(request.grpc());
        let reply = host.assert_refused(stream, 401, reason);
        assert_eq!(reply.grpc_status, Some(16));
    }
    assert_eq!(host.head_reads(), before);
}

#[test]
fn where_copies_stay_apart_every_header_is_read() {
    let mut host = host(&policy(), Copies::Apart);
    let good = token(rsa_key());
    refuse_one(&mut host);
    for second in ["Basic dXNlcjpwYXNz", "Bearer x", &format!("Bearer {good}")] {
        assert_eq!(reads(&mut host, Request::with_token(&good)), 1);
        let stream = host.request(Request::with_token(&good).copy("authorization", second));
        host.assert_refused(stream, 401, "JwtInvalid");
    }
}

#[test]
fn where_a_request_cannot_be_put_back_as_it_was_every_header_is_read() {
    let mut host = host(&policy(), Copies::Stuck);
    refuse_one(&mut host);
    assert_eq!(reads(&mut host, Request::with_token(&token(rsa_key()))), 1);
}

#[test]
fn where_the_header_cannot_be_written_nothing_is_tried() {
    let mut host = host(&policy(), Copies::Protected);
    refuse_one(&mut host);
    for _ in 0..2 {
        assert_eq!(reads(&mut host, Request::with_token(&token(rsa_key()))), 1);
    }
}

#[test]
fn what_looks_at_more_than_authorization_reads_every_header() {
    let with = |member: &str, value: Value| {
        let mut policy = policy();
        policy[member] = value;
        policy
    };
    let forward = json!({ "forward": { "claims-to-headers": [{ "claim": "oid", "header": "x-oid" }] } });
    let rules =
        json!([{ "match": { "methods": ["GET"] }, "policy": "one" }, { "match": {}, "policy": "one" }]);
    let single = policy();
    let several = json!({
        "policies": { "one": { "validate-jwt": single["validate-jwt"] } },
        "rules": rules,
        "clusters": single["clusters"],
    });
    let mut by_host = policy();
    by_host["validate-jwt"]["audiences"].as_array_mut().unwrap().push(json!("https://{request-host}"));
    let mut by_header = policy();
    by_header["validate-jwt"]["header-name"] = json!("X-Token");
    by_header["validate-jwt"].as_object_mut().unwrap().remove("require-scheme");
    for (name, policy) in [
        ("forwarding", with("options", forward)),
        ("preflights", with("allow-cors-preflight", json!(true))),
        ("rules", several),
        ("an audience of the host", by_host),
        ("another header", by_header),
    ] {
        let mut host = host(&policy, Copies::Joined);
        host.about = name.to_owned();
        let good = token(rsa_key());
        for _ in 0..3 {
            let before = host.head_reads();
            host.request(Request::with_token(&good).header("x-token", &good));
            assert_eq!(host.head_reads() - before, 1, "{name}");
        }
    }
}

#[test]
fn a_first_request_of_a_stranger_does_not_widen_the_sight_for_good() {
    let good = token(rsa_key());
    let with = |value: &[u8]| Request::get("/").header("authorization", value);
    for (name, first) in [
        ("nothing", Request::get("/")),
        ("an empty value", with(b"")),
        ("blanks", with(b" \t ")),
        ("bytes", with(b"\xff\xfe")),
        ("control characters", with(b"Bearer \0\n")),
        ("a comma", with(b",")),
        ("commas and blanks", with(b", ,")),
        ("what the trial adds", with(b"copy")),
        ("that as a list", with(b"copy,copy")),
        ("a value with blanks behind it", with(b"Bearer x  ")),
        ("60 KB", with(&vec![b'a'; 60_000])),
        ("two", with(b"Bearer x").bearer("y")),
    ] {
        let mut host = host(&policy(), Copies::Joined);
        host.about = name.to_owned();
        host.request(first);
        host.request(Request::with_token("x"));
        assert_eq!(reads(&mut host, Request::with_token(&good)), 0, "{name}");
    }
}
