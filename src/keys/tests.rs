use std::time::Duration;

use super::*;
use crate::{clusters::Clusters, issuer::Issuer, url::Url};

mod failures;
mod sharing;

const ISSUER: &str = "https://idp.example/";

/// A store with one provider (or several on other hosts), its clock, and what it asked for.
struct World {
    store: KeyStore,
    now: Timestamp,
    fetches: Vec<Fetch>,
    woken: Vec<Woken>,
    reports: Vec<Report>,
}

fn settings(host: &str, schedule: Schedule) -> ProviderSettings {
    let named = [(host.to_owned(), host.to_owned()), ("keys.example".to_owned(), "keys".to_owned())].into();
    ProviderSettings {
        url: Url::parse(&format!("https://{host}/.well-known/openid-configuration")).unwrap(),
        origin: Origin::Discovery,
        cluster: host.to_owned(),
        clusters: Clusters::new(named, None),
        schedule,
        limits: Limits {
            max_response_bytes: 10_000,
            allow_http: false,
            foreign_hosts: vec!["foreign.example".to_owned()],
        },
    }
}

impl World {
    fn new() -> Self {
        Self::with(&["idp.example"], Schedule::default(), 1024)
    }

    fn with(hosts: &[&str], schedule: Schedule, max_waiting: usize) -> Self {
        let providers = hosts.iter().map(|host| settings(host, schedule)).collect();
        Self {
            store: KeyStore::new(providers, 7, max_waiting),
            now: Timestamp::from_secs(1_700_000_000),
            fetches: Vec::new(),
            woken: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Lets time pass, second by second or until the next event, as a timer would.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(next) = self.store.until_next(self.now).filter(|next| self.now.after(*next) <= end) {
            self.now = self.now.after(next);
            self.tick();
            if self.store.until_next(self.now) == Some(Duration::ZERO) {
                break;
            }
        }
        self.now = end;
    }

    fn tick(&mut self) {
        let actions = self.store.tick(self.now);
        self.take(actions);
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Fetch(fetch) => self.fetches.push(fetch),
                Action::Wake(woken) => self.woken.extend(woken),
                Action::Report(report) => self.reports.push(report),
            }
        }
    }

    fn take_fetch(&mut self) -> Fetch {
        assert_eq!(self.fetches.len(), 1, "{:?}", self.fetches);
        self.fetches.remove(0)
    }

    fn answer(&mut self, response: Result<Response, FetchFault>) {
        let fetch = self.take_fetch();
        let actions = self.store.answer(&fetch, response, self.now);
        self.take(actions);
    }

    fn ok(&mut self, body: &str) {
        self.answer(Ok(Response { status: 200, body: body.as_bytes().to_vec() }));
    }

    /// Ticks, and answers the discovery document and the key set that are asked for.
    fn serve(&mut self, key_id: &str) {
        self.tick();
        self.ok(&discovery(ISSUER, "https://idp.example/keys"));
        self.ok(&key_set(key_id));
    }

    fn provider(&self) -> &Provider {
        self.store.provider(ID).unwrap()
    }

    fn key_ids(&self) -> Option<Vec<String>> {
        match self.availability() {
            Availability::Ready(set) => {
                Some(set.keys().iter().filter_map(|key| key.key_id.clone()).collect())
            }
            Availability::Pending | Availability::Down { .. } => None,
        }
    }

    /// Of what it published last.
    fn availability(&self) -> Availability<'_> {
        self.provider().availability(self.provider().published().first(), self.time())
    }

    fn time(&self) -> Timestamp {
        self.store.time(self.now)
    }

    fn wait(&mut self, request: u32, for_unknown_key: bool) {
        let wanted = [ID].into_iter().collect();
        let wish = if for_unknown_key { Wish::refetch(wanted) } else { Wish::pending(wanted) };
        self.store.wait(RequestId(request), wish, Waited::default(), self.now).unwrap();
    }

    fn error(&self) -> Option<&FetchError> {
        self.reports.last().and_then(|report| report.result.as_ref().err())
    }
}

const ID: ProviderId = ProviderId(0);

fn discovery(issuer: &str, jwks_uri: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#)
}

fn key_set(key_id: &str) -> String {
    format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{key_id}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
    )
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_first_tick_fetches_discovery_then_keys() {
    let mut world = World::new();
    assert!(matches!(world.availability(), Availability::Pending));
    assert_eq!(world.store.until_next(world.now), Some(Duration::ZERO));
    world.tick();
    assert_eq!(world.fetches[0].url.to_string(), "https://idp.example/.well-known/openid-configuration");
    assert_eq!(world.fetches[0].cluster, "idp.example");
    world.now = world.now.after(seconds(2));
    world.ok(&discovery(ISSUER, "https://keys.example/set?v=1"));
    world.now = world.now.after(seconds(1));
    assert_eq!(world.fetches[0].url.to_string(), "https://keys.example/set?v=1");
    assert_eq!(world.fetches[0].cluster, "keys");
    assert!(world.reports.is_empty());
    world.ok(&key_set("a"));
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
    assert_eq!(world.provider().published()[0].issuer.as_str(), ISSUER);
    assert_eq!(
        world.reports,
        [Report {
            provider: ID,
            result: Ok(Fetched { keys: 1, skipped: 0, first_skipped: None }),
            took: seconds(3),
            next: seconds(3600)
        }]
    );
}

