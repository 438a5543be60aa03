//! An hour of traffic in one VM: keys rotate, the provider fails, plugins are replaced, clients hang up while they wait, and a
//! tenth of the tokens is bad. Nothing of it may be left in the VM when it is over.

use crate::host::{Answer, Host, Outcome, Request, RootId, START, StreamId};
use crate::provider::{AUDIENCE, MILLISECOND, Provider, SECOND, policy, tampered, token_but};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// The hour has six parts in which the same happens.
const PART: u64 = 600;
const HOUR: u64 = 6 * PART;
/// After so much of it, all that the VM needs has been asked for.
const WARM: u64 = 2 * PART;
/// With those who wait for a new key, 36,000 in all.
const REQUESTS_PER_SECOND: u32 = 8;
/// How many clients of each plugin wait for a new key; of twenty, one stays and the others hang up.
const PATIENTS: usize = 200;
/// WebAssembly's unit of memory.
const PAGE: usize = 65_536;
/// How much more memory the VM may have at the end than when it was warm: what a free list that is cut up otherwise may take.
/// A leak of 100 bytes for each client that hung up would take 5.
const GROWTH: usize = 2 * PAGE;
/// Lines about requests that a plugin may write in a second.
const LINES: usize = 10;

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Passes,
    Refused(&'static str),
    /// No key of the provider fits; while it is out, nobody can know that.
    Unknown,
}

impl Fate {
    fn is(self, outcome: &Outcome, is_out: bool) -> bool {
        match (self, outcome) {
            (Self::Passes, Outcome::Continued) => true,
            (Self::Refused(reason), Outcome::Replied(reply)) => {
                (reply.status, reply.reason()) == (401, reason)
            }
            (Self::Unknown, Outcome::Replied(reply)) => match reply.reason() {
                "TokenSignatureKeyNotFound" => reply.status == 401,
                "DiscoveryUnavailable" => reply.status == 503 && is_out,
                _ => false,
            },
            _ => false,
        }
    }
}

/// A request that has no answer yet.
struct Open {
    stream: StreamId,
    root: RootId,
    fate: Fate,
}

/// One VM with two plugins: one that stays, and one that is replaced again and again.
struct Hour {
    host: Host,
    provider: Provider,
    /// The last one and the one before it.
    keys: [SigningKey; 2],
    changing: RootId,
    /// Replaced, with requests still waiting in them.
    retired: Vec<RootId>,
    updates: usize,
    is_out: bool,
    open: Vec<Open>,
    sent: usize,
    ended: BTreeMap<Fate, usize>,
    left: usize,
}

fn key(number: usize) -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().with_kid(format!("key-{number}"))
}

fn configuration(audiences: &[&str]) -> Value {
    let mut policy = policy();
    policy["validate-jwt"]["audiences"] = json!(audiences);
    policy["fetch"] = json!({ "unknown-kid-interval": "1s" });
    // Full before the VM is called warm.
    policy["token-cache"] = json!({ "max-bytes": 262_144 });
    policy
}

impl Hour {
    fn begin() -> Self {
        let keys = [key(0), key(1)];
        let provider = Provider::new(&[&keys[0], &keys[1]]);
        let mut host = provider.warm_host_with(&configuration(&[AUDIENCE]));
        let changing = host.add_plugin("changing", configuration(&[AUDIENCE]).to_string().as_bytes());
        let changing = changing.unwrap();
        host.advance(SECOND);
        Self {
            host,
            provider,
            keys,
            changing,
            retired: Vec::new(),
            updates: 0,
            is_out: false,
            open: Vec::new(),
            sent: 0,
            ended: BTreeMap::new(),
            left: 0,
        }
    }

    /// A second of traffic, and what happens in it beside that.
    fn second(&mut self, second: u64) {
        match second % PART {
            60 | 240 | 420 => self.rotate(),
            150 | 330 | 480 => self.update(),
            200 => self.mistakes(),
            at @ 300..360 => self.outage(at - 300),
            360 => {
                self.provider.heal();
            }
            // The longest wait for the next attempt is over.
            400 => self.is_out = false,
            560 => self.flood(),
            _ => {}
        }
        let lines = self.lines();
        for _ in 0..REQUESTS_PER_SECOND {
            self.send_next();
            self.host.advance(SECOND / REQUESTS_PER_SECOND);
            self.settle();
        }
        assert!(self.lines() - lines <= 2 * LINES, "second {second}");
    }

