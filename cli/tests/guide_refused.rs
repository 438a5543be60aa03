//! `docs/guides/when-a-token-is-refused.md`: each of its commands is run, and prints what stands below it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use validate_jwt_cli::issuer::contoso::{
    EXTERNAL_ID_API, EXTERNAL_ID_CLIENT, EXTERNAL_ID_HOST, EXTERNAL_ID_TENANT,
};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// The time in the guide.
const NOW: i64 = 1_700_000_000;

/// The files that the commands name.
fn files() -> Vec<(&'static str, String)> {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("key-1");
    let token = |issuer: &str, more: &Value| {
        let mut claims =
            json!({ "iss": issuer, "tid": EXTERNAL_ID_TENANT, "exp": NOW + 3600, "nbf": NOW - 60 });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.sign(&json!({ "alg": "RS256", "kid": "key-1", "typ": "JWT" }), &claims).unwrap()
    };
    let own = format!("https://{EXTERNAL_ID_TENANT}.ciamlogin.com/{EXTERNAL_ID_TENANT}");
    let version_1 =
        json!({ "ver": "1.0", "aud": format!("api://{EXTERNAL_ID_API}"), "appid": EXTERNAL_ID_CLIENT });
    let version_2 = json!({ "ver": "2.0", "aud": EXTERNAL_ID_API, "azp": EXTERNAL_ID_CLIENT });
    let policy = json!({
        "validate-azure-ad-token": { "tenant-id": EXTERNAL_ID_TENANT, "audiences": [EXTERNAL_ID_API] },
        "clusters": { "login.microsoftonline.com": "entra" },
    });
    let keys = json!({ "keys": [key.jwk()] });
    let workforce = format!("https://login.microsoftonline.com/{EXTERNAL_ID_TENANT}");
    let document = |issuer: &str, keys: &str| json!({ "issuer": issuer, "jwks_uri": keys });
    let documents = json!({
        format!("{workforce}/v2.0/.well-known/openid-configuration"):
            document(&format!("{workforce}/v2.0"), &format!("{workforce}/discovery/v2.0/keys")),
        format!("{workforce}/.well-known/openid-configuration"):
            document(&format!("https://sts.windows.net/{EXTERNAL_ID_TENANT}/"), &format!("{workforce}/discovery/keys")),
        format!("{workforce}/discovery/v2.0/keys"): keys,
        format!("{workforce}/discovery/keys"): keys,
        format!("https://{EXTERNAL_ID_HOST}/{EXTERNAL_ID_TENANT}/v2.0/.well-known/openid-configuration"):
            document(&format!("{own}/v2.0"), &format!("{own}/discovery/v2.0/keys")),
        format!("{own}/discovery/v2.0/keys"): keys,
    });
    vec![
        ("policy.json", policy.to_string()),
        ("documents.json", documents.to_string()),
        ("token.txt", token(&format!("{own}/"), &version_1)),
        ("new-token.txt", token(&format!("{own}/v2.0"), &version_2)),
        ("external-id.json", fs::read_to_string(project().join("filter-config/external-id.json")).unwrap()),
    ]
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn every_command_prints_what_the_guide_says() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guide-refused");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in files() {
        fs::write(folder.join(name), content).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_validate-jwt")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var_os("PATH").unwrap().display());
    let guide = project().join("docs/guides/when-a-token-is-refused.md");
    let text = fs::read_to_string(&guide).unwrap();
    let (mut told, mut count) = (String::new(), 0);
    let mut rest = text.as_str();
    while let Some((before, block)) = rest.split_once("```sh\n") {
        let (command, after) = block.split_once("```\n\n```text\n").unwrap();
        let (_, after) = after.split_once("```").unwrap();
        let output = Command::new("bash")
            .args(["-c", command])
            .current_dir(&folder)
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        write!(told, "{before}```sh\n{command}```\n\n```text\n{printed}```").unwrap();
        count += 1;
        rest = after;
    }
    told += rest;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&guide, &told).unwrap();
    }
    assert_eq!(count, 3);
    assert_eq!(told, fs::read_to_string(&guide).unwrap());
}
