//! Tokens with the claims that each kind of provider really writes.

use super::{Issuer, contoso, sites};
use crate::clock;
use crate::signing::{SigningError, random_kid};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Workforce, version 2.0: a daemon with an application role.
    EntraV2,
    /// Workforce, version 1.0: the same daemon.
    EntraV1,
    /// Azure AD B2C: a customer who signed in through a user flow.
    B2c,
    /// External ID (`ciamlogin.com`), version 2.0: a customer who signed in.
    ExternalId,
    /// Any other provider, with RFC 9068 claims.
    Plain,
}

/// A wish for a token: a shape, and what differs from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mint {
    shape: Shape,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default = "one_hour")]
    expires_in: i64,
}

fn one_hour() -> i64 {
    3600
}

/// How far from now a token may expire, in seconds: ten years.
const FARTHEST: u64 = 10 * 365 * 24 * 3600;

/// Why a token could not be minted.
#[derive(Debug)]
pub enum MintError {
    /// The tenant is not a GUID.
    Tenant(String),
    /// The shape has no tenant.
    NoTenant,
    /// The shape needs a host, or has none.
    Host(Shape),
    /// The lifetime is beyond reason.
    ExpiresIn(i64),
    /// The signature failed.
    Signing(SigningError),
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "tenant: {tenant:?} is not a GUID"),
            Self::NoTenant => f.write_str("tenant: the shape plain has none, leave it out"),
            Self::Host(Shape::Plain) => {
                f.write_str("host: the shape plain needs it: the issuer is http://<host>")
            }
            Self::Host(_) => f.write_str("host: only the shape plain has one, leave it out"),
            Self::ExpiresIn(seconds) => {
                write!(f, "expires-in: {seconds} is more than {FARTHEST} seconds from now")
            }
            Self::Signing(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MintError {}

impl From<SigningError> for MintError {
    fn from(error: SigningError) -> Self {
        Self::Signing(error)
    }
}

impl Mint {
    /// A token of a shape as its provider issues it, good for one hour.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            tenant: None,
            host: None,
            claims: Map::new(),
            header: Map::new(),
            expires_in: one_hour(),
        }
    }

    /// For another tenant (a GUID) than Contoso's.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// The host of a plain provider.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// As [`host`](Self::host), where a plain provider was asked for without one.
    #[must_use]
    pub(super) fn default_host(mut self, host: &str) -> Self {
        if self.shape == Shape::Plain && self.host.is_none() {
            self.host = Some(host.to_owned());
        }
        self
    }

    /// Replaces or adds a claim; `null` removes it.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Replaces or adds a header member; `null` removes it. What the header says does not change how it is signed.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Seconds from now until the token expires; a negative number makes one that expired before.
    #[must_use]
    pub fn expires_in(mut self, seconds: i64) -> Self {
        self.expires_in = seconds;
        self
    }

    fn tenant_or(&self, default: &str) -> Result<String, MintError> {
        match &self.tenant {
            None => Ok(default.to_owned()),
            Some(tenant) if sites::is_guid(tenant) => Ok(tenant.to_ascii_lowercase()),
            Some(tenant) => Err(MintError::Tenant(tenant.clone())),
        }
    }
}

impl Issuer {
    /// A token, as of now.
    pub fn mint(&self, wish: &Mint) -> Result<String, MintError> {
        self.mint_at(wish, clock::now())
    }

    /// A token, as of another time (seconds since 1970).
    pub fn mint_at(&self, wish: &Mint, now: u64) -> Result<String, MintError> {
        let key = self.signing_key(wish.shape);
        let mut claims = claims_of(wish)?;
        claims.extend(dates(wish.expires_in, now)?);
        apply(&mut claims, &wish.claims);

        let mut header = Map::new();
        header.insert("typ".to_owned(), json!(if wish.shape == Shape::Plain { "at+jwt" } else { "JWT" }));
        header.insert("alg".to_owned(), json!(key.algorithm().name()));
        header.insert("kid".to_owned(), json!(key.kid()));
        if wish.shape == Shape::EntraV1 {
            header.insert("x5t".to_owned(), json!(key.kid()));
        }
        apply(&mut header, &wish.header);

        // Raw, because `sign` would put a removed `alg` or `kid` back.
        let header = Value::Object(header).to_string();
        let claims = Value::Object(claims).to_string();
        Ok(key.sign_raw(header.as_bytes(), claims.as_bytes())?)
    }
}

