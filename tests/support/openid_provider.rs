//! The real OpenID provider: `oidc-provider` on Node.js, as a child process.

use super::artifacts;
use super::deadline::PATIENCE;
use super::http_client::{Request, exchange};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// `scope` of every client, in the parts that it may ask for.
pub(crate) const READ: &str = "orders:read";
/// The other scope.
pub(crate) const WRITE: &str = "orders:write";

const BASIC_PASSWORD: &str = "a-secret-that-only-these-tests-know";

/// A running provider.
#[derive(Debug)]
pub(crate) struct OpenIdProvider {
    process: Child,
    address: SocketAddr,
}

impl OpenIdProvider {
    pub(crate) fn start() -> Self {
        let mut process = Command::new("node")
            .arg(artifacts::openid_provider())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("node: {error}: Node.js 20 or newer is needed"));
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the provider never blocks on a full pipe.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("issuer http://") {
                    let _nobody_waits_any_more = sender.send(address.to_owned());
                }
            }
        });
        let address = receiver.recv_timeout(PATIENCE).map(|address| address.parse().unwrap());
        let Ok(address) = address else {
            let _gone_already = process.kill();
            let _status = process.wait();
            panic!("the OpenID provider did not start: `node tests/openid-provider/provider.mjs` says why");
        };
        Self { process, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn configuration_url(&self) -> String {
        format!("http://{}/.well-known/openid-configuration", self.address)
    }

    /// An access token by client credentials, signed with this algorithm.
    pub(crate) fn token(&self, algorithm: &str, scope: &str, audience: &str) -> String {
        let form = format!("grant_type=client_credentials&scope={scope}&resource={audience}");
        let credentials = base64(&format!("{algorithm}:{BASIC_PASSWORD}"));
        let request = Request::new("POST", "/token")
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let document = self.ask(&request);
        let token = document["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{algorithm}: no token, but {document}")).to_owned()
    }

    /// New keys that sign from now on; the old ones stay published unless `drop`.
    pub(crate) fn rotate(&self, drop: bool) {
        let target = if drop { "/__rotate?drop" } else { "/__rotate" };
        self.ask(&Request::new("POST", target).body(""));
    }

    /// The key set, as anybody can read it.
    pub(crate) fn key_set(&self) -> Value {
        self.ask(&Request::get("/jwks"))
    }

    fn ask(&self, request: &Request) -> Value {
        let own_name = self.address.to_string();
        let response = exchange(self.address, &request.clone().header("host", own_name)).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        serde_json::from_slice(&response.body).unwrap()
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _status = self.process.wait();
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
