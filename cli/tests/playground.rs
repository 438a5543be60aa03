//! The playground as a process, with a stand-in for Envoy: what it prints, and how it starts and ends.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests, which may fail loudly"
)]

#[path = "support/http.rs"]
mod http;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/samples.rs"]
mod samples;
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::http;
use ports::base_port;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use samples::printed;
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::Running;

const OID: &str = "/.well-known/openid-configuration";

fn playground(base: u16, mode: &str) -> Command {
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("playground-{base}.yaml"));
    std::fs::write(&config, format!("mode: {mode}\nport_value: 10000\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_playground"));
    command
        .args(["--envoy", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/envoy.py"), "--config"])
        .arg(config)
        .env("PLAYGROUND_BASE_PORT", base.to_string())
        .stdin(Stdio::null());
    command
}

#[test]
fn prints_requests_that_pass_and_requests_that_fail() {
    let base = base_port();
    let mut running = Running::start(playground(base, "good"));
    running.wait_for_line("stand-in");
    let samples = printed(&mut running, base);
    let issuer = format!("127.0.0.1:{}", base + 1);

    let (pass, fail): (Vec<_>, Vec<_>) =
        samples.iter().partition(|sample| !sample.comment.contains("validate_jwt{"));
    let paths: Vec<&str> = pass.iter().map(|sample| sample.path.as_str()).collect();
    assert_eq!(paths, ["/", "/b2c", "/b2c", "/external-id"]);
    let places = [
        ("login.microsoftonline.com", "/11111111-2222-3333-4444-555555555555/v2.0"),
        ("contoso.b2clogin.com", "/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0"),
        ("contoso.b2clogin.com", "/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0"),
        ("contoso.ciamlogin.com", "/00044076-b4b5-4404-b01f-00ee0c08e825/v2.0"),
    ];
    for (sample, (host, path)) in pass.iter().zip(places) {
        let token = sample.token.as_ref().unwrap();
        assert!(verifies(&issuer, host, path, token), "{}", sample.comment);
        let claims = read(token, 1);
        let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert!(lifetime > 4 * 3600, "{lifetime}");
    }

    let (host, path) = places[0];
    for (reason, signed) in [
        ("TokenExpired", true),
        ("TokenIssuerNotAllowed", true),
        ("TokenAudienceNotAllowed", true),
        ("TokenClaimValueNotAllowed", true),
        ("TokenClaimNotFound", true),
        ("TokenSignatureInvalid", false),
    ] {
        let sample = fail.iter().find(|sample| sample.comment.contains(reason)).unwrap();
        assert_eq!(sample.path, "/");
        assert_eq!(verifies(&issuer, host, path, sample.token.as_ref().unwrap()), signed, "{reason}");
    }
    let token =
        |reason: &str| fail.iter().find(|sample| sample.comment.contains(reason)).unwrap().token.as_deref();
    assert_eq!(token("TokenNotPresent"), None);
    assert_eq!(key(&issuer, host, path, token("TokenSignatureKeyNotFound").unwrap()), None);
    assert_eq!(read(token("TokenAlgorithmNotAllowed").unwrap(), 0)["alg"], "none");

    let echo = http(&format!("127.0.0.1:{}", base + 2), "POST", "/x?y=z", "api.contoso.com", "");
    assert_eq!((echo.status, echo.header("content-type")), (200, "application/json"));
    let echo: Value = serde_json::from_str(&echo.body).unwrap();
    assert_eq!((&echo["method"], &echo["path"]), (&"POST".into(), &"/x?y=z".into()));
    assert_eq!(echo["headers"]["host"], "api.contoso.com");

    running.signal("INT");
    assert_eq!(running.wait().code(), Some(0));
    for port in base..base + 4 {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "port {port} is still served");
    }
}

#[test]
fn stops_politely_while_it_waits_for_envoy() {
    let mut running = Running::start(playground(base_port(), "silent"));
    running.wait_for_line("stand-in");
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn envoy_does_not_outlive_a_playground_that_is_killed() {
    let mut running = Running::start(playground(base_port(), "silent"));
    running.wait_for_line("stand-in");
    running.signal("KILL");
    assert_eq!(running.wait().code(), None);
}

#[test]
fn reports_the_last_words_of_an_envoy_that_dies() {
    let output = playground(base_port(), "dies").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let (log, report) = error.split_once("playground: Envoy ended by itself").unwrap();
    assert!(log.contains("word 0\n"), "the whole log is passed on: {log}");
    assert!(report.contains("exit status: 3"), "{report}");
    assert!(report.contains("  word 29") && !report.contains("word 9\n"), "{report}");
}

#[test]
fn names_a_port_that_is_taken_before_it_starts_anything() {
    let base = base_port();
    for port in base..base + 4 {
        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let output = playground(base, "good").output().unwrap();
        drop(taken);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
        assert!(error.contains("PLAYGROUND_BASE_PORT=20000 make run"), "{error}");
        let progress = String::from_utf8(output.stdout).unwrap();
        assert_eq!(progress, "playground: checking the ports\n");
    }
}

#[test]
fn says_what_is_missing() {
    let base = base_port().to_string();
    let run = |envoy: &str, config: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_playground"));
        command.args(["--envoy", envoy, "--config", config, "--base-port", &base]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = run("/nonexistent/envoy", "/nonexistent/local.yaml");
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("cannot read /nonexistent/local.yaml"), "{error}");
    let (code, error) = run("/nonexistent/envoy", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("no program at /nonexistent/envoy"), "{error}");
}

/// Whether a key that the issuer publishes made the signature.
fn verifies(issuer: &str, host: &str, path: &str, token: &str) -> bool {
    let jwk = key(issuer, host, path, token).unwrap();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: member("n"), e: member("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .is_ok()
}

/// The published key that the token names.
fn key(issuer: &str, host: &str, path: &str, token: &str) -> Option<Value> {
    let document: Value =
        serde_json::from_str(&http(issuer, "GET", &format!("{path}{OID}"), host, "").body).unwrap();
    let uri = document["jwks_uri"].as_str().unwrap();
    let keys = uri.strip_prefix("https://").unwrap().strip_prefix(host).unwrap();
    let set: Value = serde_json::from_str(&http(issuer, "GET", keys, host, "").body).unwrap();
    let kid = read(token, 0)["kid"].clone();
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).cloned()
}

fn read(token: &str, part: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap()).unwrap()
}
