//! What comes after all faults: a token that a proxy just started lets pass, this one must let pass too.

use std::time::Duration;

use serde_json::{Map, Value, json};
use validate_jwt::config::Configuration;

use crate::{
    mint,
    provider::good_answer,
    proxy::{self, Faults, HostVerifies, Pairs, Phase},
    reached,
    signers::{ED25519, SIGNERS},
    targets::{PUBLISHED, Place},
    vm::Vm,
};

/// Longer than any backoff, and than the rest of any lease once its time came to be short.
const LONGEST_WAIT_SECONDS: usize = 40;

/// Intervals beyond it are not waited for.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24 * 60);

/// How long a token of the end lasts.
const LIFETIME_SECONDS: u64 = 600;

/// What requests are like: whose token, where it stands, and for which path.
#[derive(Debug)]
pub(super) struct Usual {
    pub(super) signer: usize,
    pub(super) place: Place,
    pub(super) path: Vec<u8>,
}

impl Default for Usual {
    fn default() -> Self {
        Self { signer: ED25519, place: Place::default(), path: b"/".to_vec() }
    }
}

impl Usual {
    /// Once nothing is wrong any more and the longest interval of the configuration is over, a good token passes: one that passes
    /// in a proxy that starts at that moment.
    pub(super) fn must_pass_in_the_end(&self, vm: &mut Vm, root: u32, header: &[u8], payload: &[u8]) {
        let Some(configuration) = proxy::with(|proxy| {
            // A host that lies is no good reference; one that went away since is another.
            let host_verifies = match proxy.faults.host_verifies {
                HostVerifies::WellAndTruly => HostVerifies::WellAndTruly,
                HostVerifies::Nothing
                | HostVerifies::Everything
                | HostVerifies::EveryOther
                | HostVerifies::Garbage => HostVerifies::Nothing,
            };
            proxy.faults = Faults { host_verifies, ..Faults::default() };
            proxy.roots.get(&root).map(|root| root.configuration.clone())
        }) else {
            return;
        };
        let Some(interval) = longest_interval(&configuration) else { return };
        let answer = |callout: &_| good_answer(callout, &PUBLISHED);
        vm.pass(interval);
        for _ in 0..LONGEST_WAIT_SECONDS {
            vm.answer_all(&answer);
            vm.pass(1000);
        }
        let now = proxy::with(|proxy| proxy.now);
        let signer = &SIGNERS[self.signer];
        let token = mint::sign(signer, signer.algorithms()[0], header, &at_this_time(payload, now));
        let headers = self.place.bring(&token, &self.path, &configuration);
        let id = vm.request(root, headers.clone(), Some(token.clone()));
        vm.settle(&answer);
        if vm.phase(id) == Some(Phase::Continued) {
            reached::recovered();
            return;
        }
        assert!(
            !passes_at_once(&configuration, headers, token, now),
            "a good token does not pass in the end: status {:?}",
            vm.status(id)
        );
    }
}

/// Whether a proxy that starts now lets the request pass.
fn passes_at_once(configuration: &[u8], headers: Pairs, token: Vec<u8>, now: u64) -> bool {
    let host_verifies = proxy::with(|proxy| proxy.faults.host_verifies);
    let mut has_passed = false;
    Vm::run(|vm| {
        proxy::with(|proxy| {
            proxy.now = now;
            proxy.faults.host_verifies = host_verifies;
        });
        let answer = |callout: &_| good_answer(callout, &PUBLISHED);
        let Some(root) = vm.configure(configuration, configuration) else { return };
        let id = vm.request(root, headers, Some(token));
        vm.settle(&answer);
        has_passed = vm.phase(id) == Some(Phase::Continued);
    });
    has_passed
}

/// After how many milliseconds everything is due that the configuration lets wait; `None` when that is too far away.
fn longest_interval(configuration: &[u8]) -> Option<u64> {
    let configuration = Configuration::parse(configuration, &|name| std::env::var(name).ok()).ok()?;
    let intervals = configuration.providers.iter().flat_map(|provider| {
        let schedule = provider.schedule;
        // A fetch is two requests.
        [schedule.refresh_interval, schedule.unknown_kid_interval, schedule.timeout.saturating_mul(2)]
    });
    let longest = intervals.max().unwrap_or_default();
    (longest <= LONGEST_INTERVAL).then(|| u64::try_from(longest.as_millis()).unwrap_or(u64::MAX))
}

/// The claims with dates around `now`; what is no object stays as it is.
fn at_this_time(payload: &[u8], now: u64) -> Vec<u8> {
    let Ok(mut claims) = serde_json::from_slice::<Map<String, Value>>(payload) else {
        return payload.to_vec();
    };
    let seconds = now / 1000;
    for date in ["nbf", "iat"] {
        if let Some(date) = claims.get_mut(date) {
            *date = json!(seconds);
        }
    }
    claims.insert("exp".to_owned(), json!(seconds + LIFETIME_SECONDS));
    Value::Object(claims).to_string().into_bytes()
}
