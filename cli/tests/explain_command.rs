//! `validate-jwt explain` as a process: what it prints of a request, what it never prints, and its exit codes.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/http.rs"]
mod http;
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;
use support::Running;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const AT: &str = "2023-11-14T22:13:20Z";
const NOW: i64 = 1_700_000_000;
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CUSTOMERS: &str = "00044076-b4b5-4404-b01f-00ee0c08e825";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("key-1"));

/// A folder of this test, with files in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, String)]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("explain-{name}"));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        Self(folder)
    }

    /// Exit code, standard output and standard error.
    fn explain(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
        command.arg("explain").args(arguments).current_dir(&self.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone.
        let _ignored = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn token(claims: &Value) -> String {
    KEY.sign(&json!({ "alg": "RS256", "kid": "key-1", "typ": "JWT" }), claims).unwrap()
}

/// What Entra publishes for a tenant.
fn documents(tenant: &str) -> Value {
    let host = "https://login.microsoftonline.com";
    let keys = json!({ "keys": [KEY.jwk()] });
    json!({
        format!("{host}/{tenant}/v2.0/.well-known/openid-configuration"):
            { "issuer": format!("{host}/{tenant}/v2.0"), "jwks_uri": format!("{host}/{tenant}/discovery/v2.0/keys") },
        format!("{host}/{tenant}/discovery/v2.0/keys"): keys,
        format!("{host}/{tenant}/.well-known/openid-configuration"):
            { "issuer": format!("https://sts.windows.net/{tenant}/"), "jwks_uri": format!("{host}/{tenant}/discovery/keys") },
        format!("{host}/{tenant}/discovery/keys"): keys,
    })
}

fn policy(tenant: &str) -> Value {
    json!({
        "validate-azure-ad-token": {
            "tenant-id": tenant,
            "audiences": [API],
            "required-claims": [{ "name": "roles", "values": ["Api.Access"] }],
        },
        "clusters": { "login.microsoftonline.com": "entra" },
    })
}

fn claims(more: &Value) -> Value {
    let mut claims = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "tid": TENANT, "ver": "2.0", "aud": API,
        "azp": "9d4c7a52-3f0b-4e5e-8a6d-1c2b3a495867", "roles": ["Api.Access"], "exp": NOW + 3600, "nbf": NOW - 60,
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn folder(name: &str) -> Folder {
    Folder::new(
        name,
        &[("policy.json", policy(TENANT).to_string()), ("documents.json", documents(TENANT).to_string())],
    )
}

/// The same on every run, or `UPDATE_GOLDEN` in the environment takes what there is.
fn assert_golden(name: &str, told: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/explain").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[test]
fn the_story_of_external_id_comes_out_with_its_remedy() {
    // The token of the seeds: a tenant for customers, validate-azure-ad-token, 401, `Issuer is not valid`.
    let issuer = format!("https://{CUSTOMERS}.ciamlogin.com/{CUSTOMERS}/");
    let claims = json!({
        "iss": issuer, "tid": CUSTOMERS, "ver": "1.0", "aud": format!("api://{API}"),
        "appid": "a3f5c2d1-7b8e-4c9d-a0e1-f2b3c4d5e6f7", "exp": NOW + 3600, "nbf": NOW - 60,
    });
    let folder = Folder::new(
        "external-id",
        &[
            (
                "policy.json",
                json!({
                    "validate-azure-ad-token": { "tenant-id": CUSTOMERS, "audiences": [API] },
                    "clusters": { "login.microsoftonline.com": "entra" },
                })
                .to_string(),
            ),
            ("documents.json", documents(CUSTOMERS).to_string()),
        ],
    );
    let token = token(&claims);
    let arguments = [
        "--config",
        "policy.json",
        "--token",
        "-",
        "--at",
        AT,
        "--path",
        "/orders",
        "--host",
        "api.contoso.com",
    ];
    let with_keys = [arguments.as_slice(), &["--keys", "documents.json"]].concat();
    let (code, told, _) = folder.explain(&with_keys, &token);
    assert_eq!(code, 2, "{told}");
    assert_golden("external-id.txt", &told);
    assert!(told.starts_with("refused: TokenIssuerNotAllowed"), "{told}");
    assert!(told.contains("Issuer is not valid") && told.contains("use `validate-jwt`"), "{told}");
    // Without documents as well: the hint needs none.
    let (_, told, _) = folder.explain(&arguments, &token);
    assert!(told.contains("hint H8") && !told.contains("  pass         iss"), "{told}");
    let json = [with_keys.as_slice(), &["--format", "json"]].concat();
    let (code, told, _) = folder.explain(&json, &token);
    assert_eq!(code, 2);
    assert_golden("external-id.json", &told);
    let document: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&document["decision"], &document["reason"]),
        (&json!("deny"), &json!("TokenIssuerNotAllowed"))
    );
    assert_eq!(document["policies"][0]["hints"][0]["id"], "H8");
}

#[test]
fn a_good_token_passes_and_ends_with_0() {
    let folder = folder("good");
    let token = token(&claims(&json!({})));
    let (code, told, _) = folder
        .explain(&["--config", "policy.json", "--token", &token, "--keys", "documents.json", "--at", AT], "");
    assert_eq!(code, 0, "{told}");
    assert_golden("good.txt", &told);
    let keys = Folder::new("good", &[("keys.json", json!({ "keys": [KEY.jwk()] }).to_string())]);
    let (code, told, _) = keys.explain(
        &["--config", "policy.json", "--token", "-", "--keys", "keys.json", "--at", "1700000000"],
        &token,
    );
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("the issuer is taken from the URL"), "{told}");
}

#[test]
fn what_is_known_without_keys_is_told_and_the_signature_is_not_verified() {
    let folder = folder("keyless");
    let token_of = |more: &Value| token(&claims(more));
    let explain = |more: &Value| {
        folder.explain(&["--config", "policy.json", "--token", &token_of(more), "--at", AT], "")
    };
    let (code, told, _) = explain(&json!({}));
    assert_eq!(code, 1, "{told}");
    assert!(told.starts_with("undecided: the keys are not there"), "{told}");
    assert!(told.contains("The signature is NOT verified"), "{told}");
    assert!(!told.contains("  pass         aud"), "{told}");
    let (code, told, _) = explain(&json!({ "aud": "other" }));
    assert_eq!(code, 2, "{told}");
    assert!(
        told.starts_with("refused: whatever the keys say, at the latest for TokenAudienceNotAllowed"),
        "{told}"
    );
}

#[test]
fn neither_signature_nor_token_nor_key_is_printed_and_nothing_that_moves_a_cursor() {
    let secret = "QW5kIHRoaXMgaXMgbm9uZSwgZWl0aGVyOiBpdCBzdGFuZHMgaW4gYSB0ZXN0";
    let mut policy = json!({ "validate-jwt": {
        "query-parameter-name": "t", "issuer-signing-keys": [{ "id": "s", "value": secret }], "audiences": ["a"],
    } });
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}";
    let token = token(&json!({ "iss": evil, "aud": evil, "exp": NOW, "sub": evil }));
    let parts: Vec<_> = token.split('.').collect();
    for place in ["query-parameter-name", "header-name"] {
        policy["validate-jwt"].as_object_mut().unwrap().remove("query-parameter-name");
        policy["validate-jwt"][place] = json!("t");
        let folder = Folder::new("secrets", &[("policy.json", policy.to_string())]);
        policy["validate-jwt"].as_object_mut().unwrap().remove(place);
        for format in ["text", "json"] {
            let (code, told, error) = folder.explain(
                &[
                    "--config",
                    "policy.json",
                    "--token",
                    &token,
                    "--at",
                    AT,
                    "--format",
                    format,
                    "--path",
                    "/a?b=c",
                    "--host",
                    evil,
                ],
                "",
            );
            assert_eq!(code, 2, "{told}{error}");
            for secret in [parts[1], parts[2], token.as_str(), secret] {
                assert!(!told.contains(secret) && !error.contains(secret), "{told}{error}");
            }
            let is_plain =
                |character: char| character == '\n' || character == '…' || (' '..='~').contains(&character);
            assert!(told.chars().all(is_plain), "{told:?}");
        }
    }
}

