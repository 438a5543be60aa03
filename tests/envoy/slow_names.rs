//! The name of the identity provider is resolved late: Envoy's main thread has its VM before that cluster is there.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::deadline::PATIENCE;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::light_and_dark::{claims, policy};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// How late the name server answers: so late that the main thread has failed more than once.
const LATE: Duration = Duration::from_secs(3);

/// A name server that says 127.0.0.1 of every name (RFC 1035 §4.1). The first query it loses: that comes before Envoy compiles
/// the module, which may take longer than any delay. The second one comes when Envoy's main thread is at its loop.
fn slow_name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    thread::spawn(move || {
        let mut query = [0; 512];
        let mut asked = 0;
        while let Ok((size, from)) = socket.recv_from(&mut query) {
            asked += 1;
            match asked {
                1 => continue,
                2 => thread::sleep(LATE),
                _ => {}
            }
            let _nobody_asks_any_more = socket.send_to(&answer(&query[..size]), from);
        }
    });
    address
}

/// An answer to a query for an address: what was asked, and 127.0.0.1 for a minute.
fn answer(query: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    let name = query[HEADER..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[HEADER..HEADER + name + 5];
    let counts = [0, 1, 0, 1, 0, 0, 0, 0];
    let record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];
    [&query[..2], &[0x81, 0x80], &counts, question, &record].concat()
}

#[test]
fn who_comes_first_waits_for_keys_and_is_not_turned_away() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("light.example");
    authority.publish(&provider);
    let socket_address =
        |address: SocketAddr| json!({ "address": address.ip().to_string(), "port_value": address.port() });
    let endpoint = json!({ "address": "idp.test", "port_value": provider.address().port() });
    let resolver = json!({
        "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [{ "socket_address": socket_address(slow_name_server()) }],
    });
    let cluster = json!({
        "name": "provider",
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "dns_lookup_family": "V4_ONLY",
        "typed_dns_resolver_config": { "name": "envoy.network.dns_resolver.cares", "typed_config": resolver },
        "load_assignment": {
            "cluster_name": "provider",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": { "socket_address": endpoint } } }] }],
        },
    });
    let overlay = json!({ "static_resources": { "clusters": [cluster] } });
    let setup = Setup::new().workers(2).overlaid(overlay.to_string()).listener("api", policy(&authority));
    let envoy = Envoy::start(&setup);
    let good = || Request::get("/").bearer(&authority.token(&claims(&authority)));
    for _ in 0..4 {
        envoy.passes("api", good());
    }
    let too_early = "the proxy does not know the cluster, or it has no healthy endpoint";
    assert!(envoy.log().contains(too_early), "nobody was too early: {}", envoy.log_tail());
}
