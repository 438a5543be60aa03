use serde_json::{Value, json};
use validate_jwt::{config::Configuration, decision::Demand, request::RequestHead};

use super::{head, inline_keys};
use crate::{
    input::{Choices, fields},
    proxy::Phase,
    reached,
    tokens::decode,
    vm::Vm,
};

const METHODS: [&str; 6] = ["GET", "POST", "post", "DELETE", "PoSt", "x"];
const HOSTS: [&str; 7] = [
    "api.example",
    "API.example:8080",
    "api.example.",
    "a.api.example",
    "other.example",
    "api.example:x",
    "",
];

/// One rule, as the input describes it and as the reference reads it.
#[expect(clippy::struct_excessive_bools, reason = "each is a bit of the input")]
struct Rule {
    path: Option<String>,
    is_prefix: bool,
    ignores_case: bool,
    post_only: bool,
    host: Option<&'static str>,
    is_anonymous: bool,
}

/// choices, one rule a line (a letter for its kind, then its path), path of the request.
///
/// Whoever reads the path otherwise than the filter does (decodes it twice, resolves dots, …) comes to the same rule, or the
/// request is refused.
pub fn routes(input: &[u8]) {
    let [choices, rules, path] = fields(input);
    let mut choices = Choices::new(choices);
    let Ok(rules) = std::str::from_utf8(rules) else { return };
    let rules: Vec<Rule> = rules.lines().filter_map(Rule::read).collect();
    let (method, host) = (METHODS[choices.below(METHODS.len())], HOSTS[choices.below(HOSTS.len())]);
    let is_open = choices.flag();
    let configuration = write(&rules, is_open);
    let Ok(parsed) = Configuration::parse(&configuration, &|_| None) else { return };
    let headers = head(method.as_bytes(), path, host.as_bytes());
    let view: Vec<_> = headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let chosen = parsed.rulebook.routes.choose(RequestHead::new(&view));
    let Ok(demand) = chosen else {
        reached::refused();
        check_not_plain(&rules, path, method, host);
        return answer_400(&configuration, headers);
    };
    let is_anonymous = matches!(demand, Demand::Nothing);
    let default = if is_open { None } else { Some(false) };
    let naive = |path: &str, fold: Fold| {
        let host = plain_host(host);
        let first = rules.iter().find(|rule| rule.matches(path, fold, method, &host));
        first.map(|rule| rule.is_anonymous).or(default).unwrap_or(true)
    };
    if rules.iter().all(|rule| rule.path.is_none()) {
        assert_eq!(naive("", FOLDS[0]), is_anonymous, "without paths");
    } else {
        for reading in readings(path) {
            for fold in FOLDS {
                assert_eq!(
                    naive(&reading, fold),
                    is_anonymous,
                    "{:?} read as {reading:?}",
                    String::from_utf8_lossy(path)
                );
            }
        }
    }
    if is_anonymous {
        reached::allowed();
    } else {
        reached::refused();
    }
}

impl Rule {
    fn read(line: &str) -> Option<Self> {
        let kind = line.bytes().next()?.wrapping_sub(b'0');
        let path = line.get(1..)?;
        Some(Self {
            path: (kind & 1 == 0 || !path.is_empty()).then(|| path.to_owned()),
            is_prefix: kind & 2 != 0,
            ignores_case: kind & 4 != 0,
            is_anonymous: kind & 8 != 0,
            post_only: kind & 16 != 0,
            host: match (kind & 32 != 0, kind & 1 == 1) {
                (false, _) => None,
                (true, true) => Some("*.example"),
                (true, false) => Some("api.example"),
            },
        })
    }

    fn write(&self) -> Value {
        let mut matcher = json!({});
        if let Some(path) = &self.path {
            matcher[if self.is_prefix { "path-prefix" } else { "path" }] = json!(path);
            matcher["ignore-case"] = json!(self.ignores_case);
        }
        if self.post_only {
            matcher["methods"] = json!(["POST"]);
        }
        if let Some(host) = self.host {
            matcher["hosts"] = json!([host]);
        }
        if self.is_anonymous {
            json!({ "match": matcher, "allow-anonymous": true })
        } else {
            json!({ "match": matcher, "policy": "inline" })
        }
    }

