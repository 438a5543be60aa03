//! One OpenID configuration over time.

use std::time::Duration;

use super::{
    Fetched, ProviderId,
    fetch::{Fetch, FetchError, Limits},
    schedule::{Jitter, Schedule, backoff},
    sharing::Record,
};
use crate::{
    clusters::Clusters, discovery::Discovery, issuer::Issuer, jwk::KeySet, time::Timestamp, url::Url,
};

mod fetching;
mod shared;

/// How many issuers of one provider are known at a time. A document that names another issuer than before, in error or for
/// good, takes nothing from those who hold tokens of the earlier one: its keys last as long as those of a provider that is
/// away.
const MAX_ISSUERS: usize = 4;

/// What lies at a provider's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A discovery document, which names the issuer and leads to its keys (`openid-config`).
    Discovery,
    /// The key set of this issuer (`options.jwks`).
    KeySet(Issuer),
}

/// One `openid-config` or `options.jwks` of the configuration.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// What is fetched first.
    pub url: Url,
    /// What lies there.
    pub origin: Origin,
    /// The cluster that reaches it.
    pub cluster: String,
    /// The clusters that a `jwks_uri` may need.
    pub clusters: Clusters,
    /// When to fetch.
    pub schedule: Schedule,
    /// What it may answer.
    pub limits: Limits,
}

/// An OpenID configuration: what is known of it, and the fetch that goes on.
#[derive(Debug)]
pub struct Provider {
    id: ProviderId,
    settings: ProviderSettings,
    jitter: Jitter,
    /// What it published, the newest first: one for each issuer that it named.
    published: Vec<Publication>,
    /// Counts the changes of that: another issuer, or other keys.
    epoch: u64,
    in_flight: Option<InFlight>,
    /// Until when another VM has the right to fetch. When that time is over and the VM said nothing, it is dead.
    leased_until: Option<Timestamp>,
    next_fetch: Timestamp,
    failures: u32,
    serial: u64,
    /// A request needs a `kid` that is not there; the next fetch is for it.
    key_wanted: bool,
    last_fetch_for_key: Option<Timestamp>,
    /// What its entries in the shared data begin with, which VMs of the same rules have.
    entries: String,
    /// Where documents lie for configurations of other rules, which have none of their own yet.
    commons: String,
    /// What the record there said last.
    seen: Record,
}

/// A good answer: an issuer and its keys.
#[derive(Debug)]
pub struct Publication {
    /// The issuer.
    pub issuer: Issuer,
    /// Its keys.
    pub keys: KeySet,
    since: Timestamp,
    usable_until: Timestamp,
}

#[derive(Debug)]
struct InFlight {
    fetch: Fetch,
    /// The discovery document, when it is there and the key set is under way; its text is empty where the configuration itself
    /// says what it would.
    discovery: Option<(Discovery, Vec<u8>)>,
    for_unknown_key: bool,
    /// What the VMs had told each other when it began.
    follows: Record,
    /// When the last fetch for an unknown `kid` had started by then.
    last_fetch_for_key: Option<Timestamp>,
    /// When the first request of the fetch was sent.
    since: Timestamp,
    deadline: Timestamp,
}

/// What became of an event.
#[derive(Debug)]
pub(super) enum Step {
    /// The next request of the same fetch.
    Next(Fetch),
    /// The fetch ended, well or ill.
    Ended {
        /// What it brought, or why it brought nothing.
        result: Result<Fetched, FetchError>,
        /// Whether an unknown `kid` had caused it.
        for_unknown_key: bool,
        /// From the first request to the last answer.
        took: Duration,
    },
    /// A fetch of another VM ended, well or ill.
    EndedElsewhere {
        /// Whether an unknown `kid` had caused it.
        for_unknown_key: bool,
    },
}

/// What a request can expect of a provider.
#[derive(Debug)]
pub enum Availability<'p> {
    /// It has keys that may be used.
    Ready(&'p KeySet),
    /// It has none, and a fetch is under way or due.
    Pending,
    /// It has none, and the next attempt is not due yet.
    Down {
        /// How long until it is.
        retry_after: Duration,
    },
}

impl Publication {
    /// How long ago it was published.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.since)
    }

    /// Until when its keys may be used (`max-stale`).
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

impl Provider {
    /// A provider of which nothing is known, with its first fetch due.
    pub(super) fn new(id: ProviderId, settings: ProviderSettings, seed: u64) -> Self {
        let seed = seed.wrapping_add(u64::try_from(id.index()).unwrap_or(0));
        Self {
            id,
            settings,
            jitter: Jitter::new(seed),
            published: Vec::new(),
            epoch: 0,
            in_flight: None,
            leased_until: None,
            next_fetch: Timestamp::from_millis(i64::MIN),
            failures: 0,
            serial: 0,
            key_wanted: false,
            last_fetch_for_key: None,
            entries: String::new(),
            commons: String::new(),
            seen: Record::default(),
        }
    }

