//! Users of Azure AD B2C: one audience and issuer, several of both, and the migration from the old issuer host.

use super::{CONFIGURED_MESSAGE, Scenario};
use crate::support::authority::Authority;
use crate::support::claims::{in_force, with};
use crate::support::http_client::Request;
use crate::support::verdict::Case;
use serde_json::{Value, json};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OLD_ISSUER: &str = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/";
const FIRST_AUDIENCE: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const SECOND_AUDIENCE: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

pub(super) fn user_flow() -> Scenario {
    let authority = Authority::b2c("contoso", TENANT, "B2C_1_signupsignin1");
    let claims = in_force(&json!({
        "aud": FIRST_AUDIENCE,
        "iss": authority.issuer,
        "azp": "22223333-cccc-4444-dddd-5555eeee6666",
        "oid": "33334444-dddd-5555-eeee-6666ffff7777",
        "scp": "orders.read",
        "sub": "33334444-dddd-5555-eeee-6666ffff7777",
        "tfp": "B2C_1_signupsignin1",
        "ver": "1.0",
    }));
    let stranger = Authority::b2c("fabrikam", "bbbbcccc-1111-dddd-2222-eeee3333ffff", "B2C_1_signupsignin1");
    Scenario { authority, stranger, claims, message: Some(CONFIGURED_MESSAGE) }
}

pub(super) fn cases(b2c: &Scenario) -> Vec<Case<'static>> {
    let claims = &b2c.claims;
    let mut cases = shared_cases(b2c);
    cases.extend([
        b2c.refused("issuer of before", &with(claims, "iss", json!(OLD_ISSUER)), "TokenIssuerNotAllowed"),
        b2c.refused(
            "second audience",
            &with(claims, "aud", json!(SECOND_AUDIENCE)),
            "TokenAudienceNotAllowed",
        ),
    ]);
    cases
}

/// Both issuers and both audiences pass, in every combination.
pub(super) fn cases_of_several(b2c: &Scenario) -> Vec<Case<'static>> {
    let mut cases = shared_cases(b2c);
    for issuer in [b2c.authority.issuer.as_str(), OLD_ISSUER] {
        for audience in [FIRST_AUDIENCE, SECOND_AUDIENCE] {
            let claims = with(&with(&b2c.claims, "iss", json!(issuer)), "aud", json!(audience));
            cases.push(b2c.passes(&format!("{issuer} for {audience}"), &claims));
        }
    }
    let old = with(&b2c.claims, "iss", json!(OLD_ISSUER));
    cases.extend([
        b2c.refused(
            "old issuer without slash",
            &with(&old, "iss", unslashed(OLD_ISSUER)),
            "TokenIssuerNotAllowed",
        ),
        b2c.refused(
            "old issuer, other audience",
            &with(&old, "aud", json!("other")),
            "TokenAudienceNotAllowed",
        ),
        b2c.refused_token(
            "old issuer, a stranger's key",
            &b2c.stranger.token(&old),
            "TokenSignatureKeyNotFound",
        ),
    ]);
    cases
}

fn shared_cases(b2c: &Scenario) -> Vec<Case<'static>> {
    let claims = &b2c.claims;
    let bare = Request::get("/").secret(b2c.token(claims)).header("authorization", b2c.token(claims));
    let other_flow = Authority::b2c("contoso", TENANT, "B2C_1_profile");
    let without_slash = with(claims, "iss", unslashed(&b2c.authority.issuer));
    let mut cases = b2c.common_cases();
    cases.extend([
        Case::passes("token without scheme, which the policy does not ask for", bare),
        b2c.refused("issuer without slash", &without_slash, "TokenIssuerNotAllowed"),
        b2c.refused_token("key of another user flow", &other_flow.token(claims), "TokenSignatureKeyNotFound"),
    ]);
    cases
}

fn unslashed(issuer: &str) -> Value {
    json!(issuer.strip_suffix('/').unwrap())
}