    fn matches(&self, path: &str, fold: Fold, method: &str, host: &str) -> bool {
        let has_path = self.path.as_ref().is_none_or(|pattern| {
            let pattern = String::from_utf8_lossy(&decode(pattern.as_bytes())).into_owned();
            let (pattern, path) =
                if self.ignores_case { (fold(&pattern), fold(path)) } else { (pattern, path.to_owned()) };
            if !self.is_prefix {
                return path == pattern;
            }
            let pattern = pattern.strip_suffix('/').unwrap_or(&pattern);
            path.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let has_host = match self.host {
            None => true,
            Some("*.example") => host.strip_suffix(".example").is_some_and(|name| !name.is_empty()),
            Some(name) => host == name,
        };
        // A server that takes `post` for `POST` must come to the same rule: the filter refuses what it would not.
        has_path && has_host && (!self.post_only || method.eq_ignore_ascii_case("POST"))
    }
}

fn write(rules: &[Rule], is_open: bool) -> Vec<u8> {
    let last = if is_open {
        json!({ "match": {}, "allow-anonymous": true })
    } else {
        json!({ "match": {}, "policy": "inline" })
    };
    let rules: Vec<Value> = rules.iter().map(Rule::write).chain([last]).collect();
    json!({
        "policies": {
            "inline": { "validate-jwt": { "header-name": "Authorization", "issuer-signing-keys": inline_keys() } },
        },
        "rules": rules,
    })
    .to_string()
    .into_bytes()
}

fn plain_host(host: &str) -> String {
    let host = host.split(':').next().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

type Fold = fn(&str) -> String;

/// How letters may be compared without regard to case.
const FOLDS: [Fold; 2] = [str::to_lowercase, |text| text.to_uppercase().to_lowercase()];

/// What servers make of a path.
fn readings(raw: &[u8]) -> Vec<String> {
    let raw = raw.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let once = decode(raw);
    let twice = decode(&once);
    let mut readings = Vec::new();
    for text in [once, twice] {
        let text = String::from_utf8_lossy(&text).into_owned();
        let cut: Vec<&str> = text.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
        readings.extend([
            text.replace('\\', "/"),
            cut.join("/"),
            text.split('\0').next().unwrap_or_default().to_owned(),
            text.chars().filter(|letter| !letter.is_ascii_control()).collect(),
            without_dots(&text, true),
            without_dots(&text, false),
            text,
        ]);
    }
    readings.sort();
    readings.dedup();
    readings
}

/// RFC 3986 §5.2.4, with empty segments or without.
fn without_dots(path: &str, keep_empty: bool) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (index, segment) in path.split('/').enumerate().skip(1) {
        let is_last = index + 1 == count;
        match segment {
            "." if is_last => segments.push(""),
            "." => {}
            ".." => {
                segments.pop();
                if is_last {
                    segments.push("");
                }
            }
            "" if !keep_empty && !is_last => {}
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// A request that nobody can read in two ways is not refused.
fn check_not_plain(rules: &[Rule], path: &[u8], method: &str, host: &str) {
    let is_plain = path.strip_prefix(b"/").is_some_and(|rest| {
        rest.split(|byte| *byte == b'/').rev().enumerate().all(|(index, segment)| {
            let is_word = segment.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
            is_word && (index == 0 || !segment.is_empty())
        })
    });
    let is_known =
        ["GET", "POST", "DELETE", "x"].contains(&method) && ["api.example", "other.example"].contains(&host);
    let is_ascii = rules.iter().all(|rule| rule.path.as_ref().is_none_or(|path| path.is_ascii()));
    assert!(
        !(is_plain && is_known && is_ascii),
        "refused as ambiguous: {method} {host} {:?}",
        String::from_utf8_lossy(path)
    );
}

/// What is ambiguous to the routes is a bad request to the client.
fn answer_400(configuration: &[u8], headers: crate::proxy::Pairs) {
    Vm::run(|vm| {
        let root = vm.configure(configuration, configuration).expect("the same configuration");
        let id = vm.request(root, headers, None);
        assert_eq!((vm.phase(id), vm.status(id)), (Some(Phase::Answered), Some(400)));
    });
}
