//! What can be written in a configuration, read into types that still say where each thing stood.

use std::{collections::BTreeMap, time::Duration};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    ConfigError,
    reader::{Members, Node},
    source,
};
use crate::{
    extract::TokenSource,
    jwk::Jwk,
    keys::Schedule,
    policy::{ClaimRule, Refusal, RequiredClaim},
    signature::{PublicKey, SymmetricKey, VerifyingKey},
    url::{self, Url},
};

/// The most `issuer-signing-keys`: all of them are tried.
const MAX_INLINE_KEYS: usize = 16;

/// The most seconds of `clock-skew`: beyond a day it is no skew.
const MAX_CLOCK_SKEW: u32 = 86_400;

/// What to do where nothing takes the place of a word.
const REMOVE: &str = "remove it, it would not be applied";

const NOT_BUILT: [(&str, &str); 7] = [
    (
        "validate-azure-ad-token",
        "write the policy as `validate-jwt`, with the tenant's `openid-config`, `audiences`, and the client application in \
         `required-claims` (`azp`, in v1 tokens `appid`)",
    ),
    ("policies", "use one filter for each policy and let the proxy's routes choose"),
    ("rules", "use one filter for each policy and let the proxy's routes choose"),
    ("options", REMOVE),
    ("token-cache", REMOVE),
    ("certificates", "use `issuer-signing-keys` with `n` and `e`, or `jwk`"),
    ("allow-cors-preflight", REMOVE),
];

/// The whole configuration.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) validate_jwt: ValidateJwt,
    pub(super) clusters: BTreeMap<String, String>,
    pub(super) default_cluster: Option<String>,
    pub(super) fetch: Fetch,
}

/// `validate-jwt`, with APIM's defaults.
#[derive(Debug)]
pub(super) struct ValidateJwt {
    pub(super) path: String,
    pub(super) source: TokenSource,
    pub(super) has_idle_scheme: bool,
    pub(super) refusal: Refusal,
    pub(super) require_expiration: bool,
    pub(super) clock_skew: u32,
    pub(super) openid_config: Vec<OpenIdConfig>,
    pub(super) inline_keys: Vec<Jwk>,
    pub(super) audiences: Option<Vec<String>>,
    pub(super) issuers: Option<Vec<String>>,
    pub(super) required_claims: Vec<RequiredClaim>,
}

/// One of `openid-config`.
#[derive(Debug)]
pub(super) struct OpenIdConfig {
    pub(super) path: String,
    pub(super) url: Url,
}

/// `fetch`.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) schedule: Schedule,
    pub(super) max_response_bytes: u32,
    pub(super) max_waiting_requests: u32,
    pub(super) allow_http: bool,
}

pub(super) fn read(json: &crate::json::Json) -> Result<Written, ConfigError> {
    let members =
        Node::root(json).members(&["validate-jwt", "clusters", "default-cluster", "fetch"], &NOT_BUILT)?;
    Ok(Written {
        validate_jwt: read_validate_jwt(&members.require("validate-jwt")?)?,
        clusters: members.read("clusters", |node| read_clusters(&node))?.unwrap_or_default(),
        default_cluster: members.read("default-cluster", |node| read_default_cluster(&node))?,
        fetch: members.read("fetch", |node| read_fetch(&node))?.unwrap_or_default(),
    })
}

fn read_validate_jwt(node: &Node<'_>) -> Result<ValidateJwt, ConfigError> {
    const NOT_BUILT: [(&str, &str); 2] =
        [("decryption-keys", "encrypted tokens are refused"), ("output-token-variable-name", REMOVE)];
    let built = [
        "header-name",
        "query-parameter-name",
        "token-value",
        "require-scheme",
        "failed-validation-httpcode",
        "failed-validation-error-message",
        "require-expiration-time",
        "require-signed-tokens",
        "clock-skew",
        "openid-config",
        "issuer-signing-keys",
        "audiences",
        "issuers",
        "required-claims",
    ];
    let members = node.members(&built, &NOT_BUILT)?;
    if let Some(signed) = members.get("require-signed-tokens")
        && !signed.flag()?
    {
        return Err(
            signed.error("false is not supported by this version; remove it, unsigned tokens are refused")
        );
    }
    let (source, has_idle_scheme) = source::read(node, &members, None)?;
    Ok(ValidateJwt {
        path: node.path().to_owned(),
        source,
        has_idle_scheme,
        refusal: read_refusal(&members)?,
        require_expiration: members.read("require-expiration-time", |node| node.flag())?.unwrap_or(true),
        clock_skew: members
            .read("clock-skew", |node| node.integer(0..=MAX_CLOCK_SKEW, "seconds"))?
            .unwrap_or(0),
        openid_config: read_each(
            &members,
            "openid-config",
            r#"[ { "url": "https://…" } ]"#,
            read_openid_config,
        )?,
        inline_keys: read_inline_keys(&members)?,
        audiences: members.read("audiences", |node| read_audiences(&node))?,
        issuers: members.read("issuers", |node| node.literals())?,
        required_claims: read_each(
            &members,
            "required-claims",
            r#"[ { "name": "…", "values": [ "…" ] } ]"#,
            read_required_claim,
        )?,
    })
}