#[test]
fn the_token_is_read_where_the_policy_looks() {
    let folder = folder("request");
    let token = token(&claims(&json!({})));
    let head =
        format!("GET /orders HTTP/1.1\r\nHost: api.contoso.com\r\nAuthorization: Bearer {token}\r\n\r\nbody");
    let curl = format!(
        "* Connected\n> GET /orders HTTP/1.1\n> Host: api.contoso.com\n> authorization: Bearer {token}\n>\n< HTTP/1.1 401\n"
    );
    let arguments = ["--config", "policy.json", "--keys", "documents.json", "--at", AT, "--request", "-"];
    for request in [head, curl] {
        let (code, told, error) = folder.explain(&arguments, &request);
        assert_eq!(code, 0, "{told}{error}");
        assert!(told.contains("request  GET /orders, host \"api.contoso.com\""), "{told}");
    }
    let header = format!("authorization: Bearer {token}");
    let (code, _, _) = folder.explain(
        &["--config", "policy.json", "--keys", "documents.json", "--at", AT, "--header", &header],
        "",
    );
    assert_eq!(code, 0);
    let (code, told, _) = folder.explain(&["--config", "policy.json", "--at", AT], "");
    assert_eq!(code, 2);
    assert!(told.starts_with("refused: TokenNotPresent"), "{told}");
    let (code, _, error) =
        folder.explain(&["--config", "policy.json", "--header", &header, "--token", &token], "");
    assert_eq!(code, 1, "{error}");
}

