//! `validate-azure-ad-token` as it is written, brought into the words of `validate-jwt`: the tenant becomes its two OpenID
//! configurations, of version 2 and 1, whose documents name the issuers.

use super::{
    ConfigError,
    keys::{self, KeySources},
    options::Options,
    policy::{
        MISPLACED_OPTIONS, OpenIdConfig, REFUSED_ID, WrittenPolicy, read_audiences, read_output_variable,
        read_refusal, read_required_claims,
    },
    reader::{Members, Node},
    source,
};
use crate::{
    issuer::{self, is_guid},
    policy::{ApplicationId, DefaultTexts, Entra, Tenant},
    url::Url,
};

/// Where Entra signs in the tenants of its public cloud.
const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

pub(super) fn read(
    name: &str,
    node: &Node<'_>,
    options: Options,
    sources: KeySources<'_>,
) -> Result<WrittenPolicy, ConfigError> {
    let known = [
        "tenant-id",
        "header-name",
        "query-parameter-name",
        "token-value",
        "authentication-endpoint",
        "failed-validation-httpcode",
        "failed-validation-error-message",
        "output-token-variable-name",
        "backend-application-ids",
        "client-application-ids",
        "audiences",
        "required-claims",
        "decryption-keys",
    ];
    let without = |rest: &str| format!("is not a word of `validate-azure-ad-token`, where {rest}");
    let (clock_skew, keys, issuers, signed, expiration, scheme) = (
        without("the skew is 0; set `options.clock-skew`"),
        without("the tenant's metadata leads to the keys; remove it, or use `validate-jwt`"),
        without("the tenant's metadata names the issuers; remove it, or use `validate-jwt`"),
        without("tokens are always signed; remove it, or use `validate-jwt`"),
        without("`exp` is always required; remove it, or use `validate-jwt`"),
        without("the scheme in `Authorization` is always `Bearer`; remove it"),
    );
    let refused = [
        REFUSED_ID,
        MISPLACED_OPTIONS,
        ("clock-skew", clock_skew.as_str()),
        ("openid-config", &keys),
        ("issuer-signing-keys", &keys),
        ("issuers", &issuers),
        ("require-signed-tokens", &signed),
        ("require-expiration-time", &expiration),
        ("require-scheme", &scheme),
        (
            "allow-protected-forwarded-tokens",
            "is about tokens that Microsoft's own services forward, and has no documented meaning; remove it",
        ),
        (
            "allow-proof-of-possession-tokens",
            "has no documented meaning; proofs of possession are not checked, bearer tokens are taken: remove it",
        ),
    ];
    let members = node.members(&known, &refused)?;
    let endpoint = read_endpoint(&members)?;
    let tenant_id = members.require("tenant-id")?;
    let segment = read_tenant(&tenant_id, &endpoint)?;
    let tenant = match segment.to_ascii_lowercase().as_str() {
        "organizations" => Tenant::Organizations,
        "common" => Tenant::Common,
        "consumers" => Tenant::Consumers,
        id if is_guid(id) => Tenant::Id(id.to_owned()),
        _ => Tenant::Domain,
    };
    let audiences = read_audiences(&members)?;
    let applications = |name| {
        let ids = members.read(name, |node| node.literals())?;
        Ok(ids.map(|ids| ids.into_iter().map(ApplicationId::new).collect()))
    };
    let entra = Entra {
        backend_applications: applications("backend-application-ids")?,
        client_applications: applications("client-application-ids")?,
        tenant,
    };
    if audiences.is_none()
        && entra.backend_applications.is_none()
        && entra.client_applications.is_none()
        && !options.allow_any_audience
    {
        return Err(node.error(
            "has neither `audiences` nor `client-application-ids` nor `backend-application-ids`, so that a token for any \
             other API of the tenant would pass; add one, or set `options.allow-any-audience` to true",
        ));
    }
    let (status, message) = read_refusal(&members)?;
    let (source, has_idle_scheme) = source::read(node, &members, Some("Authorization"))?;
    Ok(WrittenPolicy {
        path: node.path().to_owned(),
        name: name.to_owned(),
        source,
        has_idle_scheme,
        status,
        message,
        defaults: DefaultTexts::VALIDATE_AZURE_AD_TOKEN,
        require_expiration: true,
        require_signed: true,
        clock_skew: options.clock_skew.unwrap_or(0),
        output_variable: read_output_variable(&members)?,
        openid_config: openid_configs(&tenant_id, &endpoint, &segment, &entra.tenant)?,
        inline_keys: Vec::new(),
        decryption_keys: keys::read_decryption_keys(&members, sources, true)?,
        audiences,
        issuers: None,
        entra: Some(entra),
        required_claims: read_required_claims(&members)?,
        options,
    })
}

