//! A fetch of a provider, from its start to its end: the discovery document, then the key set.

use std::time::Duration;

use super::{InFlight, Provider, Step};
use crate::{
    discovery::Discovery,
    issuer::Issuer,
    jwk::KeySet,
    keys::{
        Fetched,
        clock::Moment,
        fetch::{Fetch, FetchError, FetchFault, Response},
        sharing::{Answer, Sharing},
    },
    time::Timestamp,
    url::Url,
};

/// How long after the timeout a fetch that the proxy never answers is given up.
const GRACE: Duration = Duration::from_secs(1);

impl InFlight {
    fn end(&self, result: Result<Fetched, FetchError>, now: Timestamp) -> Step {
        Step::Ended { result, for_unknown_key: self.for_unknown_key, took: now.since(self.since) }
    }
}

impl Provider {
    /// Starts a fetch when one is due and no other VM has the right to it. What is learnt of the others' goes to `steps`.
    pub(in crate::keys) fn start(
        &mut self,
        sharing: Option<&Sharing>,
        moment: Moment,
        steps: &mut Vec<Step>,
    ) -> Option<Fetch> {
        let now = moment.steady();
        if !self.is_due(now) {
            return None;
        }
        let follows = match sharing {
            Some(sharing) => self.claim(sharing, moment, steps)?,
            None => self.seen,
        };
        let (for_unknown_key, last_fetch_for_key) =
            (std::mem::take(&mut self.key_wanted), self.last_fetch_for_key);
        if for_unknown_key {
            self.last_fetch_for_key = Some(now);
        }
        let (cluster, url) = (self.settings.cluster.clone(), self.settings.url.clone());
        let discovery = self
            .configured_issuer()
            .map(|issuer| (Discovery { issuer: issuer.clone(), jwks_uri: url.clone() }, Vec::new()));
        let deadline = self.deadline(now);
        let sent = InFlight {
            fetch: self.next_request(cluster, url),
            discovery,
            for_unknown_key,
            follows,
            last_fetch_for_key,
            since: now,
            deadline,
        };
        Some(self.in_flight.insert(sent).fetch.clone())
    }

    /// Gives up a fetch that got no answer.
    pub(in crate::keys) fn expire(&mut self, sharing: Option<&Sharing>, moment: Moment) -> Option<Step> {
        let in_flight = self.in_flight.take_if(|in_flight| in_flight.deadline <= moment.steady())?;
        if let Some(step) = self.overtaken(&in_flight, sharing, moment) {
            return Some(step);
        }
        let fault = FetchFault::TimedOut;
        let (url, cluster) = (in_flight.fetch.url.clone(), in_flight.fetch.cluster.clone());
        Some(self.fail(FetchError::Fault { url, cluster, fault }, &in_flight, sharing, moment))
    }

    /// Takes an answer; `None` when it is not the one that is waited for.
    pub(in crate::keys) fn answer(
        &mut self,
        fetch: &Fetch,
        response: Result<Response, FetchFault>,
        sharing: Option<&Sharing>,
        moment: Moment,
    ) -> Option<Step> {
        let mut in_flight = self.in_flight.take_if(|in_flight| in_flight.fetch.serial == fetch.serial)?;
        if let Some(step) = self.overtaken(&in_flight, sharing, moment) {
            return Some(step);
        }
        let discovery = in_flight.discovery.take();
        let body = self.settings.limits.body(fetch, response);
        let step = match discovery {
            None => body.and_then(|body| Ok((self.read_discovery(&body)?, body))).map(
                |((cluster, discovery), text)| {
                    let fetch = self.next_request(cluster, discovery.jwks_uri.clone());
                    let deadline = self.deadline(moment.steady());
                    if let Some(sharing) = sharing {
                        self.renew_lease(deadline, sharing, moment);
                    }
                    let next = InFlight { fetch, discovery: Some((discovery, text)), deadline, ..in_flight };
                    Step::Next(self.in_flight.insert(next).fetch.clone())
                },
            ),
            Some((Discovery { issuer, .. }, discovery)) => body
                .and_then(|keys| Ok((KeySet::parse(&keys).map_err(FetchError::KeySet)?, keys)))
                .map(|(set, keys)| {
                    let (at, cluster) = (moment.shown_at(moment.steady()), fetch.cluster.clone());
                    let answer = Answer { at, discovery, keys, cluster };
                    self.succeed(issuer, set, answer, &in_flight, sharing, moment)
                }),
        };
        Some(step.unwrap_or_else(|error| self.fail(error, &in_flight, sharing, moment)))
    }

    /// The end of a fetch that brought keys.
    fn succeed(
        &mut self,
        issuer: Issuer,
        keys: KeySet,
        answer: Answer,
        ended: &InFlight,
        sharing: Option<&Sharing>,
        moment: Moment,
    ) -> Step {
        let now = moment.steady();
        let fetched = Fetched {
            keys: keys.keys().len(),
            skipped: keys.skipped().len(),
            first_skipped: keys.skipped().first().copied(),
        };
        if let Some(sharing) = sharing {
            self.tell_answer(&issuer, answer, ended.for_unknown_key, sharing, moment);
        }
        self.publish(issuer, keys, now);
        self.failures = 0;
        self.schedule_refresh();
        ended.end(Ok(fetched), now)
    }

    /// The end of a fetch that brought none.
    fn fail(
        &mut self,
        error: FetchError,
        ended: &InFlight,
        sharing: Option<&Sharing>,
        moment: Moment,
    ) -> Step {
        // Who took too long has lost the right to fetch, and another's fetch says more.
        if !sharing.is_some_and(|sharing| self.is_leased_to_another(sharing)) {
            self.back_off(moment.steady());
            match (sharing, &error) {
                // That this thread could not send says nothing of the provider: Envoy's main thread has its VM before its
                // clusters. Where the document was asked for before, it is for all: they would ask for it one after the other.
                (Some(sharing), FetchError::Fault { fault: FetchFault::NotSent, .. })
                    if ended.fetch.url == self.settings.url || self.failures == 1 =>
                {
                    self.give_back(ended, sharing);
                }
                (Some(sharing), _) => self.tell_failure(ended.for_unknown_key, sharing, moment),
                (None, _) => {}
            }
        }
        ended.end(Err(error), moment.steady())
    }

    /// Reads a discovery document, and by which cluster its keys are reached.
    pub(super) fn read_discovery(&self, document: &[u8]) -> Result<(String, Discovery), FetchError> {
        let discovery = self.settings.limits.discovery(document, self.settings.url.host())?;
        let clusters = &self.settings.clusters;
        let cluster = if discovery.jwks_uri.host() == self.settings.url.host() {
            clusters.for_configured(&discovery.jwks_uri)
        } else {
            clusters.named(&discovery.jwks_uri).map(str::to_owned)
        };
        match cluster {
            Some(cluster) => Ok((cluster, discovery)),
            None => Err(FetchError::ForeignJwksUri(discovery.jwks_uri)),
        }
    }

    fn next_request(&mut self, cluster: String, url: Url) -> Fetch {
        self.serial = self.serial.wrapping_add(1);
        Fetch { provider: self.id, cluster, url, serial: self.serial }
    }

    pub(super) fn deadline(&self, now: Timestamp) -> Timestamp {
        now.after(self.settings.schedule.timeout).after(GRACE)
    }
}
