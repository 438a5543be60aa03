//! One VM with the filter in it: calls the callbacks as a proxy does, and judges what comes of them.

use std::{sync::Once, thread};

use validate_jwt::{config::Configuration, keys::Origin};

use crate::{
    provider::head_of_answer,
    proxy::{self, Callout, Pairs, Phase, Proxy, Response, Root, Stream},
    reached,
    served::Terms,
    signers, tokens,
    verifier::{Judge, Published},
};

const CONTINUE: u32 = 0;

/// How long a request may wait, in steps of a second, once every callout is answered.
const PATIENCE: usize = 300;

/// How old the filter's gauges may be.
const GAUGES_MILLISECONDS: u64 = 1000;

/// The most ticks that one step of time lets happen: a timer of a millisecond for an hour would be an hour's work.
const MAX_TICKS: usize = 64;

// What the module exports (`postlink/filter-exports.txt`), and nothing else of what the SDK has.
unsafe extern "C" {
    safe fn _initialize();
    safe fn proxy_on_context_create(context: u32, root: u32);
    safe fn proxy_on_configure(context: u32, size: usize) -> bool;
    safe fn proxy_on_tick(context: u32);
    safe fn proxy_on_request_headers(context: u32, count: usize, end_of_stream: bool) -> u32;
    safe fn proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32;
    safe fn proxy_on_request_trailers(context: u32, count: usize) -> u32;
    safe fn proxy_on_http_call_response(
        context: u32,
        token: u32,
        headers: usize,
        body: usize,
        trailers: usize,
    );
    safe fn proxy_on_delete(context: u32);
}

/// The filter in a thread of its own: whatever it keeps ends with the run.
#[derive(Debug)]
pub struct Vm(());

impl Vm {
    /// Does `run` with a new VM.
    pub fn run(run: impl FnOnce(&mut Self) + Send) {
        static SET_UP: Once = Once::new();
        SET_UP.call_once(|| {
            for (name, signer) in [("FUZZ_SECRET", signers::SECRET), ("CASES_SECRET", signers::SECRET)] {
                // SAFETY: no other thread runs yet.
                unsafe { std::env::set_var(name, signers::SIGNERS[signer].secret().unwrap()) };
            }
            // SAFETY: the same.
            unsafe { std::env::set_var("CASES_PRIVATE_KEY", signers::PRIVATE_KEY) };
            _initialize();
            // The SDK's hook would log the panic and let the thread end.
            std::panic::set_hook(Box::new(|panic| {
                eprintln!("{panic}");
                std::process::abort();
            }));
        });
        thread::scope(|scope| {
            scope.spawn(|| {
                _initialize();
                run(&mut Self(()));
                Self(()).end();
            });
        });
    }

    /// Begins a plugin with this configuration; `None` when the filter refuses it. `readable` is the same as JSON.
    pub fn configure(&mut self, configuration: &[u8], readable: &[u8]) -> Option<u32> {
        let root = proxy::with(|proxy| {
            let id = proxy.new_context();
            let judge = Judge::new(readable);
            let written = judge.as_ref().map(written).unwrap_or_default();
            let configuration = configuration.to_vec();
            let terms = terms(readable);
            proxy.served.plugins += 1;
            proxy.roots.insert(id, Root { configuration, timer: None, judge, terms, written });
            id
        });
        call(root, || proxy_on_context_create(root, 0));
        let is_accepted = call(root, || proxy_on_configure(root, configuration.len()));
        if !is_accepted {
            self.drop_root(root);
        }
        is_accepted.then_some(root)
    }

    /// Ends a plugin: its timer stops, its callouts are cancelled.
    pub fn drop_root(&mut self, root: u32) {
        call(root, || proxy_on_delete(root));
        proxy::with(|proxy| {
            proxy.roots.remove(&root);
            proxy.callouts.retain(|_, callout| callout.context != root);
        });
    }

    /// Brings a request whose head is `headers`, and returns its id.
    pub fn request(&mut self, root: u32, headers: Pairs, property: Option<Vec<u8>>) -> u32 {
        let count = headers.len();
        let id = proxy::with(|proxy| {
            let id = proxy.new_context();
            let sent = headers.clone();
            let (phase, outcome) = (Phase::Fresh, None);
            let stream = Stream { root, phase, headers, sent, property, outcome, status: 0 };
            proxy.streams.insert(id, stream);
            id
        });
        call(id, || proxy_on_context_create(id, root));
        proxy::with(Proxy::take_outcome);
        let action = call(id, || proxy_on_request_headers(id, count, count.is_multiple_of(2)));
        proxy::with(|proxy| {
            let outcome = proxy.take_outcome();
            let stream = proxy.streams.get_mut(&id).expect("the request");
            match (action, stream.phase) {
                (CONTINUE, Phase::Fresh) => {
                    stream.phase = Phase::Continued;
                    stream.outcome = outcome;
                }
                (CONTINUE, phase) => panic!("a request goes on that is {phase:?}"),
                (_, Phase::Fresh) => stream.phase = Phase::Paused,
                (_, Phase::Paused | Phase::Continued | Phase::Answered) => {}
            }
        });
        match self.phase(id) {
            Some(Phase::Continued) => judge(id),
            Some(Phase::Answered) => reached::refused(),
            _ => reached::waited(),
        }
        id
    }