    fn send_next(&mut self) {
        let number = self.sent;
        let (request, fate) = match number % 10 {
            0 => self.bad(number / 10),
            _ => (self.good(), Fate::Passes),
        };
        let root = if (number / 10 + number).is_multiple_of(2) { RootId::FIRST } else { self.changing };
        self.send(root, request, fate);
    }

    fn send(&mut self, root: RootId, request: Request, fate: Fate) -> StreamId {
        let request = if self.sent.is_multiple_of(100) { request } else { request.unwatched() };
        self.sent += 1;
        let stream = self.host.request_at(root, request);
        self.open.push(Open { stream, root, fate });
        stream
    }

    fn signed(&self, key: &SigningKey, changes: &Value) -> String {
        let mut changes = changes.clone();
        changes["jti"] = json!(format!("token number {} of many", self.sent));
        token_but(key, &changes)
    }

    fn good(&self) -> Request {
        Request::with_token(&self.signed(&self.keys[self.sent % 7 / 6], &json!({})))
    }

    fn bad(&self, kind: usize) -> (Request, Fate) {
        let newest = &self.keys[1];
        let (token, reason) = match kind % 8 {
            0 => return (Request::get("/orders"), Fate::Refused("TokenNotPresent")),
            1 => {
                let stranger = newest.clone().with_kid(format!("stranger-{kind}"));
                return (Request::with_token(&self.signed(&stranger, &json!({}))), Fate::Unknown);
            }
            2 => (tampered(&self.signed(newest, &json!({}))), "TokenSignatureInvalid"),
            3 => {
                let past = (START - SECOND).as_secs();
                (self.signed(newest, &json!({ "exp": past })), "TokenExpired")
            }
            4 => (self.signed(newest, &json!({ "aud": "api://other" })), "TokenAudienceNotAllowed"),
            5 => (self.signed(newest, &json!({ "iss": "https://evil.example/" })), "TokenIssuerNotAllowed"),
            6 => {
                let secret = SigningKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap();
                (self.signed(&secret, &json!({})), "TokenAlgorithmNotAllowed")
            }
            _ => (format!("neither.this.nor-that-{kind}"), "JwtInvalid"),
        };
        (Request::with_token(&token), Fate::Refused(reason))
    }

    /// Ends the requests that are decided, and the plugins that nobody waits in any more.
    fn settle(&mut self) {
        for Open { stream, root, fate } in std::mem::take(&mut self.open) {
            if self.host.is_paused(stream) {
                self.open.push(Open { stream, root, fate });
                continue;
            }
            self.host.close(stream);
            let outcome = self.host.take_outcome(stream);
            assert!(fate.is(&outcome, self.is_out), "{:?}: {fate:?}: {outcome:?}", self.host.now() - START);
            *self.ended.entry(fate).or_default() += 1;
        }
        for root in std::mem::take(&mut self.retired) {
            if self.open.iter().any(|open| open.root == root) {
                self.retired.push(root);
            } else {
                self.host.remove_root(root);
            }
        }
    }

    fn settle_all(&mut self) {
        self.host.advance(20 * SECOND);
        self.settle();
        assert_eq!(self.open.len(), 0);
    }

