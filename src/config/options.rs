//! `options` of a policy: what APIM has no word for.

use super::{
    ConfigError, forward,
    policy::{read_clock_skew, read_status, read_url},
    reader::{Members, Node},
};
use crate::{
    algorithm::{Algorithm, AlgorithmSet},
    forward::Forward,
    policy::Challenge,
    url::Url,
};

/// The most bytes that `max-token-bytes` can allow; Envoy's own limit on a request's headers is 60 KiB by default.
const MAX_TOKEN_BYTES: u32 = 1_048_576;

/// Which policy the options are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ValidateJwt,
    ValidateAzureAdToken,
}

/// The options with their defaults.
#[derive(Debug)]
pub(super) struct Options {
    /// Where they stand.
    pub(super) path: String,
    pub(super) algorithms: Option<AlgorithmSet>,
    pub(super) clock_skew: Option<u32>,
    pub(super) issuer_keys: Vec<IssuerKeys>,
    pub(super) jwks: Vec<WrittenKeySet>,
    pub(super) challenge: Option<Challenge>,
    pub(super) insufficient_status: Option<u16>,
    pub(super) unavailable_status: u16,
    pub(super) forward: Forward,
    pub(super) report_only: bool,
    pub(super) max_token_bytes: u32,
    pub(super) token_types: Option<Vec<String>>,
    pub(super) strict_audience: bool,
    pub(super) allow_any_audience: bool,
}

/// A member of `issuer-keys`: the OpenID configurations that may sign for an issuer, each with its place.
#[derive(Debug)]
pub(super) struct IssuerKeys {
    pub(super) issuer: String,
    pub(super) urls: Vec<(String, Url)>,
}

/// One of `jwks`.
#[derive(Debug)]
pub(super) struct WrittenKeySet {
    pub(super) path: String,
    pub(super) issuer: String,
    pub(super) url: Url,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "options".to_owned(),
            algorithms: None,
            clock_skew: None,
            issuer_keys: Vec::new(),
            jwks: Vec::new(),
            challenge: Some(Challenge::default()),
            insufficient_status: None,
            unavailable_status: 503,
            forward: Forward::default(),
            report_only: false,
            max_token_bytes: 65_536,
            token_types: None,
            strict_audience: false,
            allow_any_audience: false,
        }
    }
}