#[test]
fn rules_choose_by_path_method_and_host() {
    let mut policies = json!({
        "policies": {
            "staff": policy(TENANT),
            "device": { "validate-jwt": { "header-name": "x-device", "audiences": ["d"],
                "issuer-signing-keys": [{ "value": "QW5kIHRoaXMgaXMgbm9uZSwgZWl0aGVyOiBpdCBzdGFuZHMgaW4gYSB0ZXN0" }] } },
            "either": { "any-of": ["staff", "device"] },
        },
        "rules": [
            { "match": { "path": "/healthz" }, "allow-anonymous": true },
            { "match": { "path-prefix": "/a", "methods": ["POST"], "hosts": ["api.example"] }, "policy": "either", "allow-missing": true },
            { "match": {}, "policy": "staff" },
        ],
        "clusters": { "login.microsoftonline.com": "entra" },
    });
    policies["policies"]["staff"].as_object_mut().unwrap().remove("clusters");
    let folder = Folder::new(
        "rules",
        &[("policy.json", policies.to_string()), ("documents.json", documents(TENANT).to_string())],
    );
    let token = token(&claims(&json!({})));
    let explain = |more: &[&str]| {
        let base = ["--config", "policy.json", "--keys", "documents.json", "--at", AT];
        folder.explain(&[base.as_slice(), more].concat(), "")
    };
    for (arguments, code, rule) in [
        (vec!["--path", "/healthz", "--host", "api.example"], 0, "rules[0] asks for no token"),
        (
            vec!["--path", "/a/b", "--method", "POST", "--host", "api.example"],
            0,
            "rules[1]: either, any of staff, device",
        ),
        (
            vec!["--path", "/a/b", "--method", "POST", "--host", "api.example", "--token", &token],
            0,
            "rules[1]: either",
        ),
        (vec!["--path", "/a/b", "--host", "api.example"], 2, "rules[2]: staff"),
        (vec!["--path", "/healthz"], 2, "(Host); the rules look at the host: give --host"),
        (vec!["--path", "/a//b"], 2, "the request can be read in more than one way (DoubleSlash)"),
    ] {
        let (ended, told, error) = explain(&arguments);
        assert_eq!(ended, code, "{told}{error}");
        assert!(told.contains(rule), "{told}");
    }
}

