//! Keys over time: the OpenID configurations of a plugin, and the requests that wait for their keys.
//!
//! All of it is a state machine without a clock or a network: events go in with their time, [`Action`]s come out. The filter's
//! root context drives it; the tests drive it through days in microseconds.

mod fetch;
mod provider;
mod schedule;

pub use fetch::{Fetch, FetchError, FetchFault, Limits, Response};
pub use provider::{Availability, Origin, Provider, ProviderSettings, Publication};
pub use schedule::Schedule;

use std::time::Duration;

use crate::{jwk::JwkError, time::Timestamp};

/// The most OpenID configurations and key sets that one plugin configuration can name.
pub const MAX_PROVIDERS: usize = 256;

/// The words of a [`ProviderSet`], one bit for each provider.
const WORDS: usize = MAX_PROVIDERS.div_ceil(64);

/// The position of a provider in its [`KeyStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderId(u8);

impl ProviderId {
    /// The provider at `index`; `None` beyond [`MAX_PROVIDERS`].
    pub fn new(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|_| index < MAX_PROVIDERS).map(Self)
    }

    /// The position, counted from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of providers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderSet([u64; WORDS]);

impl ProviderSet {
    /// Whether no provider is in it.
    pub fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    /// Whether `provider` is in it.
    pub fn contains(self, provider: ProviderId) -> bool {
        let (word, bit) = Self::place(provider);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds `provider`.
    pub fn insert(&mut self, provider: ProviderId) {
        let (word, bit) = Self::place(provider);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Everything that is in it or in `other`.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        self
    }

    fn place(provider: ProviderId) -> (usize, u64) {
        (usize::from(provider.0 / 64), 1_u64.rotate_left(u32::from(provider.0 % 64)))
    }
}

impl FromIterator<ProviderId> for ProviderSet {
    fn from_iter<T: IntoIterator<Item = ProviderId>>(providers: T) -> Self {
        let mut set = Self::default();
        for provider in providers {
            set.insert(provider);
        }
        set
    }
}

/// What a request needs before it can be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The providers whose first answer, or next after a failure, may decide: a fetch goes on or is due.
    pub pending: ProviderSet,
    /// The providers whose keys are known, but none that fits the token: a fetch is started for it.
    pub refetch: ProviderSet,
}

impl Wish {
    /// A wish for the answers of these providers.
    pub fn pending(providers: ProviderSet) -> Self {
        Self { pending: providers, refetch: ProviderSet::default() }
    }

    /// A wish for newer keys of these providers.
    pub fn refetch(providers: ProviderSet) -> Self {
        Self { pending: ProviderSet::default(), refetch: providers }
    }

    /// What either of the two asks for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { pending: self.pending.union(other.pending), refetch: self.refetch.union(other.refetch) }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(self) -> bool {
        self.providers().is_empty()
    }

    /// All providers that it names.
    fn providers(self) -> ProviderSet {
        self.pending.union(self.refetch)
    }
}

/// A request that waits. The number is the proxy's own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u32);

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this request to the identity provider, and tell its end by [`KeyStore::answer`].
    Fetch(Fetch),
    /// Decide these requests again.
    Wake(Vec<Woken>),
    /// Tell the operator how a fetch ended.
    Report(Report),
}

/// A request that is to be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken {
    /// The request.
    pub request: RequestId,
    /// What it waited for.
    pub waited: Waited,
}

/// What a request waited for already. It waits for each thing once, so that it gets an answer in time whatever the providers
/// do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// Providers of which a fetch has ended meanwhile.
    pub fetched: ProviderSet,
    /// Providers that were asked again for the token's unknown `kid`.
    pub refetched: ProviderSet,
}

/// The end of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose keys they are.
    pub provider: ProviderId,
    /// What it brought, or why it brought nothing.
    pub result: Result<Fetched, FetchError>,
    /// How long it took, from the first request to the last answer.
    pub took: Duration,
    /// How long until the next fetch.
    pub next: Duration,
}

/// What a fetch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The number of usable keys.
    pub keys: usize,
    /// The number of keys that cannot be used.
    pub skipped: usize,
    /// The position of the first of those, and why.
    pub first_skipped: Option<(usize, JwkError)>,
}

/// The requests are too many to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The providers of one plugin configuration, and who waits for them.
#[derive(Debug)]
pub struct KeyStore {
    providers: Vec<Provider>,
    waiting: Vec<Waiting>,
    max_waiting: usize,
    clock: SteadyClock,
}

/// Time that never goes back, made of a clock that may be set: intervals and ages are counted in it, so that a correction of
/// the clock neither stops the fetches nor keeps a new key away.
#[derive(Clone, Copy, Debug)]
struct SteadyClock {
    set: Timestamp,
    steady: Timestamp,
}

impl SteadyClock {
    /// The steady time when the clock shows `now`; while the clock is behind what it showed before, it stands.
    fn read(self, now: Timestamp) -> Timestamp {
        if now == Timestamp::UNKNOWN { self.steady } else { self.steady.after(now.since(self.set)) }
    }

