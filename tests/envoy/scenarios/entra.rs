//! A daemon that calls with client credentials, and must hold an app role.

use super::Scenario;
use crate::support::authority::Authority;
use crate::support::claims::{in_force, with, without};
use crate::support::http_client::Request;
use crate::support::verdict::Case;
use serde_json::json;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "99999999-8888-7777-6666-555555555555";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

pub(super) fn scenario() -> Scenario {
    let authority = Authority::entra(TENANT);
    let claims = in_force(&json!({
        "aud": API,
        "iss": authority.issuer,
        "azp": "0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d",
        "azpacr": "1",
        "idtyp": "app",
        "oid": "5b6c7d8e-1111-4222-8333-9f0a1b2c3d4e",
        "roles": ["Reports.Read", "Api.Access"],
        "sub": "5b6c7d8e-1111-4222-8333-9f0a1b2c3d4e",
        "tid": TENANT,
        "uti": "qL0Zx3nTj0aY7Fb1m2c4AA",
        "ver": "2.0",
    }));
    Scenario { authority, stranger: Authority::entra(OTHER_TENANT), claims, message: None }
}

pub(super) fn cases(entra: &Scenario) -> Vec<Case<'static>> {
    let claims = &entra.claims;
    let bare = Request::get("/").secret(entra.token(claims)).header("authorization", entra.token(claims));
    let version_1 = json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": "api://orders",
        "appid": "0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d",
        "appidacr": "1",
        "roles": ["Api.Access"],
        "tid": TENANT,
        "ver": "1.0",
    });
    let mut cases = entra.common_cases();
    cases.extend([
        entra.passes("application id URI as audience", &with(claims, "aud", json!("api://orders"))),
        entra.passes("the same with a slash", &with(claims, "aud", json!("api://orders/"))),
        entra.passes("one role alone", &with(claims, "roles", json!(["Api.Access"]))),
        entra.refused_request("token without scheme", bare, "TokenNotPresent"),
        entra.refused("no roles", &without(claims, "roles"), "TokenClaimNotFound"),
        entra.refused(
            "another role",
            &with(claims, "roles", json!(["Reports.Read"])),
            "TokenClaimValueNotAllowed",
        ),
        entra.refused(
            "role in other letters",
            &with(claims, "roles", json!(["api.access"])),
            "TokenClaimValueNotAllowed",
        ),
        entra.refused(
            "longer role",
            &with(claims, "roles", json!(["Api.Access.All"])),
            "TokenClaimValueNotAllowed",
        ),
        entra.refused("issuer with a slash", &with(claims, "iss", slashed(entra)), "TokenIssuerNotAllowed"),
        entra.refused("token of version 1", &in_force(&version_1), "TokenIssuerNotAllowed"),
    ]);
    cases
}

fn slashed(entra: &Scenario) -> serde_json::Value {
    json!(format!("{}/", entra.authority.issuer))
}