/// `authentication-endpoint`: a host, with or without `https://`.
fn read_endpoint(members: &Members<'_>) -> Result<Url, ConfigError> {
    let endpoint = members.read("authentication-endpoint", |node| {
        let text = node.literal()?;
        let whole = if text.contains("://") { text } else { format!("https://{text}") };
        let url = Url::parse(&whole).map_err(|error| node.error(error.to_string()))?;
        if url.target() != "/" {
            return Err(node.error(
                "has a path; expected the host of an Entra cloud alone, such as `https://login.microsoftonline.us`",
            ));
        }
        if is_customers(url.host()) {
            return Err(node.error(NOT_FOR_CUSTOMERS));
        }
        Ok(url)
    })?;
    match endpoint {
        Some(endpoint) => Ok(endpoint),
        None => Url::parse(PUBLIC_CLOUD).map_err(|error| members.error(error.to_string())),
    }
}

const NOT_FOR_CUSTOMERS: &str = "is a host of External ID or Azure AD B2C, which `validate-azure-ad-token` does not take; \
                                 use `validate-jwt` with its `openid-config`";

fn is_customers(host: &str) -> bool {
    host.ends_with(".ciamlogin.com") || host.ends_with(".b2clogin.com")
}

/// The tenant as it stands in the path of its metadata: a GUID, a domain, `organizations`, `common` or `consumers`.
fn read_tenant(node: &Node<'_>, endpoint: &Url) -> Result<String, ConfigError> {
    let text = node.literal()?;
    let tenant = if text.contains("://") {
        let url = Url::parse(&text).map_err(|error| node.error(error.to_string()))?;
        let segment = url.first_segment();
        if is_customers(url.host()) {
            return Err(node.error(NOT_FOR_CUSTOMERS));
        }
        if issuer::is_same_authority(url.host(), endpoint.host()) {
            if segment.is_empty() {
                return Err(
                    node.error("names no tenant; expected its id or domain as the first part of the path")
                );
            }
            segment.to_owned()
        } else if issuer::is_entra(url.host()) {
            return Err(node.error(format!(
                "is of another cloud than `authentication-endpoint`, which is {}",
                endpoint.host()
            )));
        } else if segment.is_empty() {
            url.host().to_owned()
        } else {
            return Err(node.error(
                "is neither a URL of the authentication endpoint nor one with the tenant's domain as its host and no path",
            ));
        }
    } else {
        text
    };
    let is_well_known =
        ["organizations", "common", "consumers"].contains(&tenant.to_ascii_lowercase().as_str());
    if is_well_known || is_guid(&tenant) || is_domain(&tenant) {
        return Ok(tenant.to_ascii_lowercase());
    }
    Err(node.error(
        "is not a tenant; expected its GUID, one of its domains (`contoso.com`), a URL with one of them, `organizations`, \
         `common` or `consumers`",
    ))
}

/// Whether `text` is labels with a dot between each two (RFC 1035 §2.3.1, and `_`): it becomes a segment of a path.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.contains('.') && text.split('.').all(is_label)
}

/// The documents of version 2 and of version 1; personal accounts have the first alone.
fn openid_configs(
    node: &Node<'_>,
    endpoint: &Url,
    segment: &str,
    tenant: &Tenant,
) -> Result<Vec<OpenIdConfig>, ConfigError> {
    let versions: &[&str] = if *tenant == Tenant::Consumers { &["/v2.0"] } else { &["/v2.0", ""] };
    let scheme = endpoint.scheme().name();
    versions
        .iter()
        .map(|version| {
            let authority = endpoint.authority();
            let text = format!("{scheme}://{authority}/{segment}{version}/.well-known/openid-configuration");
            let url = Url::parse(&text).map_err(|error| node.error(error.to_string()))?;
            Ok(OpenIdConfig { path: node.path().to_owned(), url })
        })
        .collect()
}