fn apply(members: &mut Map<String, Value>, overrides: &Map<String, Value>) {
    for (name, value) in overrides {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

/// `iat`, `nbf` and `exp`. Entra dates a token five minutes back; one that has expired lived for an hour before.
fn dates(expires_in: i64, now: u64) -> Result<Map<String, Value>, MintError> {
    if expires_in.unsigned_abs() > FARTHEST {
        return Err(MintError::ExpiresIn(expires_in));
    }
    let expires = now.saturating_add_signed(expires_in);
    let issued = now.min(expires.saturating_sub(3600)).saturating_sub(300);
    Ok(members(json!({ "iat": issued, "nbf": issued, "exp": expires })))
}

fn claims_of(wish: &Mint) -> Result<Map<String, Value>, MintError> {
    if wish.host.is_some() != (wish.shape == Shape::Plain) {
        return Err(MintError::Host(wish.shape));
    }
    let claims = match wish.shape {
        Shape::EntraV2 => {
            let tenant = wish.tenant_or(contoso::ENTRA_TENANT)?;
            json!({
                "iss": sites::entra_v2_issuer(&tenant),
                "aud": contoso::ENTRA_API,
                "aio": random_kid(),
                "azp": contoso::ENTRA_CLIENT,
                "azpacr": "1",
                "oid": contoso::ENTRA_CLIENT_OBJECT,
                "rh": random_kid(),
                "roles": [contoso::ENTRA_ROLE],
                "sub": contoso::ENTRA_CLIENT_OBJECT,
                "tid": tenant,
                "uti": random_kid(),
                "ver": "2.0",
            })
        }
        Shape::EntraV1 => {
            let tenant = wish.tenant_or(contoso::ENTRA_TENANT)?;
            let issuer = sites::entra_v1_issuer(&tenant);
            json!({
                "iss": issuer,
                "aud": contoso::ENTRA_API_URI,
                "aio": random_kid(),
                "appid": contoso::ENTRA_CLIENT,
                "appidacr": "1",
                "idp": issuer,
                "oid": contoso::ENTRA_CLIENT_OBJECT,
                "rh": random_kid(),
                "roles": [contoso::ENTRA_ROLE],
                "sub": contoso::ENTRA_CLIENT_OBJECT,
                "tid": tenant,
                "uti": random_kid(),
                "ver": "1.0",
            })
        }
        Shape::B2c => {
            let tenant = wish.tenant_or(contoso::B2C_TENANT)?;
            // `ver` is 1.0 and still the caller stands in `azp`; there is no `tid`.
            json!({
                "iss": sites::b2c_issuer(contoso::B2C_HOST, &tenant),
                "aud": contoso::B2C_API,
                "azp": contoso::B2C_CLIENT,
                "name": "Alice Example",
                "oid": contoso::USER_OBJECT,
                "scp": "orders.read orders.write",
                "sub": contoso::USER_OBJECT,
                "tfp": contoso::B2C_USER_FLOW,
                "ver": "1.0",
            })
        }
        Shape::ExternalId => {
            let tenant = wish.tenant_or(contoso::EXTERNAL_ID_TENANT)?;
            json!({
                "iss": sites::external_id_issuer(&tenant),
                "aud": contoso::EXTERNAL_ID_API,
                "aio": random_kid(),
                "azp": contoso::EXTERNAL_ID_CLIENT,
                "azpacr": "0",
                "name": "Alice Example",
                "oid": contoso::USER_OBJECT,
                "preferred_username": "alice@example.com",
                "rh": random_kid(),
                "scp": "orders.read",
                // Pairwise: another value than `oid`, and another one for each application.
                "sub": random_kid(),
                "tid": tenant,
                "uti": random_kid(),
                "ver": "2.0",
            })
        }
        Shape::Plain => {
            if wish.tenant.is_some() {
                return Err(MintError::NoTenant);
            }
            json!({
                "iss": sites::plain_issuer(wish.host.as_deref().unwrap_or_default()),
                "aud": "orders",
                "client_id": "daemon",
                "jti": random_kid(),
                "scope": "orders.read orders.write",
                "sub": "alice",
            })
        }
    };
    Ok(members(claims))
}

fn members(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}