    /// Brings a part of the request's body, or its trailers.
    pub fn body(&mut self, id: u32, is_trailers: bool, is_end: bool) {
        let Some(before) = self.phase(id) else { return };
        let action = if is_trailers {
            call(id, || proxy_on_request_trailers(id, 1))
        } else {
            call(id, || proxy_on_request_body(id, 10, is_end))
        };
        assert_eq!(
            action == CONTINUE,
            before == Phase::Continued,
            "a body {} while its request is {before:?}",
            if action == CONTINUE { "goes on" } else { "is held back" }
        );
    }

    /// How far a request is; `None` when it is gone.
    pub fn phase(&self, id: u32) -> Option<Phase> {
        proxy::with(|proxy| proxy.streams.get(&id).map(|stream| stream.phase))
    }

    /// The status with which a request was answered.
    pub fn status(&self, id: u32) -> Option<u32> {
        proxy::with(|proxy| {
            proxy
                .streams
                .get(&id)
                .filter(|stream| stream.phase == Phase::Answered)
                .map(|stream| stream.status)
        })
    }

    /// The client leaves, or has its answer.
    pub fn leave(&mut self, id: u32) {
        if self.phase(id).is_some() {
            call(id, || proxy_on_delete(id));
            proxy::with(|proxy| proxy.streams.remove(&id));
        }
    }

    /// The callouts that have no answer.
    pub fn callouts(&self) -> Vec<(u32, Callout)> {
        proxy::with(|proxy| proxy.callouts.iter().map(|(token, callout)| (*token, callout.clone())).collect())
    }

    /// Answers a callout, as the proxy does: also one that the filter has given up.
    pub fn answer(&mut self, token: u32, response: Response) {
        let Some(callout) = proxy::with(|proxy| proxy.callouts.remove(&token)) else { return };
        let (headers, body) = (response.headers.len(), response.body.len());
        proxy::with(|proxy| {
            let now = proxy.now;
            proxy.served.deliver(&callout, &response, now);
            proxy.response = Some(response);
        });
        call(callout.context, || proxy_on_http_call_response(callout.context, token, headers, body, 0));
        proxy::with(|proxy| proxy.response = None);
        Self::judge_resumed();
    }

    /// Answers every callout, those that follow included.
    pub fn answer_all(&mut self, answer: &dyn Fn(&Callout) -> Response) {
        for _ in 0..16 {
            let callouts = self.callouts();
            if callouts.is_empty() {
                break;
            }
            for (token, callout) in callouts {
                self.answer(token, answer(&callout));
            }
        }
    }

    /// Lets time pass, in which timers run out and callouts time out.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = proxy::with(|proxy| proxy.now) + milliseconds;
        for _ in 0..MAX_TICKS {
            let next = proxy::with(|proxy| {
                let timers =
                    proxy.roots.iter().filter_map(|(id, root)| root.timer.map(|(due, _)| (due, *id)));
                timers.min().filter(|(due, _)| *due <= end)
            });
            let Some((due, root)) = next else { break };
            proxy::with(|proxy| proxy.now = proxy.now.max(due));
            self.expire_callouts();
            Self::tick(root);
        }
        proxy::with(|proxy| proxy.now = end);
        self.expire_callouts();
    }

    /// Somebody sets the clock back; what is measured otherwise goes on.
    pub fn set_clock_back(&mut self, milliseconds: u64) {
        proxy::with(|proxy| {
            let back = milliseconds.min(proxy.now);
            proxy.served.is_clock_set = true;
            proxy.now -= back;
            proxy.idle_since = None;
            let timers = proxy.roots.values_mut().filter_map(|root| root.timer.as_mut());
            timers.for_each(|(due, _)| *due = due.saturating_sub(back));
            proxy
                .callouts
                .values_mut()
                .for_each(|callout| callout.deadline = callout.deadline.saturating_sub(back));
        });
    }

    /// Ends the plugins, but for `current`, that have no requests.
    pub fn drop_idle_roots(&mut self, current: u32) {
        let idle: Vec<u32> = proxy::with(|proxy| {
            let is_idle =
                |id: &&u32| **id != current && !proxy.streams.values().any(|stream| stream.root == **id);
            proxy.roots.keys().filter(is_idle).copied().collect()
        });
        for root in idle {
            self.drop_root(root);
        }
    }

    fn expire_callouts(&mut self) {
        let now = proxy::with(|proxy| proxy.now);
        for (token, callout) in self.callouts() {
            if callout.deadline <= now {
                self.answer(
                    token,
                    Response { headers: head_of_answer(b"504"), body: b"upstream request timeout".to_vec() },
                );
            }
        }
    }

    fn tick(root: u32) {
        proxy::with(|proxy| {
            let now = proxy.now;
            if let Some(root) = proxy.roots.get_mut(&root)
                && let Some((due, period)) = &mut root.timer
            {
                *due = now + *period;
            }
        });
        call(root, || proxy_on_tick(root));
        Self::check_gauge();
        Self::judge_resumed();
    }

    /// A second after the last one that waits is gone, the filter counts none.
    fn check_gauge() {
        let is_idle = !Self::is_any_waiting() && proxy::with(|proxy| proxy.roots.len() == 1);
        proxy::with(|proxy| {
            let now = proxy.now;
            let since = is_idle.then(|| proxy.idle_since.unwrap_or(now));
            proxy.idle_since = since;
            if since.is_some_and(|since| now >= since + GAUGES_MILLISECONDS) {
                assert_eq!(proxy.shown_waiting(), 0, "requests that are gone wait");
            }
        });
    }

    /// Once every callout is answered and time has passed, nothing waits.
    pub fn settle(&mut self, answer: &dyn Fn(&Callout) -> Response) {
        for _ in 0..PATIENCE {
            if !Self::is_any_waiting() {
                return;
            }
            self.pass(1);
            self.answer_all(answer);
            if !Self::is_any_waiting() {
                return;
            }
            self.pass(1000);
        }
        assert!(!Self::is_any_waiting(), "a request waits for ever");
    }

    fn is_any_waiting() -> bool {
        // Whose plugin is gone has nobody who could answer it.
        proxy::with(|proxy| {
            let mut streams = proxy.streams.values();
            streams.any(|stream| stream.phase == Phase::Paused && proxy.roots.contains_key(&stream.root))
        })
    }

    fn judge_resumed() {
        let resumed: Vec<u32> = proxy::with(|proxy| {
            let resumed = proxy
                .streams
                .iter()
                .filter(|(_, stream)| stream.phase == Phase::Continued && stream.outcome.is_some());
            resumed.map(|(id, _)| *id).collect()
        });
        resumed.into_iter().for_each(judge);
    }

    fn end(&mut self) {
        let (streams, roots): (Vec<u32>, Vec<u32>) = proxy::with(|proxy| {
            (proxy.streams.keys().copied().collect(), proxy.roots.keys().copied().collect())
        });
        for id in streams {
            self.leave(id);
        }
        // Those who left are forgotten.
        self.pass(2_000);
        for root in roots {
            assert_eq!(proxy::with(|proxy| proxy.shown_waiting()), 0, "requests that are gone wait");
            self.drop_root(root);
        }
    }
}