    /// The same, and the clock goes on from `now`, even if that is back.
    fn pass(&mut self, now: Timestamp) -> Timestamp {
        let steady = self.read(now);
        if now != Timestamp::UNKNOWN {
            *self = Self { set: now, steady };
        }
        steady
    }
}

#[derive(Debug)]
struct Waiting {
    request: RequestId,
    wish: ProviderSet,
    waited: Waited,
}

impl KeyStore {
    /// A store that fetches from each of `providers`, at most [`MAX_PROVIDERS`], and lets `max_waiting` requests wait.
    pub fn new(providers: Vec<ProviderSettings>, seed: u64, max_waiting: usize) -> Self {
        let providers = providers
            .into_iter()
            .enumerate()
            .filter_map(|(index, settings)| Some(Provider::new(ProviderId::new(index)?, settings, seed)))
            .collect();
        let start = Timestamp::from_millis(0);
        Self { providers, waiting: Vec::new(), max_waiting, clock: SteadyClock { set: start, steady: start } }
    }

    /// The store's own time when the clock shows `now`: what its providers are asked with. It never goes back.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.clock.read(now)
    }

    /// The provider `id`.
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.get(id.index())
    }

    /// All providers.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// How many requests wait for `provider`.
    pub fn waiting_for(&self, provider: ProviderId) -> usize {
        self.waiting.iter().filter(|waiting| waiting.wish.contains(provider)).count()
    }

    /// Starts the fetches that are due, and gives up those that got no answer.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        let now = self.clock.pass(now);
        let ids: Vec<_> = self.providers.iter().map(Provider::id).collect();
        let mut actions = Vec::new();
        for id in ids {
            if let Some(step) = self.provider_mut(id).and_then(|provider| provider.expire(now)) {
                actions.extend(self.act(step, id, now));
            }
            actions.extend(self.provider_mut(id).and_then(|provider| provider.start(now)).map(Action::Fetch));
        }
        actions
    }

    /// Takes the end of a fetch that an [`Action::Fetch`] asked for; one that was given up before is ignored.
    pub fn answer(
        &mut self,
        fetch: &Fetch,
        response: Result<Response, FetchFault>,
        now: Timestamp,
    ) -> Vec<Action> {
        let now = self.clock.pass(now);
        let id = fetch.provider;
        match self.provider_mut(id).and_then(|provider| provider.answer(fetch, response, now)) {
            Some(step) => self.act(step, id, now),
            None => Vec::new(),
        }
    }

    /// Lets a request wait for `wish`; it comes back in an [`Action::Wake`].
    pub fn wait(
        &mut self,
        request: RequestId,
        wish: Wish,
        waited: Waited,
        now: Timestamp,
    ) -> Result<(), Full> {
        if self.waiting.len() >= self.max_waiting {
            return Err(Full);
        }
        self.want(wish, now);
        self.waiting.push(Waiting { request, wish: wish.providers(), waited });
        Ok(())
    }

    /// Makes the refetches of `wish` due, where their interval allows it, whether or not somebody waits for them.
    pub fn want(&mut self, wish: Wish, now: Timestamp) {
        let now = self.clock.pass(now);
        for provider in self.providers.iter_mut().filter(|provider| wish.refetch.contains(provider.id())) {
            provider.want_key(now);
        }
    }

    /// Forgets a request whose client left.
    pub fn forget(&mut self, request: RequestId) {
        self.waiting.retain(|waiting| waiting.request != request);
    }

    /// How long until [`Self::tick`] has something to do.
    pub fn until_next(&self, now: Timestamp) -> Option<Duration> {
        let now = self.time(now);
        self.providers.iter().map(|provider| provider.next_event().since(now)).min()
    }

    fn provider_mut(&mut self, id: ProviderId) -> Option<&mut Provider> {
        self.providers.get_mut(id.index())
    }

    fn act(&mut self, step: provider::Step, id: ProviderId, now: Timestamp) -> Vec<Action> {
        match step {
            provider::Step::Next(fetch) => vec![Action::Fetch(fetch)],
            provider::Step::Ended { result, for_unknown_key, took } => {
                let next =
                    self.provider(id).map_or(Duration::ZERO, |provider| provider.next_event().since(now));
                let report = Action::Report(Report { provider: id, result, took, next });
                let woken = self.wake(id, for_unknown_key);
                if woken.is_empty() { vec![report] } else { vec![report, Action::Wake(woken)] }
            }
        }
    }

    fn wake(&mut self, id: ProviderId, for_unknown_key: bool) -> Vec<Woken> {
        self.waiting
            .extract_if(.., |waiting| waiting.wish.contains(id))
            .map(|mut waiting| {
                waiting.waited.fetched.insert(id);
                if for_unknown_key {
                    waiting.waited.refetched.insert(id);
                }
                Woken { request: waiting.request, waited: waiting.waited }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
