//! Every case of `tests/cases/` decided by the core alone, and what the table as a whole must hold.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail, and its tokens live by the real clock"
)]

mod case_table;

use case_table::Table;
use case_table::format::{Case, Expectation};
use case_table::request::Sent;
use case_table::verdict::{Answer, Observed};
use rand_core::OsRng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use validate_jwt::config::Configuration;
use validate_jwt::decision::{Decision, Passage, Refused, decide};
use validate_jwt::edit::Edit;
use validate_jwt::explain::{Explanation, Finding, explain, trace};
use validate_jwt::jwe::{Decryptor, Unwrapped};
use validate_jwt::keys::{Action, KeyStore, RequestId, Response, Waited, Wish};
use validate_jwt::policy::{Policy, Refusal};
use validate_jwt::rejection::Reason;
use validate_jwt::reply::reply;
use validate_jwt::request::RequestHead;
use validate_jwt::route::is_cors_preflight;
use validate_jwt::signature::Verifier;
use validate_jwt::time::Timestamp;
use validate_jwt::token_cache::TokenCache;
use validate_jwt::validate::{Attempt, Crypto, Outcome, validate};

/// So many cases the table must hold.
const CASES: usize = 200;

static TABLE: LazyLock<Table> = LazyLock::new(Table::load);

/// Names and values, pseudo-headers among them.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