    /// Its position in the store.
    pub fn id(&self) -> ProviderId {
        self.id
    }

    /// What is fetched of it first: the discovery document, or the key set.
    pub fn url(&self) -> &Url {
        &self.settings.url
    }

    /// The issuer whose keys the configuration says these are; `None` where the discovery document tells.
    pub fn configured_issuer(&self) -> Option<&Issuer> {
        match &self.settings.origin {
            Origin::Discovery => None,
            Origin::KeySet(issuer) => Some(issuer),
        }
    }

    /// What it published, the newest first; the first one whether or not its keys may still be used.
    pub fn published(&self) -> &[Publication] {
        &self.published
    }

    /// A number that is another one whenever it published another issuer or other keys than before.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the keys of `publication`, one of its own, can be used now.
    pub fn availability<'p>(
        &'p self,
        publication: Option<&'p Publication>,
        now: Timestamp,
    ) -> Availability<'p> {
        match publication {
            Some(publication) if now <= publication.usable_until => Availability::Ready(&publication.keys),
            _ if self.is_fetching(now) || self.is_due(now) => Availability::Pending,
            _ => Availability::Down { retry_after: self.next_fetch.since(now) },
        }
    }

    /// Whether a request whose `kid` is unknown may wait: a fetch goes on, or one may start.
    pub fn can_refetch(&self, now: Timestamp) -> bool {
        self.is_fetching(now) || self.key_wanted || self.may_fetch_for_key(now)
    }

    /// How long until the next attempt, when the last one failed: then an unknown `kid` may well be good.
    pub fn retry_after_failure(&self, now: Timestamp) -> Option<Duration> {
        (self.failures > 0).then(|| self.next_fetch.since(now))
    }

    /// When [`Self::start`] or [`Self::expire`] has something to do.
    pub(super) fn next_event(&self) -> Timestamp {
        let due = if self.key_wanted { Timestamp::from_millis(i64::MIN) } else { self.next_fetch };
        match &self.in_flight {
            Some(in_flight) => in_flight.deadline,
            None => self.leased_until.map_or(due, |until| until.max(due)),
        }
    }

    /// Whether a fetch goes on, here or in another VM.
    pub(super) fn is_fetching(&self, now: Timestamp) -> bool {
        self.in_flight.is_some() || self.is_leased(now)
    }

    /// Whether another VM fetches.
    pub(super) fn is_leased(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }

    /// Whether a fetch is to start.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.is_fetching(now) && (self.key_wanted || self.next_fetch <= now)
    }

    /// Makes the next fetch due at once, when the interval allows it and none goes on. One that goes on in another VM may die
    /// with it: then this one's is due.
    pub(super) fn want_key(&mut self, now: Timestamp) {
        if self.in_flight.is_none() && (self.is_leased(now) || self.may_fetch_for_key(now)) {
            self.key_wanted = true;
        }
    }

    /// The next fetch is due when what is newest has to be renewed.
    fn schedule_refresh(&mut self) {
        // Keys that may not be used any more are no reason to wait for newer ones.
        let wait = self.settings.schedule.refresh_interval.min(self.settings.schedule.max_stale);
        if let Some(newest) = self.published.first() {
            self.next_fetch = newest.since.after(wait);
        }
    }

    fn back_off(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.next_fetch = now.after(backoff(self.failures, &mut self.jitter));
    }

    fn publish(&mut self, issuer: Issuer, keys: KeySet, since: Timestamp) {
        let is_newest = |earlier: &Publication| earlier.issuer == issuer && earlier.keys.is_same_set(&keys);
        let is_news = !self.published.first().is_some_and(is_newest);
        let known = self.published.len();
        self.published.retain(|earlier| earlier.issuer != issuer && since <= earlier.usable_until);
        let usable_until = since.after(self.settings.schedule.max_stale);
        self.published.insert(0, Publication { issuer, keys, since, usable_until });
        self.published.truncate(MAX_ISSUERS);
        if is_news || self.published.len() != known {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    fn may_fetch_for_key(&self, now: Timestamp) -> bool {
        // A fetch whose VM died brought nothing.
        let is_abandoned = self.leased_until.is_some_and(|until| until <= now);
        is_abandoned
            || self
                .last_fetch_for_key
                .is_none_or(|last| now.since(last) >= self.settings.schedule.unknown_kid_interval)
    }
}
