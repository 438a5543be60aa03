//! `validate-jwt check` as a process: what it prints, and its exit codes.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn check(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
    command.arg("check").args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_configuration_is_fine_with_warnings_too() {
    let (code, out, _) = told(&check(&["filter-config/b2c.json", "filter-config/entra-workforce.json"], ""));
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.starts_with(
            "filter-config/b2c.json: ok\nfilter-config/entra-workforce.json: ok, with a warning\n"
        ),
        "{out}"
    );
}

#[test]
fn one_that_the_filter_refuses_ends_with_3_beside_good_ones() {
    let bad = r#"{ "validate-jwt": { "header-name": "Authorization" } }"#;
    let (code, out, _) = told(&check(&["-", "filter-config/b2c.json"], bad));
    assert_eq!(
        (code, out.as_str()),
        (
            Some(3),
            "standard input: error: validate-jwt: has no keys, so that no token could pass; add `openid-config`, \
             `issuer-signing-keys` or `options.jwks`\nfilter-config/b2c.json: ok\n"
        )
    );
    let (code, out, _) = told(&check(&["--format", "json", "-"], bad));
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["files"][0]["loads"]), (Some(3), &false.into()));
}

#[test]
fn files_that_are_not_there_and_wrong_arguments_end_with_1() {
    let (code, out, _) = told(&check(&["filter-config/none.json", "filter-config/b2c.json"], ""));
    assert_eq!(code, Some(1));
    assert!(out.starts_with("filter-config/none.json: error: No such file"), "{out}");
    assert!(out.ends_with("filter-config/b2c.json: ok\n"), "{out}");
    let (code, out, _) = told(&check(&["filter-config/none.json", "-"], "{}"));
    assert_eq!((code, out.lines().count()), (Some(3), 2), "a configuration is refused, whatever else: {out}");
    let (code, out, _) = told(&check(&["--format", "json", "filter-config/none.json"], ""));
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["files"][0]["loads"]), (Some(1), &false.into()));
    assert!(document["files"][0]["error"].as_str().unwrap().starts_with("No such file"), "{out}");
    assert_eq!(told(&check(&[], "")).0, Some(1));
    assert_eq!(told(&check(&["--help"], "")).0, Some(0));
}