#[test]
fn a_policy_that_passes_says_nothing_of_backends_where_another_refuses() {
    let staff = policy(TENANT);
    let mut other = staff.clone();
    other["validate-azure-ad-token"]["audiences"] = json!(["another"]);
    let mut configuration = json!({
        "policies": { "staff": staff, "other": other, "both": { "all-of": ["staff", "other"] } },
        "rules": [{ "match": {}, "policy": "both" }],
        "clusters": { "login.microsoftonline.com": "entra" },
    });
    for name in ["staff", "other"] {
        configuration["policies"][name].as_object_mut().unwrap().remove("clusters");
    }
    let folder = Folder::new(
        "all-of",
        &[("policy.json", configuration.to_string()), ("documents.json", documents(TENANT).to_string())],
    );
    let token = token(&claims(&json!({})));
    let (code, told, error) = folder
        .explain(&["--config", "policy.json", "--token", &token, "--keys", "documents.json", "--at", AT], "");
    assert_eq!(code, 2, "{told}{error}");
    assert!(told.contains("policy staff") && told.contains("policy other"), "{told}");
    assert!(!told.contains("H26"), "{told}");
}

#[test]
fn bad_configurations_end_with_3_and_everything_else_with_1() {
    let folder = Folder::new("bad", &[("policy.json", "{}".to_owned()), ("keys.json", "[]".to_owned())]);
    let (code, told, _) = folder.explain(&["--config", "policy.json", "--token", "x"], "");
    assert_eq!(
        (code, told.as_str()),
        (
            3,
            "policy.json: error: configuration: has no policy; add `validate-jwt` or `validate-azure-ad-token`\n"
        )
    );
    for arguments in [
        vec!["--config", "none.json"],
        vec!["--config", "-", "--token", "-"],
        vec!["--config", "policy.json", "--keys", "keys.json"],
        vec!["--config", "policy.json", "--at", "yesterday"],
        vec!["--config", "policy.json", "--header", "x"],
        vec!["--config", "policy.json", "--keys", "keys.json", "--fetch"],
        vec![],
    ] {
        let (code, _, error) = folder.explain(&arguments, "");
        assert_eq!(code, 1, "{arguments:?} {error}");
        assert!(!error.is_empty());
    }
}

#[test]
fn keys_are_fetched_live_within_the_limits() {
    let mut issuer = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
    issuer.args(["issuer", "--listen", "127.0.0.1:0"]).stdin(Stdio::null());
    let mut running = Running::start(issuer);
    let line = running.wait_for_line("Local OpenID issuer on http://");
    let address = line.split("http://").nth(1).unwrap().split(". ").next().unwrap().to_owned();
    running.wait_for_line("Ctrl-C");
    let wish = json!({ "shape": "plain", "host": address, "claims": { "aud": "a" } }).to_string();
    let answer = http::http(&address, "POST", "/mint", &address, &wish);
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.body);
    let token = answer.body.trim();
    let policy = |path: &str, limit: u32| {
        json!({
            "validate-jwt": { "header-name": "Authorization", "audiences": ["a"],
                "openid-config": [{ "url": format!("http://{address}{path}") }] },
            "default-cluster": "any",
            "fetch": { "allow-http": true, "max-response-bytes": limit },
        })
        .to_string()
    };
    let well_known = "/.well-known/openid-configuration";
    for (path, limit, code, said) in [
        (well_known, 100_000, 0, "2 keys"),
        (well_known, 50, 1, "none: "),
        ("/nothing", 100_000, 1, "status 404, not 200"),
    ] {
        let folder = Folder::new("fetch", &[("policy.json", policy(path, limit))]);
        let (ended, told, error) =
            folder.explain(&["--config", "policy.json", "--token", token, "--fetch"], "");
        assert_eq!(ended, code, "{told}{error}");
        assert!(told.contains(said), "{told}");
    }
    running.signal("INT");
    assert!(running.wait().success());
    let folder = Folder::new("fetch", &[("policy.json", policy(well_known, 100_000))]);
    let (ended, told, _) = folder.explain(&["--config", "policy.json", "--token", token, "--fetch"], "");
    assert_eq!(ended, 1, "{told}");
    assert!(told.contains("hint H22"), "{told}");
}

