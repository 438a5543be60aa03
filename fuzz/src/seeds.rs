//! Writes what each target starts from: the tokens, configurations and requests of `tests/cases/` and `filter-config/`, the
//! examples of the RFCs in the unit tests, and a dictionary of their words. All of it comes from what the project tests
//! anyway, so it stays in step.

mod cases;
mod rsa;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    input::SEPARATOR,
    mint::FORGED,
    signers::{self, SIGNERS},
};
use cases::{claims, fill_in, header, signer};
use serde_json::{Value, json};

/// Writes all of it into `corpus/`.
pub fn write() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = fuzz.parent().expect("the project around this folder");
    let mut seeds = Seeds { folder: fuzz.join("corpus"), words: BTreeSet::new() };
    for path in files(&project.join("tests/cases"), "json") {
        if !path.ends_with("authorities.json") {
            seeds.cases(project, &read(&path), &stem(&path));
        }
    }
    for path in files(&project.join("filter-config"), "json") {
        let configuration = fs::read(&path).expect("an example");
        seeds.learn(&read(&path));
        seeds.configuration(&stem(&path), &configuration, signers::RSA, b"", b"");
    }
    let examples = files(&project.join("src/jwe/tests"), "rs").into_iter();
    for path in examples.chain([project.join("src/signature/tests.rs"), project.join("src/token.rs")]) {
        seeds.examples(&stem(&path), &fs::read_to_string(&path).expect("a source"));
    }
    seeds.documents();
    seeds.routes();
    seeds.envelopes();
    seeds.stories();
    seeds.forgeries();
    seeds.signatures();
    seeds.dictionary();
}

struct Seeds {
    folder: PathBuf,
    words: BTreeSet<String>,
}

impl Seeds {
    fn write(&self, target: &str, name: &str, fields: &[&[u8]]) {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds");
        let name: String =
            name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        fs::write(folder.join(format!("seed-{name}")), fields.join(&SEPARATOR)).expect("a seed");
    }

    /// The cases of one file: what is configured, and the token that comes.
    fn cases(&mut self, project: &Path, file: &Value, name: &str) {
        self.learn(file);
        for case in file["cases"].as_array().expect("cases") {
            let setting = &file["configurations"][text(&case["configuration"])];
            let configuration = match &setting["plugin"] {
                Value::String(shipped) => {
                    fs::read(project.join("filter-config").join(shipped).with_extension("json"))
                        .expect("an example")
                }
                plugin => fill_in(project, plugin).to_string().into_bytes(),
            };
            let change = &case["token"];
            let of = change["of"].as_str().or(setting["token"].as_str()).unwrap_or_default();
            let template = &file["tokens"][of];
            let signer = signer(change["signed-by"].as_str().unwrap_or(text(&template["signed-by"])));
            let payload = change["payload"]
                .as_str()
                .map_or_else(|| claims(template, change).to_string(), str::to_owned);
            let header = header(&fill_in(project, &change["header"]));
            let name = format!("{name}-{}", text(&case["name"]));
            self.configuration(&name, &configuration, signer, header.as_bytes(), payload.as_bytes());
            let raw = change["raw"].as_str().unwrap_or_default();
            self.write(
                "token",
                &name,
                &[&[0, 0, 0, number(signer)], header.as_bytes(), payload.as_bytes(), raw.as_bytes()],
            );
        }
    }

    /// A configuration and a token, for the two targets that take both.
    fn configuration(&self, name: &str, configuration: &[u8], signer: usize, header: &[u8], payload: &[u8]) {
        let signer = number(signer);
        self.write("config", name, &[&[0, signer, 0, 0, 0], configuration, header, payload]);
        // A request that comes early, one when keys are there, and one whose key may come.
        let steps = [1, 0, signer, 0, 0, 4, 8, 0, signer, 0, 0, 5, 3, 0, 6, 0, 0, 4, 6, 0, 0, 6, 0, 0];
        self.write("filter", name, &[&steps, configuration, b"", header, payload]);
    }

    /// Every text of a source that looks like a token.
    fn examples(&self, name: &str, source: &str) {
        // The tests break long tokens over lines.
        let joined = source.replace("\\\n", "").replace(' ', "");
        let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let words = joined.split(|letter| !is_of_token(letter));
        for (index, word) in words.filter(|word| word.starts_with("eyJ")).enumerate() {
            let name = format!("{name}-{index}");
            match word.split('.').count() {
                5 => self.write("jwe", &name, &[&[0], b"", b"", b"", word.as_bytes()]),
                _ => self.write("token", &name, &[&[0], b"", b"", word.as_bytes()]),
            }
        }
    }

