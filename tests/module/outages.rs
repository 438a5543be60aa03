//! Outages that last: nobody with a known key notices an hour of them, keys end at `max-stale`, and all comes back.
//! `docs/reliability.md` tells operators what is shown here.

mod several_providers;

use crate::bad_answers::all_faults;
use crate::host::{Answer, Host, Level, Request, StreamId};
use crate::provider::{MINUTE, Provider, SECOND, next_rsa_key, policy, rsa_key, token};
use serde_json::json;
use std::sync::OnceLock;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
/// The first request of an attempt that gets no answer: `fetch.timeout`, the grace for a proxy that tells nothing, a tick.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(7);
/// Between two attempts when the backoff is at its longest, and an attempt that succeeds.
const RECOVERY: Duration = Duration::from_secs(31);

/// A request whose key everybody knows.
fn known() -> Request {
    static TOKEN: OnceLock<String> = OnceLock::new();
    Request::with_token(TOKEN.get_or_init(|| token(rsa_key())))
}

/// A request whose key was not published before the outage.
fn new() -> Request {
    static TOKEN: OnceLock<String> = OnceLock::new();
    Request::with_token(TOKEN.get_or_init(|| token(next_rsa_key())))
}

/// The request passes, and without waiting for anything.
#[track_caller]
fn passes_at_once(host: &mut Host, request: Request) {
    let stream = host.request(request);
    host.assert_allowed(stream);
}

/// The request is answered 503; how long the caller is to stay away.
#[track_caller]
fn unavailable(host: &Host, stream: StreamId) -> Duration {
    let reply = host.assert_refused(stream, 503, "DiscoveryUnavailable");
    let seconds = reply.header("retry-after").and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.expect("a 503 says in whole seconds when to come again"))
}

/// What the statistics say of the first provider.
fn shown(host: &Host, name: &str) -> Option<u64> {
    host.metric(&format!("validate_jwt.plugin.orders.provider.0.{name}"))
}

/// The lines about fetches that failed.
fn failures(host: &Host) -> Vec<&str> {
    let lines = host.log().iter().filter(|line| line.level == Level::Warn);
    lines.map(|line| line.text.as_str()).filter(|text| text.contains(": no new keys: ")).collect()
}

/// A fault that strikes the host or its provider, and its end.
struct Outage {
    name: &'static str,
    log: &'static str,
    result: &'static str,
    begin: fn(&mut Host, &Provider),
    end: fn(&mut Host, &Provider),
}

const LONG_OUTAGES: [Outage; 5] = [
    Outage {
        name: "nobody listens",
        log: "status 503, not 200 (the proxy's own",
        result: "Status",
        begin: |_, provider| provider.break_discovery(Answer::Refused),
        end: |_, provider| provider.heal(),
    },
    Outage {
        name: "nobody answers",
        log: "status 504, not 200 (the proxy's own",
        result: "Status",
        begin: |_, provider| provider.break_discovery(Answer::Never),
        end: |_, provider| provider.heal(),
    },
    Outage {
        name: "the proxy itself never says what became of a request",
        log: "no answer within fetch.timeout",
        result: "TimedOut",
        begin: |_, provider| provider.break_discovery(Answer::Lost),
        end: |_, provider| provider.heal(),
    },
    Outage {
        name: "the cluster is gone",
        log: "the proxy does not know the cluster, or it has no healthy endpoint",
        result: "NotSent",
        begin: |host, _| host.remove_cluster("idp"),
        end: |host, _| host.add_cluster("idp"),
    },
    Outage {
        name: "the cluster has no endpoint",
        log: "the proxy does not know the cluster, or it has no healthy endpoint",
        result: "NotSent",
        begin: |host, _| host.set_endpoint("idp", false),
        end: |host, _| host.set_endpoint("idp", true),
    },
];

#[test]
fn an_hour_without_the_provider_costs_nobody_whose_key_is_known() {
    for Outage { name, log, result, begin, end } in LONG_OUTAGES {
        let provider = Provider::new(&[rsa_key()]);
        let mut host = provider.warm_host();
        host.about = name.to_owned();
        // The refresh is due a minute later.
        host.advance(59 * MINUTE);
        begin(&mut host, &provider);
        provider.set_keys(&[rsa_key(), next_rsa_key()]);
        for _ in 0..60 {
            passes_at_once(&mut host, known());
            let stream = host.request(new());
            host.advance(30 * SECOND);
            assert!(unavailable(&host, stream) <= 30 * SECOND, "{name}");
            passes_at_once(&mut host, known());
            host.advance(30 * SECOND);
        }
        assert!(failures(&host).iter().all(|line| line.contains(log)), "{name}: {:#?}", failures(&host));
        let failed = failures(&host).len();
        assert!((60..=300).contains(&failed), "{name}: {failed} attempts");
        assert_eq!(shown(&host, &format!("fetch.{result}")), u64::try_from(failed).ok(), "{name}");
        assert_eq!((shown(&host, "fetch.Ok"), shown(&host, "ready")), (Some(1), Some(1)), "{name}");
        let age = shown(&host, "age_seconds").unwrap();
        assert!((118 * 60..=121 * 60).contains(&age), "{name}: {age} s old");

        end(&mut host, &provider);
        host.advance(LONGEST_ATTEMPT);
        let waits = host.request(new());
        host.advance(2 * SECOND);
        host.assert_allowed(waits);
        passes_at_once(&mut host, known());
        passes_at_once(&mut host, new());
        assert_eq!(shown(&host, "keys"), Some(2), "{name}");
        assert!(shown(&host, "age_seconds") <= Some(10), "{name}");
    }
}