/// Calls into the VM with hostcalls acting on `context`; afterwards they act on nothing.
fn call<R>(context: u32, callback: impl FnOnce() -> R) -> R {
    proxy::with(|proxy| proxy.effective = context);
    let result = callback();
    proxy::with(|proxy| proxy.effective = 0);
    result
}

/// Judges a request that was let through, once.
fn judge(id: u32) {
    proxy::with(|proxy| {
        let now = proxy.now;
        let stream = proxy.streams.get_mut(&id).expect("the request");
        let outcome = stream.outcome.take();
        let (sent, headers) = (stream.sent.clone(), stream.headers.clone());
        let Some(root) = proxy.roots.get(&stream.root) else { return };
        let Some(judge) = &root.judge else { return };
        let tokens = tokens::find(&sent, stream.property.as_deref(), &proxy.sealed);
        let outcomes = match &outcome {
            Some(outcome) => std::slice::from_ref(outcome),
            // Where nothing can be counted, nobody knows.
            None => &["Anonymous", "ReportOnly", "Allowed"].map(str::to_owned)[..],
        };
        let sets = root.terms.map(|terms| proxy.served.usable(terms, now)).unwrap_or_default();
        let published = Published { served: &proxy.served, sets: &sets };
        let verdicts = outcomes.iter().map(|outcome| judge.check(outcome, &tokens, published, now));
        let faults: Vec<String> = verdicts.filter_map(Result::err).collect();
        assert!(faults.len() < outcomes.len(), "let through: {faults:?}");
        for (name, value) in &headers {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
            let is_spoofed = root.written.contains(&name) && value.starts_with(tokens::SPOOFED);
            assert!(!is_spoofed, "a header that the filter writes came from the client: {name}");
        }
        match outcome.as_deref() {
            Some("Anonymous" | "ReportOnly") => reached::passed(),
            _ => reached::allowed(),
        }
    });
}

/// What a configuration says of answers; `None` when it is none.
fn terms(configuration: &[u8]) -> Option<Terms> {
    let read = Configuration::parse(configuration, &|name| std::env::var(name).ok()).ok()?;
    let max_stale =
        read.providers.iter().map(|provider| provider.schedule.max_stale).max().unwrap_or_default();
    Some(Terms {
        max_stale: u64::try_from(max_stale.as_millis()).unwrap_or(u64::MAX / 2).min(u64::MAX / 2),
        max_bytes: read.max_response_bytes,
        is_single: matches!(&read.providers[..], [only] if only.origin == Origin::Discovery),
    })
}

/// The headers that a configuration could write.
fn written(judge: &Judge) -> std::collections::BTreeSet<String> {
    let names = ["header", "payload-header"].into_iter().flat_map(|member| judge.texts(member));
    names.map(|name| name.to_ascii_lowercase().replace('_', "-")).collect()
}