pub(super) fn read(node: Option<Node<'_>>, kind: Kind) -> Result<Options, ConfigError> {
    let default = Options::default();
    let Some(node) = node else {
        return Ok(default);
    };
    let members = node.members(
        &[
            "algorithms",
            "clock-skew",
            "issuer-keys",
            "jwks",
            "challenge",
            "insufficient-claims-httpcode",
            "unavailable-httpcode",
            "forward",
            "report-only",
            "max-token-bytes",
            "token-types",
            "strict-audience",
            "allow-any-audience",
        ],
        &[],
    )?;
    refuse_what_is_not_for(kind, &members)?;
    let flag = |name| Ok(members.read(name, |node| node.flag())?.unwrap_or(false));
    Ok(Options {
        path: node.path().to_owned(),
        algorithms: members.read("algorithms", |node| read_algorithms(&node))?,
        clock_skew: members.read("clock-skew", |node| read_clock_skew(&node))?,
        issuer_keys: members.read("issuer-keys", |node| read_issuer_keys(&node))?.unwrap_or_default(),
        jwks: members
            .read("jwks", |node| {
                node.list(r#"[ { "issuer": "…", "url": "https://…" } ]"#)?.iter().map(read_key_set).collect()
            })?
            .unwrap_or_default(),
        challenge: members.read("challenge", |node| read_challenge(&node))?.unwrap_or(default.challenge),
        insufficient_status: members.read("insufficient-claims-httpcode", |node| read_status(&node))?,
        unavailable_status: members
            .read("unavailable-httpcode", |node| read_status(&node))?
            .unwrap_or(default.unavailable_status),
        forward: members.read("forward", |node| forward::read(&node))?.unwrap_or_default(),
        report_only: flag("report-only")?,
        max_token_bytes: members
            .read("max-token-bytes", |node| node.integer(1..=MAX_TOKEN_BYTES, "bytes"))?
            .unwrap_or(default.max_token_bytes),
        token_types: members.read("token-types", |node| node.texts())?,
        strict_audience: flag("strict-audience")?,
        allow_any_audience: flag("allow-any-audience")?,
    })
}

/// A word that has no effect under a policy is refused there: its author believes that it has one.
fn refuse_what_is_not_for(kind: Kind, members: &Members<'_>) -> Result<(), ConfigError> {
    let refused: &[(&str, &str)] = match kind {
        Kind::ValidateJwt => &[
            ("clock-skew", "is for `validate-azure-ad-token`; set `validate-jwt.clock-skew`"),
            (
                "allow-any-audience",
                "is for `validate-azure-ad-token`; `validate-jwt` without `audiences` takes any",
            ),
        ],
        Kind::ValidateAzureAdToken => &[
            (
                "issuer-keys",
                "is for `validate-jwt`; here the tenant's own metadata says whose keys are whose",
            ),
            ("jwks", "is for `validate-jwt`; here the tenant's own metadata leads to the keys"),
        ],
    };
    match refused.iter().find_map(|(name, why)| Some((members.get(name)?, why))) {
        Some((node, why)) => Err(node.error(*why)),
        None => Ok(()),
    }
}

fn read_algorithms(node: &Node<'_>) -> Result<AlgorithmSet, ConfigError> {
    node.list(r#"[ "RS256" ]"#)?
        .iter()
        .map(|node| {
            let name = node.text()?;
            Algorithm::from_name(name).ok_or_else(|| {
                node.error(if name.eq_ignore_ascii_case("none") {
                    "is no algorithm; `require-signed-tokens`: false alone lets unsigned tokens in"
                } else {
                    "is not an algorithm of signatures; expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, \
                     ES512, EdDSA, HS256, HS384 or HS512"
                })
            })
        })
        .collect()
}

fn read_issuer_keys(node: &Node<'_>) -> Result<Vec<IssuerKeys>, ConfigError> {
    let entries = node.entries()?;
    if entries.is_empty() {
        return Err(node.error("is empty; name an issuer, or leave the member out"));
    }
    entries
        .into_iter()
        .map(|(issuer, urls)| {
            if issuer.is_empty() || issuer.contains(['<', '>', '{', '}']) {
                return Err(urls.error("is not named by an issuer, as it stands in `iss`"));
            }
            let urls = urls
                .list(r#"[ "https://…" ]"#)?
                .iter()
                .map(|node| Ok((node.path().to_owned(), read_url(node)?)))
                .collect::<Result<_, ConfigError>>()?;
            Ok(IssuerKeys { issuer: issuer.to_owned(), urls })
        })
        .collect()
}

fn read_key_set(node: &Node<'_>) -> Result<WrittenKeySet, ConfigError> {
    let members = node.members(&["issuer", "url"], &[])?;
    let url = members.require("url")?;
    let parsed = Url::parse(&url.literal()?)
        .map_err(|error| url.error(format!("{error}; expected the whole URL of the key set")))?;
    Ok(WrittenKeySet {
        path: url.path().to_owned(),
        issuer: members.require("issuer")?.literal()?,
        url: parsed,
    })
}

/// `false`, `true`, or what the challenge says beside the scheme.
fn read_challenge(node: &Node<'_>) -> Result<Option<Challenge>, ConfigError> {
    if let Ok(is_on) = node.flag() {
        return Ok(is_on.then(Challenge::default));
    }
    let members = node.members(&["realm", "resource-metadata"], &[])?;
    let realm = members.read("realm", |node| {
        let text = node.text()?;
        if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Ok(text.to_owned());
        }
        Err(node.error("has a character that cannot stand in a header; use printable ASCII"))
    })?;
    let resource_metadata = members.read("resource-metadata", |node| {
        let text = node.literal()?;
        Url::parse(&text).map_err(|error| {
            node.error(format!("{error}; expected the whole URL of the API's own metadata (RFC 9728)"))
        })?;
        Ok(text)
    })?;
    Ok(Some(Challenge { realm, resource_metadata }))
}
