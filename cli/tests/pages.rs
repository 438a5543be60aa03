//! Help texts, completions and manual pages of the command line tool.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
    let output = command.args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The same on every run, or `UPDATE_GOLDEN` in the environment takes what there is.
fn assert_golden(name: &str, told: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/help").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&path).unwrap(), "{}", path.display());
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let (code, help) = run(&["--help"]);
    assert_eq!(code, 0);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_a_page_and_a_help_text() {
    let (_, page) = run(&["man"]);
    assert!(page.contains(".TH validate-jwt 1"), "{page}");
    for name in commands() {
        assert!(page.contains(&format!("validate\\-jwt\\-{name}(1)")), "{name}\n{page}");
        let (code, own) = run(&["man", &name]);
        assert_eq!(code, 0);
        assert!(own.contains(&format!(".TH validate-jwt-{name} 1")), "{own}");
        assert!(run(&[&name, "--help"]).1.contains("Usage: validate-jwt "), "{name}");
    }
    assert_eq!(run(&["man", "nothing"]).0, 1);
}

#[test]
fn help_texts_have_examples() {
    for name in ["check", "explain", "completions", "man"] {
        let (_, help) = run(&[name, "--help"]);
        assert!(help.contains("Examples:\n  "), "{help}");
        assert_golden(&format!("{name}.txt"), &help);
    }
}

#[test]
fn the_page_of_explain_names_options_and_exit_codes() {
    let (_, page) = run(&["man", "explain"]);
    for said in ["\\-\\-config", "\\-\\-token", "\\-\\-fetch", "Exit code: 0 the request passes", "Examples:"]
    {
        assert!(page.contains(said), "{said}\n{page}");
    }
}

#[test]
fn completions_know_the_commands_and_their_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script) = run(&["completions", shell]);
        assert_eq!(code, 0);
        for word in commands().iter().map(String::as_str).chain(["assume-env", "keys"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).0, 1);
    // What bash takes for a script.
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(run(&["completions", "bash"]).1.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}