#[test]
fn a_token_that_is_not_one_is_explained() {
    let folder = folder("broken");
    for (token, said) in
        [("a.b", "hint H15"), ("Bearer Bearer x", "hint H15"), ("\u{1f511}.x.y", "JwtInvalid")]
    {
        let (code, told, _) = folder.explain(&["--config", "policy.json", "--token", token, "--at", AT], "");
        assert_eq!(code, 2, "{told}");
        assert!(told.contains(said), "{told}");
    }
    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
    let (code, told, _) = folder.explain(&["--config", "policy.json", "--token", &unsigned, "--at", AT], "");
    assert_eq!(code, 2);
    assert!(told.starts_with("refused: TokenAlgorithmNotAllowed"), "{told}");
}

#[test]
fn a_server_that_never_ends_its_answer_holds_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ignored = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
        // Longer than the limit of time, and each byte within it.
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": format!("http://{address}/.well-known/openid-configuration") }],
            "audiences": [API],
        },
        "clusters": { address.to_string(): "idp" },
        "fetch": { "allow-http": true, "timeout": "500ms" },
    });
    let folder = Folder::new("slow", &[("policy.json", policy.to_string())]);
    let token = token(&claims(&json!({})));
    let (code, told, error) =
        folder.explain(&["--config", "policy.json", "--token", &token, "--at", AT, "--fetch"], "");
    assert_eq!(code, 1, "{told}{error}");
    assert!(told.contains("no whole answer within 500ms"), "{told}");
}