#[test]
fn a_key_set_that_the_configuration_names_is_fetched_without_discovery() {
    let url = Url::parse("https://idp.example/keys").unwrap();
    let origin = Origin::KeySet(Issuer::new(ISSUER));
    let settings = ProviderSettings { url, origin, ..settings("idp.example", Schedule::default()) };
    let mut world = World { store: KeyStore::new(vec![settings], 7, 1024), ..World::new() };
    assert_eq!(world.provider().configured_issuer(), Some(&Issuer::new(ISSUER)));
    world.tick();
    assert_eq!(world.fetches[0].url.to_string(), "https://idp.example/keys");
    world.ok(&key_set("a"));
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
    assert_eq!(world.provider().published()[0].issuer.as_str(), ISSUER);

    world.wait(1, true);
    world.tick();
    world.answer(Ok(Response { status: 500, body: Vec::new() }));
    assert_eq!(world.woken.len(), 1);
    world.pass(seconds(2));
    assert_eq!(world.fetches[0].url.to_string(), "https://idp.example/keys", "and again after a failure");
}

#[test]
fn a_refetch_can_be_wanted_without_waiting() {
    let mut world = World::new();
    world.serve("a");
    let wish = Wish::refetch([ID].into_iter().collect());
    world.store.want(wish, world.now);
    assert_eq!(world.store.until_next(world.now), Some(Duration::ZERO));
    world.serve("b");
    world.store.want(wish, world.now);
    assert_ne!(world.store.until_next(world.now), Some(Duration::ZERO), "once in the interval");
    world.store.want(Wish::pending([ID].into_iter().collect()), world.now.after(seconds(60)));
    assert_ne!(world.store.until_next(world.now), Some(Duration::ZERO), "nothing newer was wanted");
}

#[test]
fn sets_hold_every_provider() {
    let mut set = ProviderSet::default();
    for index in 0..MAX_PROVIDERS {
        let id = ProviderId::new(index).unwrap();
        assert!(!set.contains(id));
        set.insert(id);
        assert!(set.contains(id));
    }
    assert_eq!(ProviderId::new(MAX_PROVIDERS), None);
    let one = |index| ProviderSet::from_iter([ProviderId::new(index).unwrap()]);
    assert_eq!(one(1).union(one(200)), [ProviderId(1), ProviderId(200)].into_iter().collect());
    assert!(ProviderSet::default().union(ProviderSet::default()).is_empty());
}

#[test]
fn requests_that_come_early_are_woken_when_keys_are_there() {
    let mut world = World::new();
    world.wait(1, false);
    world.tick();
    world.wait(2, false);
    world.wait(3, false);
    world.store.forget(RequestId(2));
    assert_eq!(world.store.waiting_for(ID), 2);
    world.ok(&discovery(ISSUER, "https://idp.example/keys"));
    assert!(world.woken.is_empty());
    world.ok(&key_set("a"));
    let waited = Waited { fetched: [ID].into_iter().collect(), refetched: ProviderSet::default() };
    let woken = |request| Woken { request: RequestId(request), waited };
    assert_eq!(world.woken, [woken(1), woken(3)]);
    assert_eq!(world.store.waiting_for(ID), 0);
}

#[test]
fn only_so_many_requests_wait() {
    let mut world = World::with(&["idp.example"], Schedule::default(), 2);
    world.wait(1, false);
    world.wait(2, false);
    let wish = Wish::pending([ID].into_iter().collect());
    assert_eq!(world.store.wait(RequestId(3), wish, Waited::default(), world.now), Err(Full));
    world.store.forget(RequestId(1));
    world.wait(3, false);
}

#[test]
fn keys_are_refreshed_by_the_hour_and_an_old_set_gives_way() {
    let mut world = World::new();
    world.serve("a");
    world.pass(seconds(3599));
    assert!(world.fetches.is_empty());
    world.pass(seconds(1));
    world.ok(&discovery(ISSUER, "https://idp.example/keys"));
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]), "served meanwhile");
    world.ok(&key_set("b"));
    assert_eq!(world.key_ids(), Some(vec!["b".to_owned()]));
}

