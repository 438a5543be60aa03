//! What `make run` starts, whole: the playground with a real Envoy and the built filter. Every request that it prints is
//! sent, and does what is printed beside it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "helpers of tests, which may fail loudly"
)]

#[path = "support/ports.rs"]
mod ports;
#[path = "support/samples.rs"]
mod samples;
mod support;

use ports::base_port;
use samples::printed;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::{DEADLINE, Running};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn envoy() -> PathBuf {
    let installed = || root().join(".tools/envoy/envoy/_bin/envoy");
    let envoy = std::env::var_os("ENVOY").map_or_else(installed, PathBuf::from);
    let module = root().join("dist/validate_jwt.wasm");
    for file in [&envoy, &module] {
        assert!(
            file.exists(),
            "{} is missing; `make test` builds and installs what the tests need",
            file.display()
        );
    }
    envoy
}

/// The head and the body of the answer.
fn get(port: u16, path: &str, token: Option<&str>) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let authorization = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn every_printed_request_does_what_is_printed_beside_it() {
    let base = base_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_playground"));
    command
        .current_dir(root())
        .arg("--envoy")
        .arg(envoy())
        .args(["--config", "envoy/local.yaml"])
        .env("PLAYGROUND_BASE_PORT", base.to_string())
        .stdin(Stdio::null());
    let mut running = Running::start(command);
    running.wait_for_line("waiting until Envoy");
    let samples = printed(&mut running, base);

    assert_eq!(samples[0].path, "/", "the first request shows the way in");
    let (mut passed, mut refused) = (0, 0);
    for sample in &samples {
        let (head, body) = get(base, &sample.path, sample.token.as_deref());
        let reason =
            sample.comment.split_once("validate_jwt{").map(|(_, reason)| reason.trim_end_matches('}'));
        match reason {
            None => {
                assert!(head.starts_with("HTTP/1.1 200 "), "{}: {head}", sample.comment);
                assert!(body.contains("\"authorization\""), "the upstream says what it was sent: {body}");
                passed += 1;
            }
            Some(reason) => {
                assert!(head.starts_with("HTTP/1.1 401 "), "{}: {head}", sample.comment);
                assert!(body.starts_with(r#"{"statusCode":401,"message":""#), "{}: {body}", sample.comment);
                let line = format!("GET {} 401 validate_jwt{{{reason}}}", sample.path);
                running.wait_for_line(&line);
                refused += 1;
            }
        }
    }
    assert!(passed >= 4 && refused >= 10, "{passed} pass, {refused} are refused");
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(0));
}
