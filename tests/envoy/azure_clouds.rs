//! `validate-azure-ad-token` in several clouds at once: both documents of a tenant are fetched ahead, and neither waits for the
//! other.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with};
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "99999999-8888-7777-6666-555555555555";
const PUBLIC: &str = "login.microsoftonline.com";
const CLOUDS: [&str; 3] = [PUBLIC, "login.microsoftonline.us", "login.partner.microsoftonline.cn"];

/// A tenant in both versions.
struct Tenant {
    v2: Authority,
    v1: Authority,
}

impl Tenant {
    fn at(host: &str) -> Self {
        let v2 = Authority::entra_at(host, TENANT);
        Self { v1: v2.version_1(), v2 }
    }

    fn policy(&self) -> Value {
        let mut policy = json!({
            "validate-azure-ad-token": { "tenant-id": TENANT, "audiences": ["api"] },
            "default-cluster": "entra",
            "fetch": { "timeout": "1m" },
        });
        if self.v2.host != PUBLIC {
            policy["validate-azure-ad-token"]["authentication-endpoint"] = json!(self.v2.host);
        }
        policy
    }

    fn claims(authority: &Authority) -> Value {
        let version = if authority.issuer.ends_with("/v2.0") { "2.0" } else { "1.0" };
        in_force(&json!({ "iss": authority.issuer, "aud": "api", "tid": TENANT, "ver": version }))
    }

    fn request(authority: &Authority) -> Request {
        Request::get("/").bearer(&authority.token(&Self::claims(authority)))
    }
}

/// Envoy with one tenant, of which a part is held back.
struct Held {
    envoy: Envoy,
    tenant: Tenant,
    gate: Gate,
    provider: IdentityProvider,
}

impl Held {
    /// Holds back the discovery document of one version, or only its keys.
    fn start(choose: impl Fn(&Tenant) -> &Authority, only_keys: bool) -> Self {
        let (provider, gate, tenant) = (IdentityProvider::start(), Gate::default(), Tenant::at(PUBLIC));
        tenant.v1.publish(&provider);
        tenant.v2.publish(&provider);
        let late = choose(&tenant);
        let (path, document) = if only_keys {
            (&late.keys_path, late.key_set())
        } else {
            (&late.configuration_path, late.configuration())
        };
        provider.set(&late.host, path, Answer::json(&document).behind(&gate));
        let setup = Setup::new().cluster("entra", provider.address()).listener("api", tenant.policy());
        Self { envoy: Envoy::start(&setup), tenant, gate, provider }
    }
}

#[test]
fn both_documents_are_fetched_ahead() {
    let provider = IdentityProvider::start();
    let tenants = CLOUDS.map(Tenant::at);
    let mut setup = Setup::new().cluster("entra", provider.address());
    for tenant in &tenants {
        tenant.v1.publish(&provider);
        tenant.v2.publish(&provider);
        setup = setup.listener(&tenant.v2.host, tenant.policy());
    }
    let envoy = Envoy::start(&setup);
    for authority in tenants.iter().flat_map(|tenant| [&tenant.v1, &tenant.v2]) {
        wait_until("keys are fetched before any request", || {
            !provider.calls(&authority.keys_host, &authority.keys_path).is_empty()
        });
    }
    let mut wrong = Vec::new();
    for (index, tenant) in tenants.iter().enumerate() {
        let next = &tenants[(index + 1) % tenants.len()];
        let refused = |name: &str, request: Request, reason: &'static str| {
            Case::refused(name, request, Refusal::saying(reason, "Invalid Azure AD JWT"))
        };
        let claims = Tenant::claims(&tenant.v2);
        let own_tenant = |claims: &Value| Request::get("/").bearer(&tenant.v2.token(claims));
        let mut cases = vec![
            Case::passes("v2", Tenant::request(&tenant.v2)),
            Case::passes("v1", Tenant::request(&tenant.v1)),
            refused("another cloud's v2 token", Tenant::request(&next.v2), "TokenIssuerNotAllowed"),
            refused(
                "another cloud's key",
                Request::get("/").bearer(&next.v2.token(&claims)),
                "TokenSignatureKeyNotFound",
            ),
            refused(
                "another tenant by its own word",
                own_tenant(&with(&claims, "tid", json!(OTHER_TENANT))),
                "TokenTenantNotAllowed",
            ),
            refused(
                "another tenant's issuer",
                own_tenant(&with(&claims, "iss", json!(tenant.v2.issuer.replace(TENANT, OTHER_TENANT)))),
                "TokenTenantNotAllowed",
            ),
            Case::refused(
                "no token",
                Request::get("/"),
                Refusal::saying("TokenNotPresent", "Azure AD JWT not present"),
            ),
        ];
        cases.push(Case::passes("v2 after all that", Tenant::request(&tenant.v2)));
        wrong.extend(envoy.try_all(&tenant.v2.host, cases));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
    // Of each cloud its own host alone was asked.
    let hosts: Vec<_> = provider.places().into_iter().map(|(host, _)| host).collect();
    assert!(hosts.iter().all(|host| CLOUDS.contains(&host.as_str())), "{hosts:?}");
}

#[test]
fn neither_version_waits_for_the_other() {
    for only_keys in [false, true] {
        let held = Held::start(|tenant| &tenant.v1, only_keys);
        held.envoy.passes("api", Tenant::request(&held.tenant.v2));
        held.envoy.passes("api", Tenant::request(&held.tenant.v2));
        // The other version's tokens wait, and pass when theirs has come.
        let waiting = held.envoy.begin("api", Tenant::request(&held.tenant.v1));
        held.envoy.passes("api", Tenant::request(&held.tenant.v2));
        if !only_keys {
            assert!(waiting.connection.is_silent(), "v1 was decided without its metadata");
        }
        held.gate.open();
        let answered = held.envoy.finish(waiting);
        held.envoy.judge(&answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));

        let held = Held::start(|tenant| &tenant.v2, only_keys);
        held.envoy.passes("api", Tenant::request(&held.tenant.v1));
        let waiting = held.envoy.begin("api", Tenant::request(&held.tenant.v2));
        held.envoy.passes("api", Tenant::request(&held.tenant.v1));
        held.gate.open();
        let answered = held.envoy.finish(waiting);
        held.envoy.judge(&answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        held.envoy.passes("api", Tenant::request(&held.tenant.v2));
        let calls = |authority: &Authority| held.provider.calls(&authority.host, &authority.keys_path).len();
        assert_eq!((calls(&held.tenant.v1), calls(&held.tenant.v2)), (1, 1));
    }
}
