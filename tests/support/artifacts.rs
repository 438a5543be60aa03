//! Where the programs under test are, and what to do when one is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Envoy to test with; the variable `ENVOY` names another one.
pub(crate) fn envoy() -> PathBuf {
    let path = std::env::var_os("ENVOY")
        .map_or_else(|| project().join(".tools/envoy/envoy/_bin/envoy"), PathBuf::from);
    present(
        path,
        "there is no Envoy here: run `make test`, which installs it, or set ENVOY to an Envoy binary",
    )
}

/// Its version, major and minor.
pub(crate) fn envoy_version() -> (u32, u32) {
    let output = Command::new(envoy()).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // `<path>  version: <commit>/<version>/…`
    let version = text.split_once("version: ").and_then(|(_, rest)| rest.split('/').nth(1));
    let version = version.unwrap_or_else(|| panic!("Envoy's version in `{text}`"));
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// The module as it ships.
pub(crate) fn module() -> PathBuf {
    present(
        project().join("dist/validate_jwt.wasm"),
        "the module is not built: run `make wasm`, or `make test`",
    )
}

/// The module of `tests/probe/`.
pub(crate) fn probe() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    present(
        target.join("probe/wasm32-wasip1/release/validate_jwt_probe.wasm"),
        "the probe is not built: run `make probe`, or `make test`",
    )
}

/// The program that runs the real OpenID provider.
pub(crate) fn openid_provider() -> PathBuf {
    let directory = project().join("tests/openid-provider");
    present(
        directory.join("node_modules/oidc-provider"),
        "the OpenID provider is not installed: run `make test`, or `npm ci` in tests/openid-provider",
    );
    directory.join("provider.mjs")
}

fn present(path: PathBuf, remedy: &str) -> PathBuf {
    assert!(path.exists(), "{}: {remedy}", path.display());
    path
}
