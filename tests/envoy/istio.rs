//! The resources of `envoy/istio/` at work: what Istio and Envoy Gateway make of them, in a real Envoy, the plugin delivered over
//! ECDS. That they are what their APIs take is in `tests/manifests/`.

mod translation;

use crate::support::artifacts::project;
use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::jwe::Recipient;
use crate::support::verdict::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The client application that may write.
const WRITER: &str = "0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d";
const READER: &str = "77777777-0000-4444-8888-3e4f5a6b7c8d";
/// The name of the filter, and of the listener that it is in.
const PLUGIN: &str = "orders.validate-jwt";

/// Entra ID, and who is in force there.
struct Tenant {
    provider: IdentityProvider,
    authority: Authority,
}

impl Tenant {
    fn start() -> Self {
        let (provider, authority) = (IdentityProvider::start(), Authority::entra(TENANT));
        authority.publish(&provider);
        authority.version_1().publish(&provider);
        Self { provider, authority }
    }

    fn claims(&self, client: &str) -> Value {
        in_force(&json!({
            "iss": self.authority.issuer,
            "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "azp": client,
            "roles": ["Api.Access"],
            "tid": TENANT,
            "ver": "2.0",
        }))
    }

    fn token(&self, client: &str) -> String {
        self.authority.token(&self.claims(client))
    }

    /// A sidecar with this plugin and all that stands beside it.
    fn sidecar(&self, file: &str) -> Setup {
        let setup = Setup::new().watched_filters().listener(PLUGIN, translation::plugin(file));
        let setup = translation::with_clusters(setup, self.provider.address());
        translation::with_authorization(translation::with_connection_manager(setup))
    }
}

/// What the upstream saw of a header, every copy of it.
fn seen(envoy: &Envoy, id: &str, name: &str) -> Vec<String> {
    let request = envoy.upstream().seen(id).unwrap();
    let of_name = request.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()).collect()
}

fn is_forbidden(envoy: &Envoy, request: Request) {
    let answered = envoy.send(PLUGIN, request);
    assert_eq!((answered.response.status, answered.by_upstream), (403, false));
    assert!(envoy.details(&answered.id).starts_with("rbac_access_denied"));
}

#[test]
fn callers_are_authorized_by_the_header_that_the_plugin_writes() {
    let tenant = Tenant::start();
    let envoy = Envoy::start(&tenant.sidecar("wasm-plugin.yaml"));
    let post = |token: &str| Request::new("POST", "/orders").body("{}").bearer(token);
    let [reader, writer] = [READER, WRITER].map(|client| tenant.token(client));

    let answered = envoy.passes(PLUGIN, Request::get("/orders").bearer(&reader));
    assert_eq!(seen(&envoy, &answered.id, "x-client-id"), [READER]);
    let answered = envoy.passes(PLUGIN, post(&writer));
    assert_eq!(seen(&envoy, &answered.id, "x-client-id"), [WRITER]);
    is_forbidden(&envoy, post(&reader));

    // Nobody else writes that header, however it is spelt.
    is_forbidden(&envoy, post(&reader).header("x-client-id", WRITER));
    let forged = Request::get("/orders").bearer(&reader).header("X-Client-Id", WRITER);
    let answered = envoy.passes(PLUGIN, forged);
    assert_eq!(seen(&envoy, &answered.id, "x-client-id"), [READER]);
    let underscored = Request::get("/orders").bearer(&reader).header("x_client_id", WRITER);
    assert_eq!(envoy.send(PLUGIN, underscored).response.status, 400);
    is_forbidden(&envoy, Request::new("TRACE", "/orders").bearer(&writer));

    envoy.refuses(
        PLUGIN,
        Request::get("/orders").header("x-client-id", WRITER),
        Refusal::of("TokenNotPresent"),
    );
    let expired = with(&tenant.claims(WRITER), "exp", json!(now() - 60));
    let expired = Request::get("/orders").bearer(&tenant.authority.token(&expired));
    envoy.refuses(PLUGIN, expired, Refusal::of("TokenExpired"));
    let role = with(&tenant.claims(WRITER), "roles", json!(["Other"]));
    let role = Request::get("/orders").bearer(&tenant.authority.token(&role));
    envoy.refuses(PLUGIN, role, Refusal::of("TokenClaimValueNotAllowed"));
    // What another reading of the path could hide.
    assert_eq!(envoy.send(PLUGIN, Request::get("/a%2fb").bearer(&reader)).response.status, 400);

    // Without `statistics.yaml` the labels are in the names, as `docs/observability.md` has them.
    let name = "validate_jwt_plugin_orders_validate_jwt_policy_validate_jwt_outcome_Allowed";
    assert!(envoy.scrape().names().contains(name));
}

