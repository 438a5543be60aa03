//! How a file of cases is written.

use super::encryption::Encryption;
use super::folder;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The file beside the cases that says who signs.
pub(crate) const AUTHORITIES: &str = "authorities";

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseFile {
    /// Its name without `.json`.
    #[serde(skip)]
    pub(crate) name: String,
    /// What its cases show.
    #[expect(dead_code, reason = "it is there for who reads the file")]
    pub(crate) about: String,
    /// Tokens that cases start from.
    #[serde(default)]
    pub(crate) tokens: BTreeMap<String, Template>,
    /// Plugin configurations, by name.
    pub(crate) configurations: BTreeMap<String, Setting>,
    /// The cases, in the order in which they are tried.
    pub(crate) cases: Vec<Case>,
}

/// A token to start from. It is valid from five minutes ago for an hour, unless its claims say otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Template {
    /// An authority (its first key), or `authority/key`.
    pub(crate) signed_by: String,
    /// The claims; `{ "$in": 60 }` stands for the time in a minute.
    pub(crate) claims: Map<String, Value>,
}

/// A plugin configuration and what its cases share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Setting {
    /// The plugin's configuration, or the name of a file of `filter-config/`.
    pub(crate) plugin: Value,
    /// The token that its cases start from.
    pub(crate) token: Option<String>,
    /// What a refusal says, where the policy sets it.
    pub(crate) message: Option<String>,
    /// Where its cases put the token.
    #[serde(default)]
    pub(crate) request: RequestText,
}

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Case {
    pub(crate) name: String,
    /// One of the file's configurations.
    pub(crate) configuration: String,
    /// How its token differs from the one to start from.
    #[serde(default)]
    pub(crate) token: TokenChange,
    /// How its request differs from the usual one.
    #[serde(default)]
    pub(crate) request: RequestText,
    pub(crate) expect: Expectation,
}

/// A change of a token.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TokenChange {
    /// Another token to start from.
    pub(crate) of: Option<String>,
    /// Claims to set.
    #[serde(default)]
    pub(crate) with: Map<String, Value>,
    /// Claims to leave out, `exp`, `nbf` and `iat` too.
    #[serde(default)]
    pub(crate) without: Vec<String>,
    /// Members of the JOSE header to set; `null` leaves one out.
    #[serde(default)]
    pub(crate) header: Map<String, Value>,
    /// Another signer.
    pub(crate) signed_by: Option<String>,
    /// Another algorithm for the same key.
    pub(crate) algorithm: Option<String>,
    /// The payload as text, where JSON values could not say it.
    pub(crate) payload: Option<String>,
    /// What happens to the token after it was signed.
    pub(crate) tamper: Option<Tamper>,
    /// How it is encrypted in the end.
    pub(crate) encrypted: Option<Encryption>,
    /// Text instead of a token.
    pub(crate) raw: Option<String>,
}

/// What a forger does with a good token.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tamper {
    /// One bit of the signature is turned.
    Signature,
    /// A claim is added after signing.
    Claims,
    /// `alg` is `none`, and there is no signature.
    Unsigned,
    /// The signature is cut off.
    SignatureRemoved,
    /// An HMAC takes its place whose secret is the modulus of the signer's public key.
    PublicKeyAsSecret,
}

/// A request, as far as it differs from `GET /` with `Authorization: Bearer {token}`.
///
/// `{token}` stands for the case's token, `{name}` for the file's token of that name as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RequestText {
    pub(crate) method: Option<String>,
    /// Path and query.
    pub(crate) target: Option<String>,
    /// `name: value`, instead of the usual header.
    pub(crate) headers: Option<Vec<String>>,
    /// `name: value`, beside the others.
    #[serde(default)]
    pub(crate) more_headers: Vec<String>,
}

/// What must come of a case.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Expectation {
    /// The request passes.
    Allow(Passage),
    /// The filter answers.
    Deny(Refusal),
}

/// What the upstream must see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passage {
    /// Headers as the upstream must see them, its `:path` too; `null`: not at all.
    #[serde(default)]
    pub(crate) forwarded: BTreeMap<String, Option<String>>,
    /// The reason that a policy with `report-only` noted.
    pub(crate) reported: Option<String>,
}

/// What the client and the operator must be told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    /// What the access log says.
    pub(crate) reason: String,
    pub(crate) status: u16,
    /// The text of the body, where it is not the configuration's own or the default.
    pub(crate) message: Option<String>,
    /// `WWW-Authenticate`, where it is not what RFC 6750 says of the reason; `none`: there is none.
    pub(crate) challenge: Option<String>,
    /// The status for a gRPC client, who gets no body.
    pub(crate) grpc: Option<i32>,
}

impl CaseFile {
    /// Every file, in the order of their names.
    pub(crate) fn load_all() -> Vec<Self> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.iter().filter(|path| file_stem(path) != AUTHORITIES).map(|path| Self::load(path)).collect()
    }

    fn load(path: &Path) -> Self {
        let file: Self = read(path);
        let file = Self { name: file_stem(path), ..file };
        for case in &file.cases {
            assert!(
                file.configurations.contains_key(&case.configuration),
                "{}: {}: there is no configuration `{}`",
                path.display(),
                case.name,
                case.configuration
            );
        }
        file
    }

    pub(crate) fn setting(&self, case: &Case) -> &Setting {
        &self.configurations[&case.configuration]
    }

    pub(crate) fn template(&self, name: &str) -> &Template {
        self.tokens.get(name).unwrap_or_else(|| panic!("{}.json has no token `{name}`", self.name))
    }
}

/// Reads a JSON file of the folder; what is wrong with it is told with its name and line.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