#[test]
fn providers_are_asked_at_once() {
    const PROVIDERS: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody has an answer before everybody has asked.
    thread::spawn(move || {
        loop {
            let asked: Vec<_> = (0..PROVIDERS).map(|_| listener.accept().unwrap().0).collect();
            for mut stream in asked {
                let _ignored = stream.read(&mut [0; 1024]);
                let answer = "HTTP/1.1 503 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    let urls: Vec<_> =
        (0..PROVIDERS).map(|number| json!({ "url": format!("http://{address}/{number}") })).collect();
    let policy = json!({
        "validate-jwt": { "header-name": "Authorization", "openid-config": urls, "audiences": [API] },
        "default-cluster": "any",
        "fetch": { "allow-http": true, "timeout": "10s" },
    });
    let folder = Folder::new("at-once", &[("policy.json", policy.to_string())]);
    let token = token(&claims(&json!({})));
    let arguments = ["--config", "policy.json", "--token", &token, "--at", AT, "--fetch"];
    let (code, told, error) = folder.explain(&arguments, "");
    assert_eq!(code, 1, "{told}{error}");
    assert_eq!(told.matches("status 503, not 200").count(), PROVIDERS, "{told}");
}

#[test]
fn a_token_in_the_place_of_a_file_is_not_shown() {
    let folder = folder("misplaced");
    let token = token(&claims(&json!({})));
    for arguments in [
        vec!["--config", &token],
        vec!["--config", "policy.json", "--request", &token],
        vec!["--config", "policy.json", "--keys", &token],
        vec!["--config", &format!("Bearer {token}")],
    ] {
        let (code, told, error) = folder.explain(&arguments, "");
        assert_eq!((code, told.as_str()), (1, ""));
        assert!(error.contains("eyJ…: ") && error.contains("a token is given by --token"), "{error}");
        assert!(!error.contains(token.trim_start_matches("eyJ").split_at(20).0), "{error}");
    }
}

#[test]
fn a_token_in_the_place_of_an_argument_is_not_shown() {
    let folder = folder("argument");
    let token = token(&claims(&json!({})));
    for arguments in [
        vec!["--config", "policy.json", &token],
        vec!["--config", "policy.json", "--token", "Bearer", &token],
        vec!["--config", "policy.json", "--at", &token],
        vec!["--config", "policy.json", "--format", &token],
    ] {
        let (code, told, error) = folder.explain(&arguments, "");
        assert_eq!((code, told.as_str()), (1, ""));
        assert!(error.contains("'eyJ…'") && !error.contains(token.rsplit('.').next().unwrap()), "{error}");
    }
}

#[test]
fn what_is_too_long_is_not_read() {
    let folder = folder("long");
    let long = " ".repeat(usize::try_from(validate_jwt_cli::input::MAX_INPUT_BYTES).unwrap() + 1);
    let (code, _, error) = folder.explain(&["--config", "policy.json", "--token", "-"], &long);
    assert_eq!(code, 1);
    assert_eq!(error, "validate-jwt: standard input: longer than 16777216 bytes\n");
}

#[test]
fn what_is_no_request_is_not_taken_for_one() {
    let token = token(&claims(&json!({})));
    let two_hosts = format!("GET / HTTP/1.1\nHost: a\nauthorization: Bearer {token}\nhost: b\n");
    for (request, said) in [
        (policy(TENANT).to_string(), "does not begin with a line such as `GET /orders HTTP/1.1`"),
        ("{ \"a\": 1 }".to_owned(), "does not begin with a line such as `GET /orders HTTP/1.1`"),
        (two_hosts, "two `Host` headers"),
    ] {
        let (code, told, error) = folder("no-request")
            .explain(&["--config", "policy.json", "--request", "-", "--at", AT], &request);
        assert_eq!((code, told.as_str()), (1, ""), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_only_looks_like_a_blank_is_not_taken_from_the_token() {
    let folder = folder("blanks");
    let token = token(&claims(&json!({})));
    let base = ["--config", "policy.json", "--keys", "documents.json", "--at", AT];
    for (after, expected) in [("", 0), (" \t", 0), ("\u{a0}", 2), ("\u{3000}", 2), ("\u{b}", 2)] {
        let header = format!("authorization: Bearer {token}{after}");
        let (code, told, _) = folder.explain(&[base.as_slice(), &["--header", &header]].concat(), "");
        assert_eq!(code, expected, "header, {after:?}: {told}");
        let (code, told, _) =
            folder.explain(&[base.as_slice(), &["--token", "-"]].concat(), &format!("{token}{after}\r\n"));
        assert_eq!(code, expected, "token, {after:?}: {told}");
    }
}

#[test]
fn a_bare_key_set_does_not_say_that_an_issuer_is_wrong() {
    // The document lies on the tenant's name, and names an issuer on its id: no URL tells that.
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": format!("https://contoso.ciamlogin.com/{CUSTOMERS}/v2.0/.well-known/openid-configuration") }],
            "audiences": [API],
        },
        "clusters": { "contoso.ciamlogin.com": "idp" },
    });
    let keys = json!({ "keys": [KEY.jwk()] });
    let folder =
        Folder::new("key-set", &[("policy.json", policy.to_string()), ("keys.json", keys.to_string())]);
    let issuer = format!("https://{CUSTOMERS}.ciamlogin.com/{CUSTOMERS}/v2.0");
    let token = token(&claims(&json!({ "iss": issuer, "tid": CUSTOMERS })));
    let arguments = ["--config", "policy.json", "--token", &token, "--keys", "keys.json", "--at", AT];
    let (code, told, error) = folder.explain(&arguments, "");
    assert_eq!(code, 1, "{told}{error}");
    assert!(told.starts_with("undecided: a key set does not say whose it is"), "{told}");
}

#[test]
fn a_refusal_without_a_hint_has_a_remedy_all_the_same() {
    let folder = folder("remedy");
    for (more, remedy) in [
        (json!({ "aud": "another" }), "have the caller ask for a token for this API"),
        (json!({ "exp": NOW - 86_400, "nbf": NOW - 90_000 }), "have the caller get a new token"),
        (json!({ "roles": ["Reader"] }), "give the caller what the claim is to have"),
    ] {
        let token = token(&claims(&more));
        let arguments =
            ["--config", "policy.json", "--token", &token, "--keys", "documents.json", "--at", AT];
        let (code, told, error) = folder.explain(&arguments, "");
        assert_eq!(code, 2, "{told}{error}");
        assert!(told.contains(&format!("\n  remedy: {remedy}")), "{told}");
    }
}