#[test]
fn a_private_key_comes_from_the_environment_of_the_proxy() {
    let tenant = Tenant::start();
    let path = project().join("tests/fixtures/certificates/rsa.key.pem");
    let private_key = fs::read_to_string(path).unwrap();
    let setup = tenant.sidecar("wasm-plugin-encrypted.yaml");
    let envoy = Envoy::start(&setup.proxy_environment("DECRYPTION_PRIVATE_KEY", &private_key));
    for line in private_key.lines().filter(|line| line.len() == 64) {
        envoy.keep_secret(line);
    }
    let recipient = Recipient::of(&private_key);
    let signed = tenant.token(WRITER);
    let sealed = recipient.seal("RSA-OAEP-256", &json!({}), signed.as_bytes());
    for token in [&signed, &sealed] {
        let answered = envoy.passes(PLUGIN, Request::get("/orders").bearer(token));
        assert_eq!(seen(&envoy, &answered.id, "x-client-id"), [WRITER]);
    }
    let other = recipient.seal("RSA-OAEP-256", &json!({}), tenant.token(READER).as_bytes());
    let refusal = Refusal::saying("TokenClientApplicationNotAllowed", "Invalid Azure AD JWT");
    envoy.refuses(PLUGIN, Request::get("/orders").bearer(&other), refusal);
}

/// Istio takes the plugin all the same; what callers see is closed, not open.
#[test]
fn without_the_secret_nothing_passes() {
    let tenant = Tenant::start();
    let envoy = Envoy::start(&tenant.sidecar("wasm-plugin-encrypted.yaml"));
    let answered = envoy.send(PLUGIN, Request::get("/orders").bearer(&tenant.token(WRITER)));
    assert_eq!((answered.response.status, answered.by_upstream), (500, false));
    assert!(
        envoy.log().contains("private-key-from-env: names an environment variable that is not set, or empty")
    );
}

#[test]
fn the_annotations_keep_all_that_the_filter_counts_with_its_labels() {
    let tenant = Tenant::start();
    let setup = tenant.sidecar("wasm-plugin.yaml").overlaid(translation::statistics().to_string());
    let envoy = Envoy::start(&setup);
    envoy.passes(PLUGIN, Request::get("/").bearer(&tenant.token(READER)));
    envoy.refuses(PLUGIN, Request::get("/"), Refusal::of("TokenNotPresent"));

    let scrape = envoy.scrape();
    let outcomes = scrape.series("validate_jwt_policy_outcome", ["plugin", "policy", "outcome"]);
    let outcome = |name| outcomes.get(&["orders_validate-jwt", "validate-jwt", name]).copied();
    assert_eq!((outcome("Allowed"), outcome("TokenNotPresent")), (Some(1.0), Some(1.0)), "{outcomes:?}");
    let of_filter = |name: &&str| name.starts_with("validate_jwt");
    let names: BTreeSet<&str> = scrape.types().into_keys().filter(of_filter).collect();
    let providers = ["age_seconds", "fetch", "fetch_milliseconds", "keys", "ready", "waiting"];
    let expected = providers.map(|name| format!("validate_jwt_provider_{name}"));
    let expected = expected.iter().map(String::as_str).chain(["validate_jwt_policy_outcome"]);
    assert_eq!(names, expected.collect());

    let all = envoy.statistics("");
    assert!(all.keys().any(|name| name.ends_with(".vm_reload_success")), "{:?}", all.keys());
    assert!(!all.keys().any(|name| name.starts_with("http.")), "others are kept as well");
}

#[test]
fn envoy_gateways_plugin_is_at_work() {
    let tenant = Tenant::start();
    let plugin = translation::gateway_plugin("envoy-gateway/extension-policy.yaml");
    let setup = Setup::new().cluster("entra", tenant.provider.address()).listener(PLUGIN, plugin);
    let envoy = Envoy::start(&setup);
    let answered = envoy.passes(PLUGIN, Request::get("/").bearer(&tenant.token(READER)));
    assert_eq!(seen(&envoy, &answered.id, "x-client-id"), [READER]);
    envoy.refuses(PLUGIN, Request::get("/"), Refusal::of("TokenNotPresent"));
}
