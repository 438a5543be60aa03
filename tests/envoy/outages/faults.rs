//! What keeps a provider's keys away, and what the filter tells of it. `docs/reliability.md` has a row for each.

use crate::support::authority::Authority;
use crate::support::claims::{with, without};
use crate::support::http_server::Delivery;
use crate::support::identity_provider::{Answer, IdentityProvider};
use serde_json::{Value, json};
use std::time::Duration;

/// `fetch.timeout` of the policies that meet these faults.
pub(super) const FETCH_TIMEOUT: &str = "1s";
const LONGER_THAN_THE_TIMEOUT: Duration = Duration::from_millis(2500);
/// Between two bytes of an answer that takes longer than the timeout, though none of its bytes does.
const PAUSE: Duration = Duration::from_millis(100);
/// Ten megabytes, forty times what the filter reads.
const FAR_TOO_LONG: usize = 10_000_000;
/// A host that no policy names. The provider would answer for it, and with good keys.
pub(super) const ELSEWHERE: &str = "elsewhere.example";
/// Where redirects lead to: to what the filter was asked to find, if it followed them.
const MOVED: &str = "/moved";
/// What a port that speaks TLS says to HTTP: an alert.
const TLS_ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

const CANNOT_CONNECT: &str = "status 503, not 200 (the proxy's own";
const IN_VAIN: &str = "status 504, not 200 (the proxy's own";
const NOT_WHOLE: &str = "no whole answer (connection broken or timed out)";
const NOT_SENT: &str = "the proxy does not know the cluster, or it has no healthy endpoint";

/// A fault: with each of these, a filter that has no keys gets none.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) cause: Cause,
    /// What the log says of the fetch.
    pub(super) log: &'static str,
    /// As what it is counted.
    pub(super) result: &'static str,
}

/// Where a fault lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// In the provider's answer, in place of its discovery document.
    Configuration(fn(&Authority) -> Answer),
    /// In the provider's answer, in place of its key set.
    Keys(fn(&Authority) -> Answer),
    /// Nobody listens at the provider's address.
    NobodyListens,
    /// The proxy and the provider do not agree about TLS.
    NoTls,
    /// The proxy has a cluster without endpoints.
    NoEndpoint,
    /// The proxy has no such cluster.
    NoCluster,
}

