//! The built module in a real Envoy, with a real OpenID provider and with a scripted one.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test may fail, needs a clock for its deadlines, and shows Envoy's log when it fails"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../case_table/mod.rs"]
mod case_table;

#[path = "../vectors/mod.rs"]
mod signature_vectors;

mod azure_clouds;
mod bad_configuration;
mod cases;
mod configuration_updates;
mod dashboard;
mod encrypted;
mod environment;
mod forgeries;
mod forwarding;
mod guides;
mod hostile_kinds;
mod hostile_requests;
mod http2;
mod inline_keys;
mod istio;
mod load;
mod log;
mod native_filter;
mod outages;
mod real_provider;
mod report_only;
mod route_choice;
mod scenarios;
mod several_policies;
mod shipped_configurations;
mod slow_names;
mod statistics;
mod token_removal;
mod token_value;
mod variables;
mod vectors;
mod vm_death;
mod waiting;
mod workers;