    /// The next key. It is at work at once; the provider takes its time to publish it, and most clients do not.
    fn rotate(&mut self) {
        // Whoever sent an unknown key before must not be the reason that a good one is refused.
        self.settle_all();
        self.keys.swap(0, 1);
        self.keys[1] = key(self.sent);
        self.provider.set_keys(&[&self.keys[0], &self.keys[1]]);
        self.provider.set_latency(2 * SECOND);
        let token = self.signed(&self.keys[1], &json!({}));
        for number in 0..PATIENTS {
            for root in [RootId::FIRST, self.changing] {
                let stream = self.send(root, Request::with_token(&token), Fate::Passes);
                self.host.assert_paused(stream);
            }
            if number.is_multiple_of(20) {
                self.host.advance(MILLISECOND);
            }
        }
        // The gauge may be a second old.
        self.host.advance(SECOND + 500 * MILLISECOND);
        assert_eq!(self.waiting(), u64::try_from(2 * PATIENTS).unwrap());
        for (number, open) in std::mem::take(&mut self.open).into_iter().enumerate() {
            if number.is_multiple_of(20) {
                self.open.push(open);
                continue;
            }
            self.host.close(open.stream);
            let outcome = self.host.take_outcome(open.stream);
            assert!(matches!(outcome, Outcome::Left), "{outcome:?}");
            self.left += 1;
        }
        self.host.advance(10 * SECOND);
        self.settle();
        assert_eq!((self.open.len(), self.waiting()), (0, 0));
        self.provider.set_latency(20 * MILLISECOND);
    }

    /// Another configuration in place of the one before.
    fn update(&mut self) {
        self.updates += 1;
        let audiences: &[&str] =
            if self.updates.is_multiple_of(2) { &[AUDIENCE] } else { &[AUDIENCE, "second"] };
        let next = configuration(audiences).to_string();
        assert!(self.host.try_configuration(next.as_bytes()));
        let before = self.changing;
        self.changing = self.host.add_plugin("changing", next.as_bytes()).unwrap();
        self.retired.push(before);
        self.settle();
    }

    fn mistakes(&mut self) {
        let misspelt = configuration(&[AUDIENCE]).to_string().replace("audiences", "audience");
        for mistake in ["", "{}", "not JSON", misspelt.as_str()] {
            assert!(!self.host.try_configuration(mistake.as_bytes()), "{mistake}");
        }
    }

    /// A minute without the provider, in six ways.
    fn outage(&mut self, second: u64) {
        self.is_out = true;
        if second.is_multiple_of(10) {
            let fault = match second / 10 {
                0 => Answer::Refused,
                1 => Answer::Cut,
                2 => Answer::Stalls,
                3 => Answer::http(500, "text/html", "<html>sorry</html>"),
                4 => Answer::Never,
                _ => Answer::Lost,
            };
            self.provider.break_keys(fault.clone());
            self.provider.break_discovery(fault);
        }
    }

    /// More refusals at once than the log has lines for.
    fn flood(&mut self) {
        self.host.advance(SECOND);
        let lines = self.lines();
        for _ in 0..6 * LINES {
            self.send(RootId::FIRST, Request::get("/orders"), Fate::Refused("TokenNotPresent"));
        }
        self.settle();
        assert_eq!(self.lines() - lines, LINES);
        self.host.advance(SECOND);
    }

    fn lines(&self) -> usize {
        self.host.log().iter().filter(|line| line.text.starts_with("refused: ")).count()
    }

    fn waiting(&self) -> u64 {
        let gauge = |plugin| format!("validate_jwt.plugin.{plugin}.provider.0.waiting");
        ["orders", "changing"].iter().map(|plugin| self.host.metric_of_all(&gauge(plugin))).sum()
    }

    fn metric_names(&self) -> BTreeSet<String> {
        self.host.metric_names().into_iter().map(str::to_owned).collect()
    }
}

#[test]
fn an_hour_of_traffic_leaves_nothing_behind() {
    let mut hour = Hour::begin();
    for second in 0..WARM {
        hour.second(second);
    }
    let (warm, names) = (hour.host.memory_bytes(), hour.metric_names());
    for second in WARM..HOUR {
        hour.second(second);
    }
    hour.settle_all();

    let memory = hour.host.memory_bytes();
    assert!(memory <= warm + GROWTH, "{} pages when warm, {} after the hour", warm / PAGE, memory / PAGE);
    assert_eq!(hour.metric_names(), names);
    assert_eq!((hour.host.open_requests(), hour.waiting()), (0, 0));
    assert_eq!(hour.ended.values().sum::<usize>() + hour.left, hour.sent);
    assert!(hour.left > 6_000 && hour.sent >= 36_000, "{} of {} left", hour.left, hour.sent);
    // Of each kind, enough to show a leak.
    assert!(hour.ended.len() == 9 && hour.ended.values().all(|count| *count > 300), "{:?}", hour.ended);
}
