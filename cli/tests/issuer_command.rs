//! `validate-jwt issuer` as a process: what it serves over HTTP, and how it starts and ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

#[path = "support/http.rs"]
mod http;
mod support;

use http::http;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use support::Running;

fn issuer(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
    command.args(["issuer", "--listen", listen]).stdin(Stdio::null());
    command
}

#[test]
fn serves_documents_by_host_and_mints_tokens_until_interrupted() {
    // One process for all of it: its start, the making of keys, is the expensive part.
    let mut running = Running::start(issuer("127.0.0.1:0"));
    let line = running.wait_for_line("Local OpenID issuer on http://");
    let address = line.split("http://").nth(1).unwrap().split(". ").next().unwrap().to_owned();
    running.wait_for_line("Ctrl-C");

    let oid = "/.well-known/openid-configuration";
    let answer = http(&address, "GET", &format!("/common/v2.0{oid}"), "login.microsoftonline.com", "");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json; charset=utf-8"));
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["issuer"], "https://login.microsoftonline.com/{tenantid}/v2.0");

    let answer = http(&address, "GET", oid, "localhost:9", "");
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["issuer"], "http://localhost:9");

    let answer = http(&address, "GET", "/nothing", "contoso.b2clogin.com", "");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("/{tenant}/{policy}/v2.0/"), "{}", answer.body);

    let answer = http(&address, "GET", "/", "localhost", "");
    assert!(answer.status == 200 && answer.body.contains("POST /mint"), "{}", answer.body);
    assert_eq!(http(&address, "GET", oid, "a/b", "").status, 400);
    assert_eq!(http(&address, "DELETE", oid, "localhost", "").status, 405);
    assert_eq!(http(&address, "GET", "/mint", "localhost", "").header("allow"), "POST");

    for (host, wish) in [
        ("localhost", r#"{"shape":"entra-v2","claims":{"roles":null},"header":{"typ":"x"},"expires-in":-5}"#),
        ("idp.example", r#"{"shape":"plain"}"#),
    ] {
        let answer = http(&address, "POST", "/mint", host, wish);
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.body);
        assert_eq!(answer.body.split('.').count(), 3, "{}", answer.body);
    }
    for (wish, status, hint) in [
        ("{", 400, "POST /mint takes"),
        (r#"{"shape":"entra"}"#, 400, "`entra-v2`"),
        (r#"{"shape":"b2c","claim":{}}"#, 400, "unknown field `claim`"),
        (r#"{"shape":"b2c","tenant":"contoso"}"#, 400, "is not a GUID"),
        (&format!(r#"{{"shape":"b2c","claims":{{"x":"{}"}}}}"#, "y".repeat(70_000)), 413, "65536 bytes"),
    ] {
        let answer = http(&address, "POST", "/mint", "localhost", wish);
        assert_eq!(answer.status, status);
        assert!(answer.body.contains(hint), "{hint}: {}", answer.body);
    }

    let taken = issuer(&address).output().unwrap();
    let error = String::from_utf8(taken.stderr).unwrap();
    let port = address.rsplit(':').next().unwrap();
    assert_eq!(taken.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("port {port} is taken")) && error.contains("--listen"), "{error}");

    running.signal("INT");
    assert_eq!(running.wait().code(), Some(0));
    TcpListener::bind(&address).unwrap();
}
