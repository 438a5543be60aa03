//! One request under a configuration, decided by the filter's own core.

use super::documents::{self, KeyReport, Publisher};
use super::request::RequestText;
use super::told::Told;
use rand_core::OsRng;
use validate_jwt::config::Configuration;
use validate_jwt::decision::{Decision, decide};
use validate_jwt::explain::explain;
use validate_jwt::jwe::{Decryptor, Unwrapped};
use validate_jwt::keys::{KeyStore, RequestId, Waited};
use validate_jwt::policy::Refusal;
use validate_jwt::reply::reply;
use validate_jwt::request::RequestHead;
use validate_jwt::signature::Verifier;
use validate_jwt::time::Timestamp;
use validate_jwt::token_cache::TokenCache;
use validate_jwt::validate::{Attempt, Crypto};

/// A request under a configuration, and what is known of keys.
pub(super) struct Case {
    configuration: Configuration,
    request: RequestText,
    publisher: Publisher,
    keys: KeyStore,
    tools: Tools,
    waited: Waited,
    unwrapped: Unwrapped,
    now: Timestamp,
    reports: Vec<KeyReport>,
}

/// What verifies and decrypts.
struct Tools {
    verifier: Verifier,
    decryptor: Decryptor,
    cache: TokenCache,
}

impl Tools {
    fn crypto(&self) -> Crypto<'_> {
        Crypto { verifier: &self.verifier, decryptor: &self.decryptor, cache: &self.cache }
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Case(…)")
    }
}

impl Case {
    /// The case before anything was fetched.
    pub(super) fn new(
        configuration: Configuration,
        mut request: RequestText,
        publisher: Publisher,
        now: Timestamp,
    ) -> Result<Self, String> {
        request.place_token(&configuration.rulebook)?;
        let keys = KeyStore::new(configuration.providers.clone(), 1, configuration.max_waiting);
        let tools = Tools {
            verifier: Verifier::rust_only(),
            decryptor: Decryptor::new(Box::new(OsRng)),
            cache: TokenCache::new(0),
        };
        Ok(Self {
            configuration,
            request,
            publisher,
            keys,
            tools,
            waited: Waited::default(),
            unwrapped: Unwrapped::default(),
            now,
            reports: Vec::new(),
        })
    }

    /// Fetches as the filter does: ahead, and again when the request asks for it, which it may twice.
    pub(super) fn obtain_keys(&mut self) -> Result<(), String> {
        if matches!(self.publisher, Publisher::Nobody) {
            return Ok(());
        }
        let limits = (self.configuration.timeout, self.configuration.max_response_bytes);
        let pump = |keys: &mut KeyStore, publisher: &Publisher, reports: &mut Vec<KeyReport>, now| {
            documents::pump(keys, publisher, limits, reports, now)
        };
        pump(&mut self.keys, &self.publisher, &mut self.reports, self.now)?;
        for _ in 0..2 {
            let Some(wish) = self.with_head(|case, head| match case.decide(head) {
                Decision::AwaitKeys { wish, .. } => Some(wish),
                Decision::Allow { .. } | Decision::Refuse { .. } => None,
            }) else {
                break;
            };
            if self.keys.wait(RequestId(1), *wish, self.waited, self.now).is_err() {
                break;
            }
            let woken = pump(&mut self.keys, &self.publisher, &mut self.reports, self.now)?;
            let Some(waited) = woken else { break };
            self.waited = waited;
        }
        Ok(())
    }

    fn with_head<T>(&self, then: impl FnOnce(&Self, RequestHead<'_>) -> T) -> T {
        let headers = self.request.headers();
        let property = |path: &[String]| self.request.property(path);
        then(self, RequestHead::new(&headers).with_properties(&property))
    }

    fn attempt<'h>(&'h self, head: RequestHead<'h>) -> Attempt<'h> {
        Attempt { head, waited: self.waited, unwrapped: &self.unwrapped, now: self.now }
    }

    fn decide(&self, head: RequestHead<'_>) -> Decision<'_> {
        let attempt = Attempt { head, waited: self.waited, unwrapped: &self.unwrapped, now: self.now };
        decide(&self.configuration.rulebook, &self.keys, self.tools.crypto(), attempt)
    }

    /// Everything that is to be told, for `then`.
    pub(super) fn tell<T>(&self, then: impl FnOnce(&Told<'_>) -> T) -> T {
        self.with_head(|case, head| {
            let decision = case.decide(head);
            let answered = match &decision {
                Decision::Refuse { refused, .. } | Decision::AwaitKeys { otherwise: refused, .. } => {
                    Some(refused)
                }
                Decision::Allow { .. } => None,
            };
            let unasked = Refusal::default();
            // What the filter answers without keys says nothing of a proxy that has them.
            let is_asked = !matches!(case.publisher, Publisher::Nobody);
            let answered =
                answered.filter(|refused| is_asked || !refused.denial.rejection.reason().is_undecided());
            let reply = answered.map(|refused| {
                let refusal = refused.policy.map_or(&unasked, |(_, refusal)| refusal);
                reply(&refused.denial.rejection, refusal, head.is_grpc())
            });
            let mut account =
                explain(&case.configuration.rulebook, &case.keys, case.tools.crypto(), case.attempt(head));
            if !matches!(decision, Decision::Allow { .. }) {
                // One of several policies may let through what the others refuse.
                account.policies.iter_mut().for_each(|(_, explanation)| {
                    explanation.advice.retain(|advice| !advice.is_about_passing());
                });
            }
            then(&Told {
                request: &case.request,
                now: case.now,
                decision,
                reply,
                account,
                keys: &case.reports,
                has_rules: case.configuration.rulebook.routes.actions().count() > 1,
            })
        })
    }
}
