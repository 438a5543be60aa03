//! A client application of an External ID tenant: the issuer's host is not the configuration's.

use super::{CONFIGURED_MESSAGE, Scenario};
use crate::support::authority::Authority;
use crate::support::claims::{in_force, with, without};
use crate::support::verdict::Case;
use serde_json::json;

const TENANT: &str = "00044076-b4b5-4404-b01f-00ee0c08e825";
const CLIENT: &str = "a3f5c2d1-7b8e-4c9d-a0e1-f2b3c4d5e6f7";

pub(super) fn scenario() -> Scenario {
    let authority = Authority::external_id("contoso", TENANT);
    let claims = in_force(&json!({
        "aud": "c0ffee00-1234-4abc-9def-0123456789ab",
        "iss": authority.issuer,
        "azp": CLIENT,
        "azpacr": "0",
        "oid": "44445555-eeee-6666-ffff-7777aaaa8888",
        "scp": "Orders.Read",
        "sub": "u1Yc0K2c7Qm3T9xWzvB5aLr4DfHs8NpJ",
        "tid": TENANT,
        "ver": "2.0",
    }));
    let stranger = Authority::external_id("fabrikam", "11155187-c5c6-5515-c12a-11ff1d19f936");
    Scenario { authority, stranger, claims, message: Some(CONFIGURED_MESSAGE) }
}

pub(super) fn cases(external_id: &Scenario) -> Vec<Case<'static>> {
    let claims = &external_id.claims;
    let by_name = format!("https://contoso.ciamlogin.com/{TENANT}/v2.0");
    let other_client = json!("b4a6d3e2-8c9f-4d0e-b1f2-a3c4d5e6f7a8");
    let mut cases = external_id.common_cases();
    cases.extend([
        external_id.refused("no client", &without(claims, "azp"), "TokenClaimNotFound"),
        external_id.refused(
            "another client",
            &with(claims, "azp", other_client),
            "TokenClaimValueNotAllowed",
        ),
        external_id.refused(
            "client of version 1",
            &with(&without(claims, "azp"), "appid", json!(CLIENT)),
            "TokenClaimNotFound",
        ),
        external_id.refused(
            "issuer by the tenant's name",
            &with(claims, "iss", json!(by_name)),
            "TokenIssuerNotAllowed",
        ),
    ]);
    cases
}