#[test]
fn every_case_of_the_table() {
    let table = &*TABLE;
    let build = |plugin: case_table::Plugin| {
        let built = Plugin::new(&plugin.name, &plugin.configuration, table.world.environment());
        (plugin.name, built)
    };
    let mut plugins: BTreeMap<String, Plugin> = table.plugins().into_iter().map(build).collect();
    let documents = table.world.documents();
    let wrong = table.try_all(|plugin, sent| plugins.get_mut(plugin).unwrap().observe(documents, sent));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A plugin without a proxy: what the filter does, done by hand.
struct Plugin {
    configuration: Configuration,
    keys: KeyStore,
    verifier: Verifier,
    decryptor: Decryptor,
    cache: TokenCache,
}

/// What becomes of a request when it is decided once.
enum Step {
    Observed(Observed),
    Waits(Wish),
}

impl Plugin {
    fn new(name: &str, text: &str, environment: &BTreeMap<String, String>) -> Self {
        let variable = |name: &str| environment.get(name).cloned();
        let configuration = Configuration::parse(text.as_bytes(), &variable)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let keys = KeyStore::new(configuration.providers.clone(), 1, configuration.max_waiting);
        let decryptor = Decryptor::new(Box::new(OsRng));
        let cache = TokenCache::new(configuration.token_cache_bytes);
        Self { configuration, keys, verifier: Verifier::rust_only(), decryptor, cache }
    }

    fn observe(&mut self, documents: &BTreeMap<String, Value>, sent: &Sent) -> Observed {
        let headers = head(sent);
        let now = Timestamp::from_secs(case_table::now());
        let (mut waited, unwrapped) = (Waited::default(), Unwrapped::default());
        // A request waits for a fetch and for one refetch.
        for _ in 0..3 {
            match self.decide(&headers, waited, &unwrapped, now) {
                Step::Observed(observed) => return observed,
                Step::Waits(wish) => {
                    self.keys.wait(RequestId(1), wish, waited, now).unwrap();
                    waited = self.fetch(documents, now);
                }
            }
        }
        panic!("a request waits for ever");
    }

    fn decide(&self, headers: &Pairs, waited: Waited, unwrapped: &Unwrapped, now: Timestamp) -> Step {
        let property = |path: &[String]| property(headers, path);
        let view: Vec<_> = headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let head = RequestHead::new(&view).with_properties(&property);
        let crypto = Crypto { verifier: &self.verifier, decryptor: &self.decryptor, cache: &self.cache };
        let attempt = Attempt { head, waited, unwrapped, now };
        self.assert_explained(crypto, attempt);
        Step::Observed(match decide(&self.configuration.rulebook, &self.keys, crypto, attempt) {
            Decision::AwaitKeys { wish, .. } => return Step::Waits(*wish),
            Decision::Refuse { refused, .. } => Observed::Refused(answer(&refused, head)),
            Decision::Allow { passage, .. } => {
                let (edits, reported) = match passage {
                    Passage::Validated(admission) => (admission.edits, None),
                    Passage::Anonymous => (Vec::new(), None),
                    Passage::ReportOnly { refused, .. } => {
                        (Vec::new(), Some(refused.denial.rejection.reason().name().to_owned()))
                    }
                };
                Observed::Passed { upstream: texts(&self.edit(headers, edits)), reported }
            }
        })
    }

    /// The explanation of the request comes to what each policy comes to, whatever that is.
    fn assert_explained(&self, crypto: Crypto<'_>, attempt: Attempt<'_>) {
        let account = explain(&self.configuration.rulebook, &self.keys, crypto, attempt);
        let beside =
            account.requirement.map(|requirement| requirement.policies.as_slice()).unwrap_or_default();
        assert_eq!(account.policies.len(), beside.len());
        let traced = trace(&self.configuration.rulebook, &self.keys, crypto, attempt);
        let asked = account.requirement.map_or(0, |requirement| {
            let settled = requirement.policies.iter().position(|policy| {
                requirement.is_settled_by(&validate(policy, beside, &self.keys, crypto, attempt))
            });
            settled.map_or(beside.len(), |place| place + 1)
        });
        let is_preflight =
            self.configuration.rulebook.allow_cors_preflight && is_cors_preflight(attempt.head);
        assert_eq!(traced.len(), if is_preflight { 0 } else { asked });
        for (line, (policy, explanation)) in traced.iter().zip(&account.policies) {
            assert_eq!(*line, traced_from(policy, explanation));
        }
        for (policy, explanation) in &account.policies {
            let is_undecided = explanation.steps.iter().any(|step| step.finding == Finding::Undecided);
            match validate(policy, beside, &self.keys, crypto, attempt) {
                Outcome::Allow(_) => assert!(explanation.is_allowed(), "{explanation:#?}"),
                Outcome::AwaitKeys(_) => assert!(is_undecided, "{explanation:#?}"),
                Outcome::Deny(denial) if denial.rejection.reason() == Reason::DiscoveryUnavailable => {
                    assert!(is_undecided, "{explanation:#?}");
                }
                Outcome::Deny(denial) => {
                    assert_eq!(explanation.rejection(), Some(&denial.rejection), "{explanation:#?}");
                    assert!(explanation.is_refused_anyway() && !explanation.is_allowed());
                }
            }
        }
    }

    /// What the upstream sees.
    fn edit(&self, headers: &Pairs, edits: Vec<Edit>) -> Pairs {
        let mut headers = headers.clone();
        headers.retain(|(name, _)| !self.configuration.strip.is_stripped(name));
        for edit in edits {
            let (Edit::Remove(name) | Edit::Set(name, _)) = &edit;
            headers.retain(|(known, _)| known != name.as_bytes());
            if let Edit::Set(name, value) = edit {
                headers.push((name.into_bytes(), value));
            }
        }
        headers
    }

    /// Answers every fetch that is due by what is published, until the request that waits is woken.
    fn fetch(&mut self, documents: &BTreeMap<String, Value>, now: Timestamp) -> Waited {
        let mut actions = self.keys.tick(now);
        let mut waited = None;
        while let Some(action) = actions.pop() {
            match action {
                Action::Fetch(fetch) => {
                    let answer = documents.get(&fetch.url.to_string()).map_or_else(
                        || Response { status: 404, body: Vec::new() },
                        |document| Response { status: 200, body: document.to_string().into_bytes() },
                    );
                    actions.extend(self.keys.answer(&fetch, Ok(answer), now));
                }
                Action::Wake(woken) => waited = woken.first().map(|woken| woken.waited),
                Action::Report(_) => {}
            }
        }
        waited.unwrap_or_else(|| panic!("nobody woke the request"))
    }
}

/// The line for the log, made of what is explained.
fn traced_from(policy: &Policy, explanation: &Explanation) -> String {
    let mut words: Vec<(&str, String)> = Vec::new();
    for step in &explanation.steps {
        let name = match step.name.as_str() {
            "exp, nbf" => "exp",
            "azp, appid" => "azp",
            name if name.starts_with("claim ") => "claims",
            name => name,
        };
        let word = match &step.finding {
            Finding::Passed => "pass".to_owned(),
            Finding::Failed(rejection) => format!("FAIL ({rejection})"),
            Finding::NotReached(_) => "not reached".to_owned(),
            Finding::Undecided => return format!("checks of policy {}: keys are missing", policy.name),
        };
        match words.last_mut().filter(|(last, _)| *last == name) {
            // Of all required claims there is one word: what the first came to that did not pass.
            Some((_, known)) if known == "pass" => *known = word,
            Some(_) => {}
            None => words.push((name, word)),
        }
    }
    let words: Vec<_> = words.iter().map(|(name, word)| format!("{name} {word}")).collect();
    format!("checks of policy {}: {}", policy.name, words.join(", "))
}

fn answer(refused: &Refused<'_>, head: RequestHead<'_>) -> Answer {
    let unasked = Refusal::default();
    let refusal = refused.policy.map_or(&unasked, |(_, refusal)| refusal);
    let answer = reply(&refused.denial.rejection, refusal, head.is_grpc());
    let headers = answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    Answer {
        status: answer.status,
        details: answer.details,
        headers: headers.collect(),
        grpc: answer.grpc_status.map(|status| (status.code(), answer.body.clone())),
        body: answer.body,
    }
}

/// The head of the request as a proxy has it.
fn head(sent: &Sent) -> Pairs {
    let is_host = |(name, _): &&(String, String)| name == "host";
    let host = sent.headers.iter().find(is_host).map_or("api.example", |(_, value)| value);
    let pseudo = [
        (":method", sent.method.as_str()),
        (":path", &sent.target),
        (":authority", host),
        (":scheme", "http"),
    ];
    let headers = sent.headers.iter().filter(|header| !is_host(header));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim()));
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value));
    let pairs = pseudo.into_iter().chain(headers);
    pairs.map(|(name, value)| (name.into_bytes(), value.as_bytes().to_vec())).collect()
}