pub(super) static FAULTS: [Fault; 32] = [
    Fault { name: "nobody-listens", cause: Cause::NobodyListens, log: CANNOT_CONNECT, result: "Status" },
    Fault { name: "no-tls", cause: Cause::NoTls, log: CANNOT_CONNECT, result: "Status" },
    Fault { name: "no-endpoint", cause: Cause::NoEndpoint, log: NOT_SENT, result: "NotSent" },
    Fault { name: "no-cluster", cause: Cause::NoCluster, log: NOT_SENT, result: "NotSent" },
    Fault {
        name: "hang-up",
        cause: Cause::Configuration(|_| Answer::hang_up()),
        log: CANNOT_CONNECT,
        result: "Status",
    },
    Fault {
        name: "reset",
        cause: Cause::Configuration(|_| Answer::hang_up().delivered(Delivery::Reset)),
        log: CANNOT_CONNECT,
        result: "Status",
    },
    Fault {
        name: "tls",
        cause: Cause::Configuration(|_| {
            Answer::new(200, "application/json", TLS_ALERT).delivered(Delivery::Bare)
        }),
        log: "status 502, not 200 (the proxy's own",
        result: "Status",
    },
    Fault {
        name: "slow",
        cause: Cause::Configuration(|authority| configuration(authority).after(LONGER_THAN_THE_TIMEOUT)),
        log: IN_VAIN,
        result: "Status",
    },
    Fault {
        name: "slow-head",
        cause: Cause::Configuration(|authority| {
            configuration(authority).delivered(Delivery::SlowHead(PAUSE))
        }),
        log: IN_VAIN,
        result: "Status",
    },
    Fault {
        name: "slow-body",
        cause: Cause::Configuration(|authority| {
            configuration(authority).delivered(Delivery::SlowBody(PAUSE))
        }),
        log: NOT_WHOLE,
        result: "Broken",
    },
    Fault {
        name: "truncated",
        cause: Cause::Configuration(|authority| configuration(authority).delivered(Delivery::Half)),
        log: NOT_WHOLE,
        result: "Broken",
    },
    Fault {
        name: "error",
        cause: Cause::Configuration(|authority| {
            Answer::new(500, "application/json", authority.configuration().to_string())
        }),
        log: "status 500, not 200",
        result: "Status",
    },
    Fault {
        name: "throttled",
        cause: Cause::Configuration(|_| {
            Answer::new(429, "text/plain", "slow down").header("retry-after", "1")
        }),
        log: "status 429, not 200",
        result: "Status",
    },
    Fault {
        name: "not-found",
        cause: Cause::Configuration(|_| Answer::new(404, "application/json", "{}")),
        log: "status 404, not 200",
        result: "Status",
    },
    Fault {
        name: "redirect",
        cause: Cause::Configuration(redirect),
        log: "status 302, not 200",
        result: "Status",
    },
    Fault {
        name: "html",
        cause: Cause::Configuration(|_| html()),
        log: "discovery document is not JSON",
        result: "Discovery",
    },
    Fault {
        name: "bad-json",
        cause: Cause::Configuration(|authority| {
            let mut text = authority.configuration().to_string();
            text.pop();
            Answer::new(200, "application/json", text)
        }),
        log: "discovery document is not JSON",
        result: "Discovery",
    },
    Fault {
        name: "list",
        cause: Cause::Configuration(|authority| Answer::json(&json!([authority.configuration()]))),
        log: "discovery document is not a JSON object",
        result: "Discovery",
    },
    Fault {
        name: "no-issuer",
        cause: Cause::Configuration(|authority| Answer::json(&without(&authority.configuration(), "issuer"))),
        log: "discovery document has no `issuer`",
        result: "Discovery",
    },
    Fault {
        name: "bloated",
        cause: Cause::Configuration(|authority| bloated(&authority.configuration())),
        log: "the answer is larger than fetch.max-response-bytes",
        result: "TooLarge",
    },
    Fault {
        name: "keys-elsewhere",
        cause: Cause::Configuration(|authority| pointing_to(authority, &format!("https://{ELSEWHERE}/keys"))),
        log: "`jwks_uri` is on host elsewhere.example, which is neither the configuration's nor named in `clusters`",
        result: "JwksUri",
    },
    Fault {
        name: "keys-in-the-clear",
        cause: Cause::Configuration(|authority| {
            pointing_to(authority, &format!("http://{}{}", authority.keys_host, authority.keys_path))
        }),
        log: "is not https (fetch.allow-http is off)",
        result: "JwksUri",
    },
    Fault {
        name: "keys-reset",
        cause: Cause::Keys(|_| Answer::hang_up().delivered(Delivery::Reset)),
        log: CANNOT_CONNECT,
        result: "Status",
    },
    Fault {
        name: "keys-slow",
        cause: Cause::Keys(|authority| key_set(authority).after(LONGER_THAN_THE_TIMEOUT)),
        log: IN_VAIN,
        result: "Status",
    },
    Fault {
        name: "keys-truncated",
        cause: Cause::Keys(|authority| key_set(authority).delivered(Delivery::Half)),
        log: NOT_WHOLE,
        result: "Broken",
    },
    Fault {
        name: "keys-not-found",
        cause: Cause::Keys(|_| Answer::new(404, "text/plain", "not found")),
        log: "status 404, not 200",
        result: "Status",
    },
    Fault {
        name: "keys-redirect",
        cause: Cause::Keys(redirect),
        log: "status 302, not 200",
        result: "Status",
    },
    Fault { name: "keys-html", cause: Cause::Keys(|_| html()), log: "key set is not JSON", result: "KeySet" },
    Fault {
        name: "keys-other",
        cause: Cause::Keys(|authority| Answer::json(&authority.configuration())),
        log: "key set has no list `keys`",
        result: "KeySet",
    },
    Fault {
        name: "keys-empty",
        cause: Cause::Keys(|_| Answer::json(&json!({ "keys": [] }))),
        log: "key set has no usable key (it is empty)",
        result: "KeySet",
    },
    Fault {
        name: "keys-unusable",
        cause: Cause::Keys(|_| {
            Answer::json(&json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, 5] }))
        }),
        log: "key set has no usable key (of 2; keys[0]:",
        result: "KeySet",
    },
    Fault {
        name: "keys-bloated",
        cause: Cause::Keys(|authority| bloated(&authority.key_set())),
        log: "the answer is larger than fetch.max-response-bytes",
        result: "TooLarge",
    },
];

fn configuration(authority: &Authority) -> Answer {
    Answer::json(&authority.configuration())
}

fn key_set(authority: &Authority) -> Answer {
    Answer::json(&authority.key_set())
}

fn html() -> Answer {
    Answer::new(200, "text/html", "<!doctype html><title>Sign in</title>")
}

fn redirect(authority: &Authority) -> Answer {
    Answer::new(302, "text/plain", "").header("location", format!("https://{}{MOVED}", authority.host))
}

fn bloated(document: &Value) -> Answer {
    Answer::json(&with(document, "padding", json!("x".repeat(FAR_TOO_LONG))))
}

fn pointing_to(authority: &Authority, keys: &str) -> Answer {
    Answer::json(&with(&authority.configuration(), "jwks_uri", json!(keys)))
}

impl Fault {
    /// Whether a provider that answers as it should is behind it.
    pub(super) fn is_at_the_provider(&self) -> bool {
        matches!(self.cause, Cause::Configuration(_) | Cause::Keys(_))
    }

    /// Lets the provider answer in this way, and truly where it could lead to.
    pub(super) fn set(&self, provider: &IdentityProvider, authority: &Authority) {
        let truth = match self.cause {
            Cause::Configuration(answer) => {
                provider.set(&authority.host, &authority.configuration_path, answer(authority));
                provider.set(&authority.keys_host, &authority.keys_path, key_set(authority));
                authority.configuration()
            }
            Cause::Keys(answer) => {
                provider.set(&authority.host, &authority.configuration_path, configuration(authority));
                provider.set(&authority.keys_host, &authority.keys_path, answer(authority));
                authority.key_set()
            }
            Cause::NobodyListens | Cause::NoTls | Cause::NoEndpoint | Cause::NoCluster => return,
        };
        provider.set(&authority.host, MOVED, Answer::json(&truth));
        provider.set(ELSEWHERE, "/keys", key_set(authority));
    }
}