fn read_each<T>(
    members: &Members<'_>,
    name: &str,
    example: &str,
    read: impl Fn(&Node<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let elements = members.read(name, |node| node.list(example))?.unwrap_or_default();
    elements.iter().map(read).collect()
}

fn read_refusal(members: &Members<'_>) -> Result<Refusal, ConfigError> {
    let status = members
        .read("failed-validation-httpcode", |node| node.integer(400..=599, "an error status"))?
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(401);
    let message = members.read("failed-validation-error-message", |node| node.text().map(str::to_owned))?;
    Ok(Refusal { status, message })
}

fn read_openid_config(node: &Node<'_>) -> Result<OpenIdConfig, ConfigError> {
    let url = node.members(&["url"], &[])?.require("url")?;
    let text = url.literal()?;
    let parsed = Url::parse(&text).map_err(|error| {
        url.error(format!(
            "{error}; expected the whole URL of the discovery document, such as \
             `https://login.microsoftonline.com/{{tenant}}/v2.0/.well-known/openid-configuration`"
        ))
    })?;
    Ok(OpenIdConfig { path: url.path().to_owned(), url: parsed })
}

fn read_audiences(node: &Node<'_>) -> Result<Vec<String>, ConfigError> {
    let host = node
        .list(r#"[ "api://…" ]"#)?
        .into_iter()
        .find(|audience| audience.text().is_ok_and(|text| text.contains("{request-host}")));
    match host {
        Some(audience) => {
            Err(audience.error("`{request-host}` is not supported by this version; name the audience"))
        }
        None => node.literals(),
    }
}

fn read_required_claim(node: &Node<'_>) -> Result<RequiredClaim, ConfigError> {
    let members = node.members(&["name", "match", "separator", "values"], &[])?;
    let values = members.read("values", |node| node.texts())?;
    let takes_any =
        members
            .read("match", |node| match node.text()? {
                "all" => Ok(false),
                "any" => Ok(true),
                _ => Err(node
                    .error("is neither `all` (every value must be in the token) nor `any` (at least one)")),
            })?
            .unwrap_or(false);
    let rule = match values {
        None => ClaimRule::Present,
        Some(values) if takes_any => ClaimRule::Any(values),
        Some(values) => ClaimRule::All(values),
    };
    Ok(RequiredClaim {
        name: members.require("name")?.text()?.to_owned(),
        rule,
        separator: members.read("separator", |node| node.text().map(str::to_owned))?,
    })
}

fn read_inline_keys(members: &Members<'_>) -> Result<Vec<Jwk>, ConfigError> {
    let keys = read_each(members, "issuer-signing-keys", r#"[ { "value": "…" } ]"#, read_inline_key)?;
    match members.get("issuer-signing-keys") {
        Some(node) if keys.len() > MAX_INLINE_KEYS => {
            Err(node.error(format!("has more than {MAX_INLINE_KEYS} keys")))
        }
        Some(_) | None => Ok(keys),
    }
}

fn read_inline_key(node: &Node<'_>) -> Result<Jwk, ConfigError> {
    const NOT_BUILT: [(&str, &str); 2] =
        [("value-from-env", "put the secret in `value`"), ("certificate-id", "use `n` and `e`, or `jwk`")];
    let members = node.members(&["id", "value", "n", "e", "jwk"], &NOT_BUILT)?;
    let id = members.read("id", |node| node.text().map(str::to_owned))?;
    let kinds = [members.get("value"), members.get("n").or_else(|| members.get("e")), members.get("jwk")];
    if kinds.iter().flatten().count() != 1 {
        return Err(node.error("expected one of `value` (Base64 secret), `n` with `e` (RSA) and `jwk`"));
    }
    if let Some(jwk) = members.get("jwk") {
        return read_jwk(&jwk, id);
    }
    let key = if let Some(value) = members.get("value") {
        VerifyingKey::Symmetric(read_secret(&value)?)
    } else {
        let modulus = decode_base64(&members.require("n")?)?;
        let exponent = decode_base64(&members.require("e")?)?;
        let key = PublicKey::rsa(&modulus, &exponent);
        VerifyingKey::Public(key.map_err(|fault| node.error(format!("unusable key: {fault}")))?)
    };
    Ok(Jwk { key_id: id, thumbprint: None, algorithm: None, issuer: None, key })
}

fn read_jwk(node: &Node<'_>, id: Option<String>) -> Result<Jwk, ConfigError> {
    let members = node.object("the members of a public key (RFC 7517)")?;
    if members.contains_key("keys") {
        return Err(node.error("is a key set; expected one key of it"));
    }
    if members.contains_key("k") {
        return Err(node.error("is a secret; write it as `value`, in Base64"));
    }
    if members.contains_key("d") {
        return Err(
            node.error("is a private key; leave its private members out, only the public ones are needed")
        );
    }
    let key = Jwk::parse(members).map_err(|error| node.error(format!("unusable key: {error}")))?;
    Ok(Jwk { key_id: id.or(key.key_id), ..key })
}

fn read_secret(node: &Node<'_>) -> Result<SymmetricKey, ConfigError> {
    let is_certificate =
        "is a certificate or a public key, not a secret; expected the Base64 of an HMAC secret";
    if node.text()?.contains("-----BEGIN") {
        return Err(node.error(is_certificate));
    }
    let secret = decode_base64(node)?;
    // As an HMAC key it would be a secret that everybody knows.
    if is_der_sequence(&secret) || secret.starts_with(b"-----BEGIN") {
        return Err(node.error(is_certificate));
    }
    SymmetricKey::new(secret).map_err(|fault| node.error(fault.to_string()))
}

/// Whether these bytes are one whole ASN.1 sequence, as certificates and public keys are: a tag, the length of the rest, the
/// rest.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let length = match bytes {
        [0x30, short, rest @ ..] if *short < 0x80 => Some((usize::from(*short), rest.len())),
        [0x30, 0x81, length, rest @ ..] => Some((usize::from(*length), rest.len())),
        [0x30, 0x82, high, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest.len()))
        }
        _ => None,
    };
    length.is_some_and(|(said, found)| said == found)
}