/// The proxy's property `request.headers.<name>`, the only one that cases name.
fn property(headers: &Pairs, path: &[String]) -> Option<Vec<u8>> {
    let [request, headers_, name] = path else { return None };
    assert_eq!(
        (request.as_str(), headers_.as_str()),
        ("request", "headers"),
        "a proxy has other properties, too"
    );
    headers.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.clone())
}

fn texts(headers: &Pairs) -> Vec<(String, String)> {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    headers.iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn the_table_is_large_names_every_case_once_and_holds_nothing_without_use() {
    let table = &*TABLE;
    let mut names = BTreeSet::new();
    for file in &table.files {
        for case in &file.cases {
            assert!(names.insert((&file.name, &case.name)), "{}.json has `{}` twice", file.name, case.name);
        }
        let used: BTreeSet<&String> = file.cases.iter().map(|case| &case.configuration).collect();
        assert!(
            used.iter().copied().eq(file.configurations.keys()),
            "{}.json: a configuration without case",
            file.name
        );
    }
    let texts: Vec<String> = table.plugins().into_iter().map(|plugin| plugin.configuration).collect();
    for variable in table.world.environment().keys() {
        assert!(texts.iter().any(|text| text.contains(variable)), "no plugin reads {variable}");
    }
    assert!(names.len() >= CASES, "{} cases are too few", names.len());
}

#[test]
fn the_table_meets_every_reason_and_no_other() {
    let table = &*TABLE;
    let reason = |case: &Case| match &case.expect {
        Expectation::Deny(refusal) => Some(refusal.reason.clone()),
        Expectation::Allow(passage) => passage.reported.clone(),
    };
    let met: BTreeSet<String> =
        table.files.iter().flat_map(|file| file.cases.iter().filter_map(reason)).collect();
    // Only a burst of encrypted tokens meets it, which no single case is.
    let all = Reason::ALL.into_iter().filter(|reason| *reason != Reason::DecryptionUnavailable);
    let all: BTreeSet<String> = all.map(|reason| reason.name().to_owned()).collect();
    assert_eq!(met, all);
}

#[test]
fn no_case_can_be_left_out() {
    for member in ["skip", "ignore", "only", "native", "envoy"] {
        let mut case = json!({
            "name": "a case",
            "configuration": "a configuration",
            "expect": { "outcome": "allow" },
        });
        assert!(serde_json::from_value::<Case>(case.clone()).is_ok());
        case[member] = json!(true);
        assert!(serde_json::from_value::<Case>(case).is_err(), "a case may say `{member}`");
    }
}