    /// Key sets and discovery documents.
    fn documents(&self) {
        let sets = [
            r#"{"keys":[{key:2},{key:3},{key:4},{key:5}]}"#.to_owned(),
            r#"{"keys":[{key:3}]}"#.to_owned(),
            r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"secret"},{key:2}]}"#.to_owned(),
            key_set_with(&json!({ "use": "sig", "alg": "ES256", "x5t": "p256", "key_ops": ["verify"] })),
            key_set_with(&json!({ "use": "enc" })),
            key_set_with(&json!({ "kid": "", "issuer": "https://idp.example", "x5c": ["AAAA"] })),
        ];
        for (index, set) in sets.iter().enumerate() {
            for signer in [signers::P256, signers::ED25519, signers::RSA] {
                self.write("jwks", &format!("{index}-{signer}"), &[&[0, number(signer)], set.as_bytes()]);
            }
        }
        let members = [
            r#"{"use":"sig","alg":"EdDSA","key_ops":["verify"],"x5t":"t"}"#,
            r#"{"use":"enc"}"#,
            r#"{"kid":"","issuer":"https://idp.example"}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"ed25519"}"#,
            r#"{"alg":"RS256","kid":"another"}"#,
        ];
        for (index, members) in members.iter().enumerate() {
            for form in [1, 2] {
                for signer in [signers::P256, signers::ED25519, signers::RSA] {
                    let choices = [form, number(signer)];
                    self.write("jwks", &format!("{index}-{form}-{signer}"), &[&choices, members.as_bytes()]);
                }
            }
        }
        let issuers = [
            "https://b.example",
            "https://a.example",
            "https://b.example/{tenantid}",
            "https://listed.example",
            "https://b.example/x",
        ];
        for (index, issuer) in issuers.iter().enumerate() {
            for (other, uri) in
                ["https://b.example/keys", "https://keys.example/keys", "http://b.example/keys"]
                    .iter()
                    .enumerate()
            {
                let document = json!({ "issuer": issuer, "jwks_uri": uri }).to_string();
                let claims =
                    json!({ "iss": issuer.replace("{tenantid}", "t"), "tid": "t", "exp": 1_700_000_600 })
                        .to_string();
                for kind in 0..24 {
                    let choices = [kind % 3, kind / 6, kind / 3 % 2];
                    let name = format!("{index}-{other}-{kind}");
                    self.write("discovery", &name, &[&choices, document.as_bytes(), b"", claims.as_bytes()]);
                }
            }
        }
    }

    fn routes(&self) {
        let rules = [
            "8/healthz\n2/admin\n:/a",
            "</Public\n4/é\n:/static/",
            "R/x\n2/admin\n8/y",
            ":/api/v1/public\n2/api\n2/admin\n8/static/x%20y",
            "A/m\nI\n2/admin",
            "Q\n6/admin\n>/a",
        ];
        let paths = [
            "/",
            "/healthz",
            "/admin/x",
            "/admin/",
            "/PUBLIC",
            "/api/v1/x%20y",
            "/static/%2e",
            "/é",
            "/É",
            "/ſtatic",
            // Each is `/admin` to some.
            "/a/../admin",
            "/./admin",
            "//admin",
            "/%61dmin",
            "/%2561dmin",
            "/a;x=/b",
            "/admin;x",
            "/%5cadmin",
            "/x%2f..%2fadmin",
            "/admin%00",
            "/adm%0ain",
            "/admin?x",
            "/admin#x",
            "/%252e%252e/admin",
            "/x/%2e%2e/admin",
        ];
        for (index, rules) in rules.iter().enumerate() {
            for (other, path) in paths.iter().enumerate() {
                for is_open in 0..2 {
                    let choices = [number(other % 4), 0, is_open];
                    let name = format!("{index}-{other}-{is_open}");
                    self.write("routes", &name, &[&choices, rules.as_bytes(), path.as_bytes()]);
                }
            }
        }
    }

    /// Encrypted tokens of every kind.
    fn envelopes(&self) {
        for algorithm in [0, 1, 2, 250, 251] {
            for encryption in 0..4 {
                // With a private key where that is needed; the second time, for claims that nobody signed.
                let kinds = if algorithm >= 250 { [240, 241] } else { [0, 1] };
                let choices = [0, kinds[0], number(signers::ED25519), 0, 0, algorithm, encryption];
                self.write("jwe", &format!("{algorithm}-{encryption}"), &[&choices, b"", b""]);
                let choices = [254, kinds[1], algorithm, encryption];
                self.write("jwe", &format!("bare-{algorithm}-{encryption}"), &[&choices, b"", b""]);
            }
        }
    }

    /// What else may happen to a filter.
    fn stories(&self) {
        let openid = br#"{"validate-jwt":{"header-name":"Authorization","openid-config":[{"url":"https://idp.example/.well-known/openid-configuration"}],"issuer-signing-keys":[{"value":"{secret:0}"}]},"default-cluster":"any"}"#;
        let (good, set) = (number(signers::ED25519), r#"{"keys":[{key:6}]}"#.as_bytes());
        let request = [0, good, 0, 0];
        let stories: [&[&[u8]]; 15] = [
            // Clients that leave while they wait.
            &[&request, &request, &[3, 0], &[4, 8], &[2, 1, 0, 0]],
            // A rotation: the new key, at once and after the interval.
            &[&[4, 8], &request, &[0, 6, 0, 0, 4, 6, 0, 1, 6, 0, 1], &[5, 3, 0, 6, 0, 0, 4, 8]],
            // Broken answers, then backoff.
            &[&request, &[4, 7, 0, 0, 4, 7, 0, 1, 1, b'5', 5, 2, 7, 0, 3, 5, 3, 8], &request],
            // Nothing can be sent.
            &[&[9, 2, 4], &request, &[9, 3, 5, 2], &request, &[9, 0, 5, 3, 8], &request],
            // Another worker writes.
            &[
                &[4, 8, 11, 0, 1, 3, b'a', b'b', b'c', 4, 11, 1, 0, 11, 0, 2, 4],
                &request,
                &[11, 0, 5, 0, 9, 1, 4, 5, 1],
            ],
            // Another VM has the right to fetch, for a while or by a clock that was set back since, and dies.
            &[&[4, 8, 11, 0, 6, 0, 0], &request, &[5, 2], &request],
            &[&[4, 11, 0, 6, 0, 1], &request, &[4, 5, 2, 12, 1, 4, 5, 3], &request],
            // What another VM fetched: the next key, the same ones of an hour ago, and failures.
            &[&[4, 8, 11, 0, 6, 0, 2, 1, 0], &[0, 6, 0, 0, 4], &request, &[5, 3], &request],
            &[&[4, 11, 0, 6, 0, 2, 0, 2], &request, &[4, 6, 0, 1, 6, 0, 1], &request],
            &[&[4, 11, 0, 6, 0, 4, 11, 0, 6, 0, 3], &request, &[5, 3, 0, 6, 0, 0, 4, 8]],
            // A fetch that failed here, and then elsewhere.
            &[&[4, 7, 0, 0, 11, 0, 6, 0, 4, 5, 0], &request, &[5, 1], &request],
            // A new configuration while requests wait.
            &[&request, &[13, 1, 4], &request, &[14, 8], &request],
            // Clocks, and headers that cannot be written.
            &[&[4, 8, 12, 2, 5, 6], &request, &[10, 2, 0], &request, &[10, 0, 1, 4, 1, 0, 0, 0], &request],
            // An answer that comes after the filter gave it up.
            &[&request, &[4, 5, 2, 5, 2, 6, 0, 0], &request],
            // Bytes that no client should send.
            &[&[1, 3, 0, 1, 2, b'/', b'x', 3, 0, good, 7, 4, b'a', 0x80, b'b', b'c', 1, 2, 0x80, 0x81, 4, 8]],
        ];
        for (index, story) in stories.iter().enumerate() {
            let steps = [&[0][..], &story.concat()].concat();
            self.write("filter", &format!("story-{index}"), &[&steps, openid, openid, b"", b"", set]);
        }
        // Keys that are too old, while the provider is away.
        let short = br#"{"validate-jwt":{"header-name":"Authorization","openid-config":[{"url":"https://idp.example/.well-known/openid-configuration"}]},"fetch":{"max-stale":"30s"},"default-cluster":"any"}"#;
        let steps = [&[0, 4, 8][..], &request, &[5, 3, 5, 2], &request].concat();
        self.write("filter", "stale", &[&steps, short, short, b"", b"", b""]);
    }

    /// Tokens that a stranger signed with another's name, or that somebody changed.
    fn forgeries(&self) {
        let forged = |signer| number(FORGED - FORGED % SIGNERS.len() + SIGNERS.len() + signer);
        for named in [signers::P256, signers::ED25519, signers::SECRET, signers::RSA] {
            let named = number(named);
            for (name, signing) in [
                ("stranger", vec![forged(signers::STRANGER), named, 0, 0]),
                ("secret", vec![forged(signers::STRANGERS_SECRET), named, 0, 0]),
                // A key that is trusted, under a name that it has not.
                ("misnamed", vec![forged(signers::ED25519), number(signers::STRANGER), 0, 0]),
                // One letter, near the end of the signature or in the payload.
                ("changed", vec![named, 0, 201, 0, 150, b'B', 4]),
                ("cut", vec![named, 0, 201, 0, 190, 0, 1]),
            ] {
                let name = format!("forged-{name}-{named}");
                for configuration in 0..6 {
                    let choices = [&[configuration, 0, 0][..], &signing].concat();
                    self.write("token", &format!("{name}-{configuration}"), &[&choices]);
                }
                self.write(
                    "jwks",
                    &name,
                    &[&[&[0][..], &signing].concat(), br#"{"keys":[{key:2},{key:3},{key:5}]}"#],
                );
                self.write("jwe", &name, &[&[&[0, 0][..], &signing].concat()]);
                let inline = br#"{"validate-jwt":{"header-name":"Authorization","issuer-signing-keys":[{"value":"{secret:0}"},{"jwk":{key:2}},{"jwk":{key:3}}]}}"#;
                self.write("config", &name, &[&[&[0][..], &signing].concat(), inline]);
                // With every kind of host: one verifies, one finds everything good.
                for host in [0, 1, 250, 251, 252] {
                    let steps = [&[host, 0, 18][..], &signing, &[0, 0]].concat();
                    self.write("filter", &format!("{name}-{host}"), &[&steps, inline]);
                }
            }
        }
        // One letter of the initialization vector, which changes one of the claims.
        self.write("jwe", "forged-vector", &[&[254, 1, 0, 2, 201, 0, 68, b'E', 4]]);
        let document = br#"{"issuer":"https://b.example","jwks_uri":"https://b.example/keys"}"#;
        for (signer, named) in [(0, 1), (1, 0)] {
            let claims: &[u8] = br#"{"iss":"https://a.example","exp":1700000600}"#;
            let choices = [0, 0, signer, 200, named, 0];
            self.write("discovery", &format!("forged-{signer}"), &[&choices, document, b"", claims]);
        }
    }

    /// Takes the names and short texts of a document into the dictionary.
    fn learn(&mut self, document: &Value) {
        match document {
            Value::Object(members) => {
                self.words.extend(members.keys().cloned());
                members.values().for_each(|value| self.learn(value));
            }
            Value::Array(elements) => elements.iter().for_each(|value| self.learn(value)),
            Value::String(text) if text.len() < 40 => {
                self.words.insert(text.clone());
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn dictionary(&self) {
        let more = [
            "{key:2}",
            "{key:3}",
            "{key:5}",
            "{secret:0}",
            "{half:0}",
            "{alg}",
            "{kid}",
            "{enc}",
            "crit",
            "b64",
            "jwks_uri",
            "keys",
            "kty",
            "OKP",
            "Ed25519",
            "EdDSA",
            "P-521",
            "x5t",
            "x5t#S256",
            "1e400",
            "-0",
            "%2e%2e",
            "%25",
            "%2f",
            "İ",
            "K",
            "ſ",
            "\u{feff}",
            ".well-known/openid-configuration",
        ];
        let words = self.words.iter().map(String::as_str).chain(more);
        let mut lines = String::new();
        for word in words.filter(|word| !word.is_empty()) {
            let escaped: Vec<String> = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
            lines.extend(["\"", &escaped.concat(), "\"\n"]);
        }
        fs::write(self.folder.join("dictionary"), lines).expect("a dictionary");
    }
}

/// The key set of the P-256 key, with more members.
fn key_set_with(more: &Value) -> String {
    let mut key = SIGNERS[signers::P256].jwk().expect("a public key");
    let members = key.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("members").clone());
    json!({ "keys": [key] }).to_string()
}

fn number(number: usize) -> u8 {
    u8::try_from(number).expect("a small number")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|known| known == extension)).collect();
    files.sort();
    files
}
