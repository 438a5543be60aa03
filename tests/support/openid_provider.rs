//! The real OpenID provider: `oidc-provider` on Node.js, as a child process.

use super::artifacts;
use super::deadline::PATIENCE;
use super::http_client::{Request, exchange};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;

/// `scope` of every client, in the parts that it may ask for.
pub(crate) const READ: &str = "orders:read";
/// The other scope.
pub(crate) const WRITE: &str = "orders:write";

const BASIC_PASSWORD: &str = "a-secret-that-only-these-tests-know";

/// A running provider.
#[derive(Debug)]
pub(crate) struct OpenIdProvider {
    process: Mutex<Child>,
    address: SocketAddr,
}

impl OpenIdProvider {
    pub(crate) fn start() -> Self {
        let (process, address) = spawn(0, 0);
        Self { process: Mutex::new(process), address }
    }

    /// Ends the provider; nobody answers at its address any more.
    pub(crate) fn stop(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts it again where it was, with nothing but new keys, after so many generations.
    pub(crate) fn start_again(&self, generations: usize) {
        let (process, address) = spawn(self.address.port(), generations);
        assert_eq!(address, self.address);
        *self.process.lock().unwrap() = process;
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
        let process = self.process.get_mut().unwrap();
        let _gone_already = process.kill();
        let _status = process.wait();
    }
}

fn spawn(port: u16, generations: usize) -> (Child, SocketAddr) {
    let mut process = Command::new("node")
        .arg(artifacts::openid_provider())
        .args([port.to_string(), generations.to_string()])
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
        panic!("the OpenID provider did not start: `node tests/openid-provider/provider.mjs 0 0` says why");
    };
    (process, address)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
