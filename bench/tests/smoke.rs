//! That the benchmark works, with few requests: what it says of them is worth nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helper is a test's"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Runs the program with the cheapest meter, and gives what it printed.
fn run(command: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let envoy = std::env::var_os("ENVOY")
        .map_or_else(|| project.join(".tools/envoy/envoy/_bin/envoy"), PathBuf::from);
    let modules =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("probe/wasm32-wasip1/release");
    let race = modules.join("validate_jwt_bench_race.wasm");
    for (path, remedy) in [(&envoy, "make test"), (&race, "make bench-modules")] {
        assert!(path.exists(), "{} is missing: run `{remedy}`", path.display());
    }
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([command, "--effort", "smoke", "--meter", "cpu-time", "--filter"])
        .arg(project.join("dist/validate_jwt.wasm"))
        .arg("--floor")
        .arg(modules.join("floor.wasm"))
        .arg("--race")
        .arg(race)
        .arg("--envoy")
        .arg(envoy)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The program itself ends with an error where a listener does not decide as it should.
#[test]
fn every_listener_is_measured() {
    let text = run("compare");
    for label in [
        "| no filter ",
        "| jwt_authn ",
        "| jwt_authn, token cache ",
        "| validate-jwt ",
        "| empty wasm filter ",
        "| wasm, reads the header ",
        "| ext_authz service ",
    ] {
        assert_eq!(text.matches(label).count(), 6, "`{label}`, hot and cold by three algorithms: {text}");
    }
    for part in ["every listener decides as it should", "| crate rsa 0.9 ", "Targets:", "not judged by time"]
    {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn growth_is_measured() {
    let text = run("growth");
    for part in ["| policies |", "| 3        |", "| live tokens |", "| workers |"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
