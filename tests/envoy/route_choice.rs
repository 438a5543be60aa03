//! The route that Envoy chose stays the one that it chose: a filter before this one may have changed the head since.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

#[test]
fn the_first_request_of_a_vm_goes_where_all_others_go() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
        },
    });
    let late = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": { "request_mutations": [{ "append": {
            "header": { "key": "x-late", "value": "1" },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        } }] },
    });
    let routes = json!([
        {
            "match": { "prefix": "/", "headers": [{ "name": "x-late", "string_match": { "exact": "1" } }] },
            "direct_response": { "status": 418 },
        },
        { "match": { "prefix": "/" }, "route": { "cluster": "upstream" } },
    ]);
    let routes = json!({ "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] });
    let setup = Setup::new()
        .filter_before("header_mutation", &late)
        .connection_manager("route_config", routes)
        .listener("api", policy);
    let envoy = Envoy::start(&setup);
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600 });
    let token = key.sign(&json!({}), &claims).unwrap();
    let statuses: Vec<_> =
        (0..3).map(|_| envoy.send("api", Request::get("/").bearer(&token)).response.status).collect();
    assert_eq!(statuses, [200; 3]);
}
