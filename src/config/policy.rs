//! One policy as it is written: `validate-jwt`, or `validate-azure-ad-token`, which is read into the same words.

use super::{
    ConfigError, azure_ad,
    keys::{self, KeySources},
    options::{self, Kind, Options},
    reader::{Members, Node},
    source,
};
use crate::{
    extract::TokenSource,
    jwe::DecryptionKey,
    jwk::Jwk,
    policy::{Audience, ClaimRule, DefaultTexts, Entra, RequiredClaim},
    url::Url,
};

/// The most seconds of `clock-skew`: beyond a day it is no skew.
pub(super) const MAX_CLOCK_SKEW: u32 = 86_400;

/// The place of the host that a request names, in `audiences`.
const REQUEST_HOST: &str = "{request-host}";

/// A policy with APIM's defaults.
#[derive(Debug)]
pub(super) struct WrittenPolicy {
    /// Where it stands: `validate-jwt`, or `policies.name.validate-jwt`.
    pub(super) path: String,
    /// The member of `policies` that it is, or the name of its kind.
    pub(super) name: String,
    pub(super) source: TokenSource,
    /// Whether `require-scheme` stands beside a source that has no scheme.
    pub(super) has_idle_scheme: bool,
    pub(super) status: u16,
    pub(super) message: Option<String>,
    pub(super) defaults: DefaultTexts,
    pub(super) require_expiration: bool,
    pub(super) require_signed: bool,
    pub(super) clock_skew: u32,
    pub(super) output_variable: Option<(String, String)>,
    pub(super) openid_config: Vec<OpenIdConfig>,
    pub(super) inline_keys: Vec<Jwk>,
    pub(super) decryption_keys: Vec<DecryptionKey>,
    pub(super) audiences: Option<Vec<Audience>>,
    pub(super) issuers: Option<Vec<String>>,
    pub(super) entra: Option<Entra>,
    pub(super) required_claims: Vec<RequiredClaim>,
    pub(super) options: Options,
}

/// One of `openid-config`, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct OpenIdConfig {
    pub(super) path: String,
    pub(super) url: Url,
}

/// Reads the policy that is a member of `members`, under the one of its two names that stands there, with its `options`.
pub(super) fn read(
    name: Option<&str>,
    members: &Members<'_>,
    sources: KeySources<'_>,
) -> Result<WrittenPolicy, ConfigError> {
    let options = members.get("options");
    match (members.get("validate-jwt"), members.get("validate-azure-ad-token")) {
        (Some(node), None) => {
            let options = options::read(options, Kind::ValidateJwt)?;
            read_validate_jwt(name.unwrap_or("validate-jwt"), &node, options, sources)
        }
        (None, Some(node)) => {
            let options = options::read(options, Kind::ValidateAzureAdToken)?;
            azure_ad::read(name.unwrap_or("validate-azure-ad-token"), &node, options, sources)
        }
        (Some(_), Some(_)) => Err(members.error(
            "has both `validate-jwt` and `validate-azure-ad-token`; name each in `policies`, and let `rules` choose",
        )),
        (None, None) => Err(members.error("has no policy; add `validate-jwt` or `validate-azure-ad-token`")),
    }
}

/// What the two policies say of words of APIM's schema that mean nothing to a filter.
pub(super) const REFUSED_ID: (&str, &str) =
    ("id", "names the policy in API Management's traces; here a policy is named by its place in `policies`");

/// What both policies say of their `options`, which API Management has no word for.
pub(super) const MISPLACED_OPTIONS: (&str, &str) =
    ("options", "stands beside the policy, not in it; write it one level higher");

fn read_validate_jwt(
    name: &str,
    node: &Node<'_>,
    options: Options,
    sources: KeySources<'_>,
) -> Result<WrittenPolicy, ConfigError> {
    let known = [
        "header-name",
        "query-parameter-name",
        "token-value",
        "require-scheme",
        "failed-validation-httpcode",
        "failed-validation-error-message",
        "require-expiration-time",
        "require-signed-tokens",
        "clock-skew",
        "output-token-variable-name",
        "openid-config",
        "issuer-signing-keys",
        "decryption-keys",
        "audiences",
        "issuers",
        "required-claims",
    ];
    let refused = [
        REFUSED_ID,
        MISPLACED_OPTIONS,
        (
            "issuer-signing-tokens",
            "is a form that API Management gave up; write the keys as `issuer-signing-keys`",
        ),
        (
            "tenant-id",
            "is a word of `validate-azure-ad-token`; name the tenant in the URL of `openid-config`, or use that policy",
        ),
        (
            "client-application-ids",
            "is a word of `validate-azure-ad-token`; here ask for the claim `azp` (in v1 tokens `appid`) in `required-claims`",
        ),
    ];
    let members = node.members(&known, &refused)?;
    let (status, message) = read_refusal(&members)?;
    let (source, has_idle_scheme) = source::read(node, &members, None)?;
    Ok(WrittenPolicy {
        path: node.path().to_owned(),
        name: name.to_owned(),
        source,
        has_idle_scheme,
        status,
        message,
        defaults: DefaultTexts::VALIDATE_JWT,
        require_expiration: members.read("require-expiration-time", |node| node.flag())?.unwrap_or(true),
        require_signed: members.read("require-signed-tokens", |node| node.flag())?.unwrap_or(true),
        clock_skew: members.read("clock-skew", |node| read_clock_skew(&node))?.unwrap_or(0),
        output_variable: read_output_variable(&members)?,
        openid_config: read_each(
            &members,
            "openid-config",
            r#"[ { "url": "https://…" } ]"#,
            read_openid_config,
        )?,
        inline_keys: keys::read_signing_keys(&members, sources)?,
        decryption_keys: keys::read_decryption_keys(&members, sources, false)?,
        audiences: read_audiences(&members)?,
        issuers: members.read("issuers", |node| node.literals())?,
        entra: None,
        required_claims: read_required_claims(&members)?,
        options,
    })
}

