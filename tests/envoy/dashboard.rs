//! The dashboard of `envoy/grafana/`: what Grafana needs is in it, and every query asks for what a real scrape has.

use crate::support::artifacts::project;
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_for;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::prometheus::Scrape;
use crate::support::shipped::stats_config;
use crate::support::verdict::Refusal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use validate_jwt::rejection::Reason;

/// A plugin whose name shows in those of Envoy's own statistics.
const PLUGIN: &str = "orders_validate_jwt";

/// How many columns a dashboard of Grafana has.
const COLUMNS: u64 = 24;

fn dashboard() -> Value {
    let text = fs::read_to_string(project().join("envoy/grafana/validate-jwt.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    let text = value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"));
    assert!(!text.is_empty(), "{name} is empty in {value}");
    text
}

fn list<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn it_is_what_grafana_imports() {
    let dashboard = dashboard();
    let uid = text(&dashboard, "uid");
    assert!(uid.len() <= 40 && uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    text(&dashboard, "title");
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    assert!(dashboard.get("id").is_none(), "its number is the Grafana's that imports it");
    text(&dashboard["time"], "from");

    let variables = list(&dashboard["templating"], "list");
    let names: Vec<&str> = variables.iter().map(|variable| text(variable, "name")).collect();
    assert_eq!(names, ["datasource", "plugin", "policy"]);
    assert_eq!((&variables[0]["type"], &variables[0]["query"]), (&json!("datasource"), &json!("prometheus")));
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    assert!(
        variables[1..].iter().all(|variable| variable["type"] == "query" && variable["datasource"] == source)
    );

    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in list(&dashboard, "panels") {
        let title = text(panel, "title");
        text(panel, "description");
        assert!(["stat", "state-timeline", "timeseries"].contains(&text(panel, "type")), "{title}");
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is there already");
        assert_eq!(panel["datasource"], source, "{title}");
        assert!(panel["fieldConfig"]["defaults"].is_object() && panel["options"].is_object(), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        let (x, y, width, height) = (place("x"), place("y"), place("w"), place("h"));
        assert!(width > 0 && height > 0 && x + width <= COLUMNS, "{title}");
        for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
            assert!(cells.insert(cell), "{title} lies on another panel");
        }
        let mut references = BTreeSet::new();
        for target in list(panel, "targets") {
            assert!(references.insert(text(target, "refId")), "{title}");
            assert_eq!(target["datasource"], source, "{title}");
            text(target, "expr");
        }
        assert!(!references.is_empty(), "{title}");
    }
}

/// A scrape in which everything was counted once.
fn scrape() -> Scrape {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("login.example");
    authority.publish(&provider);
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
        },
        "default-cluster": "provider",
    });
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .mortal(json!({ "failure_policy": "FAIL_RELOAD" }))
        .overlaid(format!("{}\nstats_flush_interval: 0.05s\n", stats_config("production.yaml")))
        .listener(PLUGIN, policy);
    let envoy = Envoy::start(&setup);
    let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
    envoy.passes(PLUGIN, Request::get("/").bearer(&authority.token(&claims)));
    envoy.refuses(PLUGIN, Request::get("/"), Refusal::of("TokenNotPresent"));
    wait_for("the histogram", || {
        let scrape = envoy.scrape();
        scrape.names().contains("validate_jwt_provider_fetch_milliseconds_bucket").then_some(scrape)
    })
}

/// What a query is made of.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query;
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_$.".contains(c);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                rest.match_indices('"').nth(1).unwrap_or_else(|| panic!("{query}: a text has no end")).0 + 1
            }
            first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match first {
            '"' => tokens.push(Token::Text(token.trim_matches('"').to_owned())),
            first if is_word(first) => tokens.push(Token::Word(token.to_owned())),
            first if first.is_whitespace() => {}
            sign => tokens.push(Token::Sign(sign)),
        }
        rest = after;
    }
    tokens
}

/// The labels of each metric of a scrape.
fn labels(scrape: &Scrape) -> BTreeMap<&str, BTreeSet<&str>> {
    scrape.names().into_iter().map(|name| (name, scrape.labels_of(name))).collect()
}