/// Base64 of either alphabet, with or without padding. The text is a secret: no message quotes it.
fn decode_base64(node: &Node<'_>) -> Result<Vec<u8>, ConfigError> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = node.text()?;
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, ANY_PADDING)
        .decode(text)
        .map_err(|_| node.error("is not Base64 (white space and line breaks are not part of it)"))
}

fn read_clusters(node: &Node<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    node.entries()?
        .into_iter()
        .map(|(host, cluster)| {
            let is_host = url::parse_authority(host).is_ok_and(|(parsed, port)| {
                host == port.map_or_else(|| parsed.clone(), |port| format!("{parsed}:{port}"))
            });
            if !is_host {
                return Err(
                    cluster.error("is not named by a host; expected `host` or `host:port` in lower case")
                );
            }
            Ok((host.to_owned(), read_cluster(&cluster)?))
        })
        .collect()
}

/// A cluster, or a pattern with `{host}` and `{port}`.
fn read_default_cluster(node: &Node<'_>) -> Result<String, ConfigError> {
    let pattern = read_cluster(node)?;
    if pattern.replace("{host}", "").replace("{port}", "").contains(['{', '}']) {
        return Err(node.error("has a placeholder other than `{host}` and `{port}`"));
    }
    Ok(pattern)
}

fn read_cluster(node: &Node<'_>) -> Result<String, ConfigError> {
    node.text().map(str::to_owned)
}

fn read_fetch(node: &Node<'_>) -> Result<Fetch, ConfigError> {
    let members = node.members(
        &[
            "timeout",
            "refresh-interval",
            "unknown-kid-interval",
            "max-stale",
            "max-response-bytes",
            "max-waiting-requests",
            "allow-http",
        ],
        &[],
    )?;
    let default = Fetch::default();
    let duration = |name, default| {
        members.read(name, |node| node.duration()).map(|duration| duration.unwrap_or(default))
    };
    Ok(Fetch {
        schedule: Schedule {
            timeout: read_timeout(&members)?.unwrap_or(default.schedule.timeout),
            refresh_interval: duration("refresh-interval", default.schedule.refresh_interval)?,
            unknown_kid_interval: duration("unknown-kid-interval", default.schedule.unknown_kid_interval)?,
            max_stale: duration("max-stale", default.schedule.max_stale)?,
        },
        max_response_bytes: members
            .read("max-response-bytes", |node| node.integer(1..=16_777_216, "bytes"))?
            .unwrap_or(default.max_response_bytes),
        max_waiting_requests: members
            .read("max-waiting-requests", |node| node.integer(1..=65_536, "requests"))?
            .unwrap_or(default.max_waiting_requests),
        allow_http: members.read("allow-http", |node| node.flag())?.unwrap_or(default.allow_http),
    })
}

/// A request that waits for keys waits for two of these at most.
fn read_timeout(members: &Members<'_>) -> Result<Option<Duration>, ConfigError> {
    const LONGEST: Duration = Duration::from_mins(5);
    members.read("timeout", |node| match node.duration()? {
        timeout if timeout > LONGEST => Err(node.error("is longer than `5m`; requests wait for it")),
        timeout => Ok(timeout),
    })
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            max_response_bytes: 262_144,
            max_waiting_requests: 1024,
            allow_http: false,
        }
    }
}