pub(super) fn read_each<T>(
    members: &Members<'_>,
    name: &str,
    example: &str,
    read: impl Fn(&Node<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let elements = members.read(name, |node| node.list(example))?.unwrap_or_default();
    elements.iter().map(read).collect()
}

/// `failed-validation-httpcode` and `failed-validation-error-message`.
pub(super) fn read_refusal(members: &Members<'_>) -> Result<(u16, Option<String>), ConfigError> {
    let status = members.read("failed-validation-httpcode", |node| read_status(&node))?.unwrap_or(401);
    let message = members.read("failed-validation-error-message", |node| node.text().map(str::to_owned))?;
    Ok((status, message))
}

/// A status of HTTP that says that a request failed.
pub(super) fn read_status(node: &Node<'_>) -> Result<u16, ConfigError> {
    let status = node.integer(400..=599, "an error status")?;
    u16::try_from(status).map_err(|_| node.error("is no status"))
}

pub(super) fn read_clock_skew(node: &Node<'_>) -> Result<u32, ConfigError> {
    node.integer(0..=MAX_CLOCK_SKEW, "seconds")
}

/// The variable, and where it is named.
pub(super) fn read_output_variable(members: &Members<'_>) -> Result<Option<(String, String)>, ConfigError> {
    members.read("output-token-variable-name", |node| {
        let name = node.name()?;
        if name == crate::reply::REPORT_VARIABLE {
            return Err(node.error("is the name under which `report-only` tells its reason; choose another"));
        }
        Ok((node.path().to_owned(), name.to_owned()))
    })
}

fn read_openid_config(node: &Node<'_>) -> Result<OpenIdConfig, ConfigError> {
    let refused = [
        (
            "validate-connectivity",
            "is about API Management's test when a policy is saved; the filter makes none and fetches when it runs: remove it",
        ),
        ("host", "has no documented meaning; the host is that of `url`"),
    ];
    let url = node.members(&["url"], &refused)?.require("url")?;
    Ok(OpenIdConfig { path: url.path().to_owned(), url: read_url(&url)? })
}

/// The whole URL of a document.
pub(super) fn read_url(node: &Node<'_>) -> Result<Url, ConfigError> {
    Url::parse(&node.literal()?).map_err(|error| {
        node.error(format!(
            "{error}; expected the whole URL of the discovery document, such as \
             `https://login.microsoftonline.com/{{tenant}}/v2.0/.well-known/openid-configuration`"
        ))
    })
}

pub(super) fn read_audiences(members: &Members<'_>) -> Result<Option<Vec<Audience>>, ConfigError> {
    members.read("audiences", |node| node.list(r#"[ "api://…" ]"#)?.iter().map(read_audience).collect())
}

fn read_audience(node: &Node<'_>) -> Result<Audience, ConfigError> {
    let text = node.text()?;
    let Some((before, after)) = text.split_once(REQUEST_HOST) else {
        return node.literal().map(Audience::Literal);
    };
    if [before, after].iter().any(|text| text.contains(['<', '>', '{', '}'])) {
        return Err(node.error("has a placeholder other than one `{request-host}`"));
    }
    Ok(Audience::RequestHost { before: before.to_owned(), after: after.to_owned() })
}

pub(super) fn read_required_claims(members: &Members<'_>) -> Result<Vec<RequiredClaim>, ConfigError> {
    read_each(members, "required-claims", r#"[ { "name": "…", "values": [ "…" ] } ]"#, read_required_claim)
}

fn read_required_claim(node: &Node<'_>) -> Result<RequiredClaim, ConfigError> {
    let refused =
        [("value", "is one element of API Management's XML; write all of them as the list `values`")];
    let members = node.members(&["name", "match", "separator", "values"], &refused)?;
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
