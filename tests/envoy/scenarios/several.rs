//! Staff by Entra ID, partners by a provider of their own, and what the backend learns of them.

use super::azure_ad::{TENANT, Tenant, issuer_v2};
use crate::support::authority::Authority;
use crate::support::claims::{in_force, with};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use serde_json::{Value, json};

pub(super) struct Parties {
    staff: Tenant,
    partners: Authority,
}

/// What became of a request: the reason of its refusal, or the user and the roles that the upstream was told.
#[derive(Debug, PartialEq)]
enum Seen {
    Refused(u16, String),
    Passed(Option<String>, Option<String>),
}

impl Parties {
    pub(super) fn new() -> Self {
        Self { staff: Tenant::own(), partners: Authority::plain("id.fabrikam.example") }
    }

    pub(super) fn publish(&self, provider: &IdentityProvider) {
        self.staff.publish(provider);
        self.partners.publish(provider);
    }

    fn of_staff() -> Value {
        in_force(&json!({
            "aud": "api://orders", "iss": issuer_v2(TENANT), "tid": TENANT, "ver": "2.0",
            "oid": "5b6c7d8e", "roles": ["Api.Access", "Reader"],
        }))
    }

    fn of_partner(&self) -> Value {
        let claims = json!({ "aud": "api://orders", "iss": self.partners.issuer, "sub": "fabrikam-7", "scope": "orders.read x" });
        in_force(&claims)
    }

    pub(super) fn check(&self, envoy: &Envoy) {
        let staff = self.staff.token(&Self::of_staff());
        let without_role = self.staff.token(&with(&Self::of_staff(), "roles", json!(["Reader"])));
        let partner = self.partners.token(&self.of_partner());
        let told =
            |user: &str, roles: Option<&str>| Seen::Passed(Some(user.to_owned()), roles.map(str::to_owned));
        let nobody = || Seen::Passed(None, None);
        let refused = |status, reason: &str| Seen::Refused(status, format!("validate_jwt{{{reason}}}"));
        for (request, expected) in [
            (Request::get("/healthz"), nobody()),
            (Request::get("/healthz/x"), refused(401, "TokenNotPresent")),
            (Request::get("/admin").bearer(&staff), told("5b6c7d8e", Some("Api.Access,Reader"))),
            (Request::get("/admin/x").bearer(&partner), refused(401, "TokenAlgorithmNotAllowed")),
            (Request::get("/admin").bearer(&without_role), refused(403, "TokenClaimValueNotAllowed")),
            (Request::get("/administrator").bearer(&partner), told("fabrikam-7", None)),
            (Request::get("/catalog"), nobody()),
            (Request::get("/catalog").bearer(&partner), told("fabrikam-7", None)),
            (Request::get("/catalog").header("authorization", "Basic eDp5"), refused(401, "TokenNotPresent")),
            (Request::new("POST", "/catalog"), refused(401, "TokenNotPresent")),
            (Request::get("/orders").bearer(&staff), told("5b6c7d8e", Some("Api.Access,Reader"))),
            (Request::get("/orders").bearer(&without_role), refused(403, "TokenClaimValueNotAllowed")),
            (Request::get("/orders"), refused(401, "TokenNotPresent")),
            (Request::get("/orders/%2e%2e/admin").bearer(&staff), refused(400, "PathAmbiguous")),
            (
                Request::new("OPTIONS", "/orders")
                    .header("origin", "https://app.example")
                    .header("access-control-request-method", "POST"),
                nobody(),
            ),
        ] {
            let about = format!("{request:?}");
            let request = request.header("x-user-id", "mallory").header("X-User_Roles", "Admin");
            let answered = envoy.send("several", request);
            let seen = match envoy.upstream().seen(&answered.id) {
                Some(seen) => {
                    let header = |name: &str| seen.headers.text(name).map(str::to_owned);
                    assert_eq!(header("x-user_roles"), None, "{about}");
                    Seen::Passed(header("x-user-id"), header("x-user-roles"))
                }
                None => Seen::Refused(answered.response.status, envoy.details(&answered.id)),
            };
            assert_eq!(seen, expected, "{about}\n{}", envoy.log_tail());
        }
    }
}
