//! The service behind Envoy: it answers what it was sent, and remembers it.

use super::http_server::{Delivery, HttpServer, Received, Reply};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// The header by which a test finds its request again, here and in the access log.
pub(crate) const REQUEST_ID: &str = "x-test-id";
/// The header that only the upstream's answers carry.
pub(crate) const MARK: &str = "x-upstream";

/// An echo server.
#[derive(Debug)]
pub(crate) struct Upstream {
    server: HttpServer,
    seen: Arc<Mutex<BTreeMap<String, Received>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let server = HttpServer::start({
            let seen = Arc::clone(&seen);
            move |request: Received| {
                let body = request.body.clone();
                if let Some(id) = request.headers.text(REQUEST_ID).map(str::to_owned) {
                    seen.lock().unwrap().insert(id, request);
                }
                Reply {
                    status: 200,
                    headers: vec![(MARK, "echo".to_owned())],
                    body,
                    delivery: Delivery::Whole,
                }
            }
        });
        Self { server, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The request with this id, if it ever came here.
    pub(crate) fn seen(&self, id: &str) -> Option<Received> {
        self.seen.lock().unwrap().get(id).cloned()
    }
}
