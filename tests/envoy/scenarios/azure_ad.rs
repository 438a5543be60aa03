//! `validate-azure-ad-token` as APIM's documentation shows it: the smallest policy, and one for the users of every organization.

use crate::support::authority::Authority;
use crate::support::claims::{in_force, with, without};
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};

pub(super) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "99999999-8888-7777-6666-555555555555";
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const CLIENT: &str = "0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d";
const OTHER_CLIENT: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const HOST: &str = "contoso.azure-api.net";

/// What a tenant, or an endpoint for many, publishes for tokens of version 2 and of version 1.
pub(super) struct Tenant {
    v2: Authority,
    v1: Authority,
}

impl Tenant {
    /// The tenant that the smallest policy names.
    pub(super) fn own() -> Self {
        Self::new(TENANT, TENANT)
    }

    /// The endpoint for every organization, whose documents name a template.
    pub(super) fn organizations() -> Self {
        Self::new("organizations", "{tenantid}")
    }

    fn new(segment: &str, tenant: &str) -> Self {
        let mut v2 = Authority::entra(segment);
        v2.issuer = issuer_v2(tenant);
        let mut v1 = v2.clone();
        v1.issuer = issuer_v1(tenant);
        v1.configuration_path = format!("/{segment}/.well-known/openid-configuration");
        v1.keys_path = format!("/{segment}/discovery/keys");
        Self { v2, v1 }
    }

    pub(super) fn publish(&self, provider: &IdentityProvider) {
        self.v2.publish(provider);
        self.v1.publish(provider);
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.v2.token(claims)
    }

    fn bearer(&self, claims: &Value) -> Request {
        Request::get("/").bearer(&self.token(claims))
    }
}

pub(super) fn issuer_v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn issuer_v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn claims_v2(tenant: &str) -> Value {
    in_force(&json!({
        "aud": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "iss": issuer_v2(tenant),
        "azp": CLIENT,
        "azpacr": "1",
        "oid": "5b6c7d8e-1111-4222-8333-9f0a1b2c3d4e",
        "tid": tenant,
        "ver": "2.0",
    }))
}

fn claims_v1(tenant: &str) -> Value {
    in_force(&json!({
        "aud": "https://management.contoso.com/",
        "iss": issuer_v1(tenant),
        "appid": CLIENT,
        "appidacr": "1",
        "oid": "5b6c7d8e-1111-4222-8333-9f0a1b2c3d4e",
        "tid": tenant,
        "ver": "1.0",
    }))
}

fn refused(name: &str, request: Request, reason: &'static str) -> Case<'static> {
    let message =
        if reason == "TokenNotPresent" { "Azure AD JWT not present" } else { "Invalid Azure AD JWT" };
    Case::refused(name, request, Refusal::saying(reason, message))
}

pub(super) fn cases_of_workforce(tenant: &Tenant) -> Vec<Case<'static>> {
    let (v2, v1) = (claims_v2(TENANT), claims_v1(TENANT));
    let token = tenant.token(&v2);
    let bare = Request::get("/").secret(&token).header("authorization", &token);
    let other_tenant =
        |claims: Value, iss: String| with(&with(&claims, "tid", json!(OTHER_TENANT)), "iss", json!(iss));
    let stranger = Authority::entra(TENANT).token(&v2);
    vec![
        Case::passes("version 2", tenant.bearer(&v2)),
        Case::passes("version 1", tenant.bearer(&v1)),
        Case::passes("any audience", tenant.bearer(&without(&v2, "aud"))),
        refused("no token", Request::get("/"), "TokenNotPresent"),
        refused("token without scheme", bare, "TokenNotPresent"),
        refused(
            "another client",
            tenant.bearer(&with(&v2, "azp", json!(OTHER_CLIENT))),
            "TokenClientApplicationNotAllowed",
        ),
        refused(
            "another client, version 1",
            tenant.bearer(&with(&v1, "appid", json!(OTHER_CLIENT))),
            "TokenClientApplicationNotAllowed",
        ),
        refused("no client", tenant.bearer(&without(&v2, "azp")), "TokenClientApplicationNotAllowed"),
        refused(
            "another tenant",
            tenant.bearer(&other_tenant(v2.clone(), issuer_v2(OTHER_TENANT))),
            "TokenTenantNotAllowed",
        ),
        refused(
            "another tenant, version 1",
            tenant.bearer(&other_tenant(v1, issuer_v1(OTHER_TENANT))),
            "TokenTenantNotAllowed",
        ),
        refused(
            "another tenant under this one's issuer",
            tenant.bearer(&other_tenant(v2.clone(), issuer_v2(TENANT))),
            "TokenTenantNotAllowed",
        ),
        refused("no version", tenant.bearer(&without(&v2, "ver")), "TokenIssuerNotAllowed"),
        refused("no expiry", tenant.bearer(&without(&v2, "exp")), "TokenExpirationMissing"),
        refused("a stranger's key", Request::get("/").bearer(&stranger), "TokenSignatureKeyNotFound"),
    ]
}

pub(super) fn cases_of_organizations(tenant: &Tenant) -> Vec<Case<'static>> {
    let user =
        |organization: &str| with(&with(&claims_v2(organization), "aud", json!(HOST)), "ctry", json!("US"));
    let to = |host: &str, claims: &Value| tenant.bearer(claims).header("host", host);
    let own = user(TENANT);
    vec![
        Case::passes("a user", to(HOST, &own)),
        Case::passes("a user of another organization", to(HOST, &user(OTHER_TENANT))),
        Case::passes("host in capitals, with a port", to("Contoso.Azure-API.net:8443", &own)),
        refused(
            "another host than that of the audience",
            to("fabrikam.azure-api.net", &own),
            "TokenAudienceNotAllowed",
        ),
        refused(
            "a user of another country",
            to(HOST, &with(&own, "ctry", json!("FR"))),
            "TokenClaimValueNotAllowed",
        ),
        refused("a user of no country", to(HOST, &without(&own, "ctry")), "TokenClaimNotFound"),
        refused(
            "another client",
            to(HOST, &with(&own, "azp", json!(OTHER_CLIENT))),
            "TokenClientApplicationNotAllowed",
        ),
        refused("a personal account", to(HOST, &user(PERSONAL_ACCOUNTS)), "TokenTenantNotAllowed"),
        refused(
            "one organization's issuer, another's tid",
            to(HOST, &with(&own, "tid", json!(OTHER_TENANT))),
            "TokenTenantNotAllowed",
        ),
    ]
}
