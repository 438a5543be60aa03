//! Keys over time: the OpenID configurations of a plugin, and the requests that wait for their keys.
//!
//! All of it is a state machine without a clock or a network: events go in with their time, [`Action`]s come out. The filter's
//! root context drives it; the tests drive it through days in microseconds.

mod clock;
mod fetch;
mod known_issuers;
mod provider;
mod schedule;
mod sharing;

pub use fetch::{Fetch, FetchError, FetchFault, Limits, Response};
pub use known_issuers::{MAX_KNOWN_ISSUER_BYTES, MAX_KNOWN_ISSUERS, Place, TokensOf};
pub use provider::{Availability, Origin, Provider, ProviderSettings, Publication};
pub use schedule::Schedule;
pub use sharing::{Check, Entry, SharedData, Sharing, Written};

use std::{rc::Rc, time::Duration};

use crate::{jwk::JwkError, time::Timestamp};
use clock::{Moment, SteadyClock};
use known_issuers::KnownIssuers;

/// The most OpenID configurations and key sets that one plugin configuration can name.
pub const MAX_PROVIDERS: usize = 256;

/// How soon a VM hears of what another one learnt, when no request asks.
const NEWS: Duration = Duration::from_millis(100);

/// The same while requests wait for it.
const AWAITED_NEWS: Duration = Duration::from_millis(10);

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
    /// With whom; `None` when the store is alone.
    sharing: Option<Rc<Sharing>>,
    /// What the shared data was looked at for last.
    generation: Option<u32>,
    /// Counts the changes of what the providers publish.
    epoch: u64,
    known_issuers: KnownIssuers,
    /// What follows from the news that a request brought: only the driver may act on it.
    postponed: Vec<Action>,
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
        Self {
            providers,
            waiting: Vec::new(),
            max_waiting,
            clock: SteadyClock::new(),
            sharing: None,
            generation: None,
            epoch: 0,
            known_issuers: KnownIssuers::default(),
            postponed: Vec::new(),
        }
    }

    /// The same store, which fetches in turns with those of the other VMs.
    #[must_use]
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        for provider in &mut self.providers {
            provider.share(&sharing);
        }
        self.sharing = Some(Rc::new(sharing));
        self
    }

    /// The store's own time when the clock shows `now`: what its providers are asked with. It never goes back.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.clock.read(now)
    }

    /// A number that is another one whenever a provider published another issuer or other keys than before: while it stays the
    /// same, only time can change what tokens the keys verify.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What vouches for these tokens, if it vouched for one that was verified and the keys are what they were then.
    pub fn vouchers_of(&self, tokens: TokensOf<'_>) -> Option<Vec<Place>> {
        self.known_issuers.find(tokens, self.epoch)
    }

    /// Remembers what vouched for a token that was verified.
    pub fn remember_vouchers(&self, tokens: TokensOf<'_>, places: Vec<Place>) {
        self.known_issuers.remember(tokens, self.epoch, places);
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

    /// Takes over what other VMs learnt, starts the fetches that are due, and gives up those that got no answer.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        self.learn(now);
        let moment = self.clock.pass(now);
        let mut actions = std::mem::take(&mut self.postponed);
        let ids: Vec<_> = self.providers.iter().map(Provider::id).collect();
        for id in ids {
            actions.extend(self.tick_provider(id, moment));
        }
        self.count_changes();
        actions
    }

    fn tick_provider(&mut self, id: ProviderId, moment: Moment) -> Vec<Action> {
        let sharing = self.sharing.clone();
        let sharing = sharing.as_deref();
        let Some(provider) = self.provider_mut(id) else {
            return Vec::new();
        };
        let mut steps: Vec<_> = provider.expire(sharing, moment).into_iter().collect();
        let started = provider.start(sharing, moment, &mut steps);
        let is_idle = !provider.is_fetching(moment.steady()) && !provider.is_due(moment.steady());
        let mut actions: Vec<_> = steps.into_iter().flat_map(|step| self.act(step, id, moment)).collect();
        actions.extend(started.map(Action::Fetch));
        if is_idle {
            // Whose fetch another VM made before this one could hear of it; nobody waits for nothing.
            actions.extend(self.wake(id, false));
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
        let moment = self.clock.pass(now);
        let (id, sharing) = (fetch.provider, self.sharing.clone());
        let step = self
            .provider_mut(id)
            .and_then(|provider| provider.answer(fetch, response, sharing.as_deref(), moment));
        self.count_changes();
        step.map_or_else(Vec::new, |step| self.act(step, id, moment))
    }

    /// Takes over what other VMs learnt since the last time, and says whether that was anything; what follows from it for the
    /// requests that wait comes with the next [`Self::tick`]. When nothing changed, this costs one look at a small entry.
    pub fn learn(&mut self, now: Timestamp) -> bool {
        let Some(sharing) = self.sharing.clone() else {
            return false;
        };
        let generation = sharing.generation();
        if generation == self.generation {
            return false;
        }
        self.generation = generation;
        let moment = self.clock.pass(now);
        let news: Vec<_> = self
            .providers
            .iter_mut()
            .filter_map(|provider| Some((provider.id(), provider.learn(&sharing, moment)?)))
            .collect();
        self.count_changes();
        let has_news = !news.is_empty();
        for (id, step) in news {
            let actions = self.act(step, id, moment);
            self.postponed.extend(actions);
        }
        has_news
    }

    /// Leaves the fetches that go on to the other VMs: this one ends.
    pub fn release(&mut self) {
        if let Some(sharing) = &self.sharing {
            for provider in &mut self.providers {
                provider.release(sharing);
            }
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
        let now = self.clock.pass(now).steady();
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
        let next = self.providers.iter().map(|provider| provider.next_event().since(now)).min()?;
        let is_awaited = |provider: &Provider| {
            provider.is_leased(now) && self.waiting.iter().any(|waiting| waiting.wish.contains(provider.id()))
        };
        Some(match &self.sharing {
            None => next,
            Some(_) if self.providers.iter().any(is_awaited) => next.min(AWAITED_NEWS),
            Some(_) => next.min(NEWS),
        })
    }

    /// Here and not for each request, of which there are more. None of the numbers ever gets smaller, nor does their sum.
    fn count_changes(&mut self) {
        self.epoch = self.providers.iter().map(Provider::epoch).fold(0, u64::wrapping_add);
    }

    fn provider_mut(&mut self, id: ProviderId) -> Option<&mut Provider> {
        self.providers.get_mut(id.index())
    }

    fn act(&mut self, step: provider::Step, id: ProviderId, moment: Moment) -> Vec<Action> {
        match step {
            provider::Step::Next(fetch) => vec![Action::Fetch(fetch)],
            provider::Step::Ended { result, for_unknown_key, took } => {
                let next = self
                    .provider(id)
                    .map_or(Duration::ZERO, |provider| provider.next_event().since(moment.steady()));
                let mut actions = vec![Action::Report(Report { provider: id, result, took, next })];
                actions.extend(self.wake(id, for_unknown_key));
                actions
            }
            provider::Step::EndedElsewhere { for_unknown_key } => {
                self.wake(id, for_unknown_key).into_iter().collect()
            }
        }
    }

    fn wake(&mut self, id: ProviderId, for_unknown_key: bool) -> Option<Action> {
        let woken: Vec<_> = self
            .waiting
            .extract_if(.., |waiting| waiting.wish.contains(id))
            .map(|mut waiting| {
                waiting.waited.fetched.insert(id);
                if for_unknown_key {
                    waiting.waited.refetched.insert(id);
                }
                Woken { request: waiting.request, waited: waiting.waited }
            })
            .collect();
        (!woken.is_empty()).then_some(Action::Wake(woken))
    }
}

#[cfg(test)]
mod tests;
