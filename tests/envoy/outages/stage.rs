//! One Envoy with a listener for each fault: each has a provider of its own, which meets its fault when a test says so.

use super::faults::{Cause, FAULTS, Fault};
use super::{policy, recovers};
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::identity_provider::IdentityProvider;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

/// A fault, and the issuer whose provider meets it. The listener has the fault's name.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) fault: &'static Fault,
    pub(super) authority: Authority,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) parties: Vec<Party>,
    /// It plays all providers but one.
    pub(super) provider: IdentityProvider,
    /// Where nobody listens when [`Cause::NobodyListens`] is the fault, and who does when it is not.
    address: SocketAddr,
    listening: Option<IdentityProvider>,
    envoy: Envoy,
}

impl Stage {
    /// The faults are there when Envoy starts.
    pub(super) fn before_the_first_keys(fetch: &Value) -> Self {
        Self::new(fetch, true)
    }

    /// All is well, and keys are known.
    pub(super) fn with_keys(fetch: &Value) -> Self {
        let stage = Self::new(fetch, false);
        stage.for_each_party(|envoy, Party { fault, authority }| recovers(envoy, fault.name, authority));
        stage
    }

    fn new(fetch: &Value, is_struck: bool) -> Self {
        let provider = IdentityProvider::start();
        let address = closed_port();
        let parties: Vec<Party> = FAULTS
            .iter()
            .map(|fault| Party { fault, authority: Authority::plain(&format!("{}.example", fault.name)) })
            .collect();
        let setup = Setup::new().cluster("provider", provider.address()).cluster("nobody-listens", address);
        let mut setup = with_clusters(setup, provider.address(), is_struck);
        for Party { fault, authority } in &parties {
            let cluster = if fault.is_at_the_provider() { "provider" } else { fault.name };
            setup = setup.listener(fault.name, policy(authority, cluster, fetch));
            if is_struck {
                fault.set(&provider, authority);
            } else {
                authority.publish(&provider);
            }
        }
        let listening = (!is_struck).then(|| listen(address, &parties));
        let envoy = Envoy::start(&setup);
        Self { parties, provider, address, listening, envoy }
    }

    /// All faults begin.
    pub(super) fn strike(&mut self) {
        for Party { fault, authority } in &self.parties {
            fault.set(&self.provider, authority);
        }
        self.listening = None;
        self.envoy.replace_clusters(&with_clusters(Setup::new(), self.provider.address(), true));
    }

    /// All faults end.
    pub(super) fn mend(&mut self) {
        for Party { authority, .. } in &self.parties {
            authority.publish(&self.provider);
        }
        self.listening = Some(listen(self.address, &self.parties));
        self.envoy.replace_clusters(&with_clusters(Setup::new(), self.provider.address(), false));
    }

    /// All issuers sign with new keys, which nobody has published yet, beside those that they had.
    pub(super) fn rotate(&mut self) {
        self.parties.iter_mut().for_each(|party| party.authority.rotate(false));
    }

    /// Does this for all faults at the same time.
    pub(super) fn for_each_party(&self, act: impl Fn(&Envoy, &Party) + Sync) {
        let (envoy, act) = (&self.envoy, &act);
        let wrong: Vec<&str> = thread::scope(|scope| {
            let threads: Vec<_> =
                self.parties.iter().map(|party| (party, scope.spawn(|| act(envoy, party)))).collect();
            let failed = threads.into_iter().filter_map(|(party, thread)| thread.join().err().map(|_| party));
            failed.map(|party| party.fault.name).collect()
        });
        assert!(wrong.is_empty(), "{wrong:?}; see above");
    }
}

/// The clusters of the faults that lie in Envoy.
fn with_clusters(mut setup: Setup, provider: SocketAddr, is_struck: bool) -> Setup {
    for Fault { name, cause, .. } in &FAULTS {
        setup = match (cause, is_struck) {
            (Cause::NoTls, true) => setup.changing_tls_cluster(name, &[provider]),
            (Cause::NoEndpoint, true) => setup.changing_cluster(name, &[]),
            (Cause::NoTls | Cause::NoEndpoint | Cause::NoCluster, false) => {
                setup.changing_cluster(name, &[provider])
            }
            (Cause::NoCluster, true)
            | (Cause::Configuration(_) | Cause::Keys(_) | Cause::NobodyListens, _) => setup,
        };
    }
    setup
}

fn listen(address: SocketAddr, parties: &[Party]) -> IdentityProvider {
    let provider = IdentityProvider::start_at(address).unwrap();
    for party in parties {
        party.authority.publish(&provider);
    }
    provider
}

/// A port that refuses connections now, and that this test can open later: below those that systems hand out, and
/// another one for each test and process.
fn closed_port() -> SocketAddr {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let of_process = u16::try_from(process::id() % 100).unwrap() * 100;
    let first = 20_000 + of_process + CALLS.fetch_add(10, Ordering::Relaxed) % 100;
    let free = (first..30_000).map(|port| (Ipv4Addr::LOCALHOST, port).into());
    let mut free = free.filter(|address: &SocketAddr| TcpListener::bind(address).is_ok());
    free.next().expect("a free port")
}