#[test]
fn an_unknown_key_is_fetched_once_per_interval() {
    let mut world = World::new();
    world.serve("a");
    world.now = world.now.after(seconds(100));
    assert!(world.provider().can_refetch(world.time()));
    world.wait(1, true);
    world.wait(2, true);
    assert_eq!(world.store.until_next(world.now), Some(Duration::ZERO));
    world.serve("b");
    assert_eq!(world.woken.len(), 2);
    assert!(world.woken.iter().all(|woken| woken.waited.refetched.contains(ID)));
    assert_eq!(world.key_ids(), Some(vec!["b".to_owned()]));

    let refetch = world.now;
    world.now = refetch.after(Duration::from_millis(29_999));
    assert!(!world.provider().can_refetch(world.time()));
    world.wait(3, true);
    world.tick();
    assert!(world.fetches.is_empty(), "inside the interval");
    world.now = refetch.after(seconds(30));
    assert!(world.provider().can_refetch(world.time()));
    world.wait(4, true);
    world.serve("c");
    assert_eq!(world.key_ids(), Some(vec!["c".to_owned()]));
}

#[test]
fn a_fetch_under_way_is_joined_and_other_fetches_do_not_count() {
    let mut world = World::new();
    world.serve("a");
    world.pass(seconds(3600));
    assert_eq!(world.fetches.len(), 1, "the hourly refresh is under way");
    world.wait(1, true);
    world.tick();
    world.ok(&discovery(ISSUER, "https://idp.example/keys"));
    world.ok(&key_set("a"));
    assert_eq!(world.woken.len(), 1);
    assert!(!world.woken[0].waited.refetched.contains(ID), "the refresh was not for it");
    assert!(world.provider().can_refetch(world.time()), "so one may still be started for it");
    world.wait(1, true);
    world.serve("b");
    assert!(world.woken[1].waited.refetched.contains(ID));
}

#[test]
fn an_unknown_key_does_not_wait_for_backoff_and_a_failed_refetch_says_when_to_come_back() {
    let mut world = World::new();
    world.serve("a");
    assert_eq!(world.provider().retry_after_failure(world.time()), None);
    world.wait(1, true);
    world.tick();
    world.answer(Err(FetchFault::Broken));
    assert!(world.woken[0].waited.refetched.contains(ID));
    let retry_after = world.provider().retry_after_failure(world.time()).unwrap();
    assert!(retry_after >= seconds(1), "{retry_after:?}");
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
}

#[test]
fn providers_are_independent() {
    let mut world = World::with(&["idp.example", "two.example"], Schedule::default(), 10);
    world.tick();
    assert_eq!(world.fetches.len(), 2);
    let second = world.fetches.pop().unwrap();
    let actions = world.store.answer(&second, Err(FetchFault::Broken), world.now);
    world.take(actions);
    world.ok(&discovery(ISSUER, "https://idp.example/keys"));
    world.ok(&key_set("a"));
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
    let second = world.store.provider(ProviderId(1)).unwrap();
    assert!(matches!(second.availability(None, world.time()), Availability::Down { .. }));
}

#[test]
fn another_issuer_takes_nothing_from_the_earlier_one_until_its_keys_are_past_use() {
    let mut world = World::new();
    world.serve("a");
    let issuers = |world: &World| -> Vec<_> {
        world
            .provider()
            .published()
            .iter()
            .map(|publication| publication.issuer.as_str().to_owned())
            .collect()
    };
    let serve = |world: &mut World, issuer: &str| {
        let next = world.store.until_next(world.now).unwrap();
        world.now = world.now.after(next);
        world.tick();
        world.ok(&discovery(issuer, "https://idp.example/keys"));
        world.ok(&key_set("b"));
    };
    serve(&mut world, "https://new.example/");
    assert_eq!(issuers(&world), ["https://new.example/", ISSUER]);
    let earlier = &world.provider().published()[1];
    let Availability::Ready(set) = world.provider().availability(Some(earlier), world.time()) else {
        panic!("the earlier keys cannot be used");
    };
    assert_eq!(set.keys()[0].key_id.as_deref(), Some("a"));
    serve(&mut world, ISSUER);
    assert_eq!(issuers(&world), [ISSUER, "https://new.example/"], "the document tells the truth again");
    for _ in 0..24 {
        serve(&mut world, ISSUER);
    }
    assert_eq!(issuers(&world), [ISSUER], "a day later the other is forgotten");
    for number in 0..9 {
        serve(&mut world, &format!("https://{number}.example/"));
    }
    assert_eq!(issuers(&world).len(), 4, "bounded");
}

#[test]
fn keys_are_refreshed_before_they_are_past_use_whatever_the_interval() {
    let schedule = Schedule { max_stale: seconds(10), ..Schedule::default() };
    let mut world = World::with(&["idp.example"], schedule, 10);
    world.serve("a");
    assert_eq!(world.reports[0].next, seconds(10));
    world.pass(seconds(10));
    assert_eq!(world.fetches.len(), 1);
}