/// Everything that a query asks for and the scrape does not have.
fn unknown_in(query: &str, known: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    const FUNCTIONS: [&str; 11] = [
        "by",
        "count",
        "histogram_quantile",
        "increase",
        "max",
        "min",
        "or",
        "rate",
        "sum",
        "vector",
        "label_values",
    ];
    const VARIABLES: [&str; 3] = ["$__rate_interval", "$plugin", "$policy"];
    let mut wrong = Vec::new();
    let tokens = tokens(query);
    let metrics = tokens.iter().filter_map(|token| match token {
        Token::Word(word) => known.get(word.as_str()),
        Token::Text(_) | Token::Sign(_) => None,
    });
    let mut labels: BTreeSet<&str> = metrics.flatten().copied().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if word == "__name__" => {
                labels.insert("__name__");
            }
            Token::Word(word) => {
                let is_number = word.parse::<f64>().is_ok();
                let is_known = known.contains_key(word.as_str())
                    || labels.contains(word.as_str())
                    || FUNCTIONS.contains(&word.as_str())
                    || VARIABLES.contains(&word.as_str());
                if !is_number && !is_known {
                    wrong.push(word.clone());
                }
            }
            Token::Text(text) => {
                let label = tokens[..index].iter().rev().find_map(|token| match token {
                    Token::Word(word) => Some(word.as_str()),
                    Token::Text(_) | Token::Sign(_) => None,
                });
                wrong.extend(wrong_values(label.unwrap(), text, known));
            }
            Token::Sign(_) => {}
        }
    }
    wrong
}

/// What is wrong with the text that a label is compared with.
fn wrong_values(label: &str, text: &str, known: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut outcomes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    outcomes.extend(["Allowed", "Anonymous", "ReportOnly"]);
    match label {
        "plugin" if text == "$plugin" => Vec::new(),
        "policy" if text == "$policy" => Vec::new(),
        "outcome" => text.split('|').filter(|value| !outcomes.contains(value)).map(str::to_owned).collect(),
        // The one expression for names, taken apart: a beginning, something, and one of several ends.
        "__name__" => {
            let (start, rest) = text.split_once(".+").unwrap();
            let (middle, ends) = rest.trim_end_matches(')').split_once('(').unwrap();
            let is_there = |end: &&str| {
                known.keys().any(|name| name.starts_with(start) && name.ends_with(&format!("{middle}{end}")))
            };
            ends.split('|').filter(|end| !is_there(end)).map(str::to_owned).collect()
        }
        _ => vec![format!("{label}={text}")],
    }
}

#[test]
fn every_query_asks_for_what_a_scrape_has() {
    let scrape = scrape();
    let known = labels(&scrape);
    let dashboard = dashboard();
    let panels = list(&dashboard, "panels");
    let targets = panels.iter().flat_map(|panel| list(panel, "targets"));
    let queries: Vec<&str> = targets.clone().map(|target| text(target, "expr")).collect();
    let of_variables = list(&dashboard["templating"], "list")[1..].iter();
    let of_variables = of_variables.map(|variable| {
        assert_eq!(variable["query"]["query"], variable["definition"]);
        text(variable, "definition")
    });
    for query in queries.iter().copied().chain(of_variables) {
        assert_eq!(unknown_in(query, &known), Vec::<String>::new(), "{query}");
    }
    for target in targets {
        let legend = target["legendFormat"].as_str().unwrap();
        let shown = legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap());
        let (_, grouped) = text(target, "expr").split_once("by (").unwrap_or_default();
        let grouped: BTreeSet<&str> = grouped.split(')').next().unwrap_or_default().split(", ").collect();
        assert!(shown.clone().all(|label| grouped.contains(label)), "{target}");
    }
    // Nothing that the filter tells is left out.
    for name in scrape.types().into_keys().filter(|name| name.starts_with("validate_jwt")) {
        assert!(queries.iter().any(|query| query.contains(name)), "no panel shows {name}");
    }
}

#[test]
fn a_query_for_anything_else_is_found() {
    let known = BTreeMap::from([
        ("validate_jwt_policy_outcome", BTreeSet::from(["plugin", "policy", "outcome"])),
        ("envoy_wasm_x_vm_reload_success", BTreeSet::new()),
    ]);
    for (query, wrong) in [
        ("sum by (outcome) (rate(validate_jwt_policy_outcome{plugin=~\"$plugin\"}[$__rate_interval]))", ""),
        ("rate(validate_jwt_policy_outcomes[$__rate_interval])", "validate_jwt_policy_outcomes"),
        ("sum by (reason) (validate_jwt_policy_outcome)", "reason"),
        ("validate_jwt_policy_outcome{provider=~\"$plugin\"}", "provider"),
        ("validate_jwt_policy_outcome{outcome=~\"Allowed|Refused\"}", "Refused"),
        ("validate_jwt_policy_outcome{plugin=~\"$plugins\"}", "plugin=$plugins"),
        ("avg(validate_jwt_policy_outcome)", "avg"),
        ("{__name__=~\"envoy_wasm_.+_vm_reload_(success|failures)\"}", "failures"),
    ] {
        let found = unknown_in(query, &known);
        assert_eq!(found.first().map_or("", String::as_str), wrong, "{query}");
    }
}