#[test]
fn an_hour_without_the_provider_from_the_start_is_503_and_then_over() {
    for Outage { name, log, result, begin, end } in LONG_OUTAGES {
        let provider = Provider::new(&[rsa_key()]);
        let mut host = provider.host();
        host.about = name.to_owned();
        begin(&mut host, &provider);
        for _ in 0..60 {
            let stream = host.request(known());
            // It may wait for an attempt that is under way.
            host.advance(LONGEST_ATTEMPT);
            let wait = unavailable(&host, stream);
            assert!((SECOND..=30 * SECOND).contains(&wait), "{name}: {wait:?}");
            let without_token = host.request(Request::get("/orders"));
            host.assert_refused(without_token, 401, "TokenNotPresent");
            host.advance(MINUTE - LONGEST_ATTEMPT);
        }
        assert!(failures(&host).iter().all(|line| line.contains(log)), "{name}: {:#?}", failures(&host));
        let failed = failures(&host).len();
        assert!((60..=140).contains(&failed), "{name}: {failed} attempts");
        assert_eq!(shown(&host, &format!("fetch.{result}")), u64::try_from(failed).ok(), "{name}");
        assert_eq!((shown(&host, "ready"), shown(&host, "keys")), (Some(0), Some(0)), "{name}");
        assert_eq!((shown(&host, "fetch.Ok"), shown(&host, "age_seconds")), (None, None), "{name}");

        end(&mut host, &provider);
        host.advance(RECOVERY + LONGEST_ATTEMPT);
        passes_at_once(&mut host, known());
        assert_eq!((shown(&host, "fetch.Ok"), shown(&host, "ready")), (Some(1), Some(1)), "{name}");
    }
}

#[test]
fn with_each_fault_keys_serve_until_max_stale_and_come_back() {
    let mut policy = policy();
    policy["fetch"] = json!({ "refresh-interval": "2m", "max-stale": "10m" });
    for (fault, break_it) in all_faults() {
        let provider = Provider::new(&[rsa_key()]);
        let mut host = provider.warm_host_with(&policy);
        host.about.clone_from(&fault);
        let last_good = host.now();
        break_it(&provider);
        while host.now() < last_good + 9 * MINUTE {
            host.advance(MINUTE);
            passes_at_once(&mut host, known());
        }
        host.advance(2 * MINUTE);
        let stream = host.request(known());
        host.advance(12 * SECOND);
        assert!(unavailable(&host, stream) <= 30 * SECOND, "{fault}");
        let without_token = host.request(Request::get("/orders"));
        host.assert_refused(without_token, 401, "TokenNotPresent");
        assert_eq!((shown(&host, "ready"), shown(&host, "keys")), (Some(0), Some(0)), "{fault}");
        assert!(shown(&host, "age_seconds") >= Some(600), "{fault}");

        provider.heal();
        host.advance(RECOVERY + 12 * SECOND);
        passes_at_once(&mut host, known());
        assert_eq!((shown(&host, "ready"), shown(&host, "keys")), (Some(1), Some(1)), "{fault}");
    }
}

#[test]
fn whoever_comes_before_the_first_keys_waits_for_one_attempt_of_two_requests() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(Duration::from_millis(4900));
    provider.break_keys(Answer::Never);
    let mut host = provider.host();
    let first = host.request(known());
    host.advance(9 * SECOND);
    host.assert_paused(first);
    let last = host.request(known());
    host.advance(SECOND);
    for stream in [first, last] {
        assert!(unavailable(&host, stream) <= 2 * SECOND);
    }
    // Until the next attempt nobody waits.
    let at_once = host.request(known());
    unavailable(&host, at_once);
}

#[test]
fn an_error_is_told_as_one_however_long_its_page_is() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::http(500, "text/html", "x".repeat(1_000_000)));
    let mut host = provider.host();
    host.advance(SECOND / 2);
    assert!(failures(&host)[0].contains("status 500, not 200"), "{:?}", failures(&host));
    assert_eq!((shown(&host, "fetch.Status"), shown(&host, "fetch.TooLarge")), (Some(1), None));
}
