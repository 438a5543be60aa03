//! What verifies and decrypts: one of each for the VM, whatever the number of plugins in it.

use std::rc::Rc;

use rand_core::OsRng;

use super::host::{self, Shared};
use crate::{
    algorithm::Algorithm,
    jwe::Decryptor,
    keys::{Check, SharedData, Written},
    signature::Verifier,
    token_cache::TokenCache,
    validate::Crypto,
};

thread_local! {
    static TOOLS: Rc<Tools> = Rc::new(Tools::choose());
}

/// A verifier with the backends that were found good, and a decryptor with the budget of the VM.
#[derive(Debug)]
pub(super) struct Tools {
    verifier: Verifier,
    decryptor: Decryptor,
}

impl Tools {
    /// The VM's.
    pub(super) fn get() -> Rc<Self> {
        TOOLS.with(Rc::clone)
    }

    /// For a decision, with what the plugin remembers.
    pub(super) fn crypto<'c>(&'c self, cache: &'c TokenCache) -> Crypto<'c> {
        Crypto { verifier: &self.verifier, decryptor: &self.decryptor, cache }
    }

    fn choose() -> Self {
        let verifier = Verifier::with_host(Box::new(host::verify_signature));
        // Each thread has a VM, and one of them says it for all.
        if Shared.write("validate_jwt.verifier-logged", b"1", Check::Absent) != Written::Conflict {
            log_backends(&verifier);
        }
        Self { verifier, decryptor: Decryptor::new(Box::new(OsRng)) }
    }
}

fn log_backends(verifier: &Verifier) {
    let by_host: Vec<_> = verifier.host_algorithms().iter().map(Algorithm::name).collect();
    let version = env!("CARGO_PKG_VERSION");
    if by_host.is_empty() {
        log::info!(
            "version {version}; signatures are verified by the module: the host has no verify_signature that works"
        );
    } else {
        let by_host = by_host.join(", ");
        log::info!(
            "version {version}; signatures are verified by the host ({by_host}) and by the module (others)"
        );
    }
}
