//! The guides of `docs/guides/`: every block of commands is run, in order, in an empty folder, and writes what the guide shows
//! below it. The ports are others.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "helpers of tests, which may fail loudly"
)]

#[path = "support/ports.rs"]
mod ports;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ports::base_port;
use validate_jwt::config::Configuration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A fenced block of a guide.
struct Block<'g> {
    language: &'g str,
    text: &'g str,
}

fn blocks(guide: &str) -> Vec<Block<'_>> {
    let fenced = guide.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            Block { language, text }
        })
        .collect()
}

/// Stands between what the blocks write.
const BOUNDARY: &str = "----- end of a block -----";

/// Runs the blocks of commands, each in the shell that the one before has left, and returns what each wrote.
fn run(commands: &[String], folder: &Path) -> Vec<String> {
    let root = root();
    let installed = || root.join(".tools/envoy/envoy/_bin/envoy");
    let envoy = env::var_os("ENVOY").map_or_else(installed, PathBuf::from);
    for file in [&envoy, &root.join("dist/validate_jwt.wasm")] {
        assert!(file.exists(), "{}: `make test` builds and installs what the tests need", file.display());
    }
    let program = Path::new(env!("CARGO_BIN_EXE_validate-jwt")).parent().unwrap();
    let paths = env::split_paths(&env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let paths = env::join_paths([program.to_owned()].into_iter().chain(paths)).unwrap();
    // Job control, so that `kill %1` ends what it is meant to; what a failure leaves running ends with the shell.
    let mut script = "set -euo pipefail; set -m; exec 2>&1\n\
                      trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
        .to_owned();
    script.extend(commands.iter().flat_map(|block| [block, "\necho '", BOUNDARY, "'\n"]));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env("SOURCE", &root)
        .env("ENVOY", &envoy)
        .env("PATH", paths)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut written: Vec<_> = text.split(BOUNDARY).map(str::to_owned).collect();
    let rest = written.pop();
    assert!(output.status.success(), "{}: {written:#?}{rest:?}", output.status);
    written
}

/// What the guide shows below a block stands there, line by line and in order; there may be more.
fn shows(written: &str, shown: &str, what: &str) {
    let mut lines = written.lines();
    for line in shown.lines() {
        assert!(
            lines.any(|written| written.trim_end() == line),
            "{what}\nhas no line\n{line}\nin\n{written}"
        );
    }
}

#[test]
fn from_apim_to_envoy() {
    let guide = fs::read_to_string(root().join("docs/guides/from-apim-to-envoy.md")).unwrap();
    let base = base_port();
    let port = |text: &str| {
        [8443, 8080, 9901, 10001].iter().zip(base..).fold(text.to_owned(), |text, (shown, free)| {
            text.replace(&format!("127.0.0.1:{shown}"), &format!("127.0.0.1:{free}"))
                .replace(&format!("127.0.0.1 {shown}"), &format!("127.0.0.1 {free}"))
                .replace(&format!("port_value: {shown}"), &format!("port_value: {free}"))
        })
    };
    // The ports that the shipped configuration has.
    let ports = [8443, 8080, 9901].iter().zip(base..).fold("sed -i.bak".to_owned(), |sed, (shown, free)| {
        format!("{sed} -e 's/port_value: {shown} /port_value: {free} /'")
    });
    let blocks = blocks(&guide);
    let commands: Vec<_> = blocks
        .iter()
        .filter(|block| block.language == "sh")
        .map(|block| {
            let made = block.text.contains(">envoy.yaml");
            port(block.text) + &if made { format!("\n{ports} envoy.yaml") } else { String::new() }
        })
        .collect();
    assert!(commands.len() >= 10, "{} blocks of commands", commands.len());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("guide-{base}"));
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();

    let mut written = run(&commands, &folder).into_iter();
    let (mut last, mut compared) = (String::new(), 0);
    for block in &blocks {
        match block.language {
            "sh" => last = written.next().unwrap(),
            "text" | "json" => {
                shows(&last, block.text, block.text);
                compared += 1;
            }
            _ => assert_eq!(block.language, "console"),
        }
        if block.language == "json" {
            assert!(Configuration::parse(block.text.as_bytes(), &|_| None).is_ok(), "{}", block.text);
        }
    }
    assert!(compared >= 7, "{compared} outputs");
    fs::remove_dir_all(&folder).unwrap();
}
