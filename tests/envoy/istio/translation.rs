//! What istiod and Envoy Gateway make of the resources of `envoy/istio/`: the part of Envoy's configuration that a proxy gets.

use crate::support::bootstrap::{Configuration, Setup};
use crate::support::manifests::{documents, resource, subset_cluster};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// The members of an object, or none.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The plugin of a `WasmPlugin`. It has no `vm_id`: what its VMs share lies beside what other plugins' share.
pub(super) fn plugin(file: &str) -> Configuration {
    let document = resource(file, "WasmPlugin");
    let (metadata, spec) = (&document["metadata"], &document["spec"]);
    let variables = || items(&spec["vmConfig"]["env"]);
    let of_host = |variable: &&Value| variable["valueFrom"] == "HOST";
    let values: Map<String, Value> = variables()
        .filter(|variable| !of_host(variable))
        .map(|variable| (text(&variable["name"]).to_owned(), variable["value"].clone()))
        .collect();
    let names: Vec<&Value> = variables().filter(of_host).map(|variable| &variable["name"]).collect();
    let failure_policy = match text(&spec["failStrategy"]) {
        "FAIL_RELOAD" => "FAIL_RELOAD",
        "FAIL_CLOSE" => "FAIL_CLOSED",
        other => panic!("{other} is not for a filter at the door"),
    };
    Configuration::Plugin(json!({
        "name": format!("{}.{}", text(&metadata["namespace"]), text(&metadata["name"])),
        "root_id": spec["pluginName"],
        "failure_policy": failure_policy,
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "environment_variables": { "host_env_keys": names, "key_values": values },
        },
        "configuration": string(&spec["pluginConfig"]),
    }))
}

/// The plugin of an `EnvoyExtensionPolicy`.
pub(super) fn gateway_plugin(file: &str) -> Configuration {
    let wasm = &resource(file, "EnvoyExtensionPolicy")["spec"]["wasm"][0];
    Configuration::Plugin(json!({
        "name": wasm["name"],
        "root_id": wasm["rootID"],
        "fail_open": wasm["failOpen"],
        "vm_config": { "vm_id": wasm["name"], "runtime": "envoy.wasm.runtime.v8" },
        "configuration": string(&wasm["config"]),
    }))
}

fn string(configuration: &Value) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string() })
}

/// Adds the clusters of `identity-provider.yaml`, by the names that istiod gives them; those of subsets with TLS lead to
/// `provider`, all others nowhere.
pub(super) fn with_clusters(setup: Setup, provider: SocketAddr) -> Setup {
    let file = "identity-provider.yaml";
    let (entry, rule) = (resource(file, "ServiceEntry"), resource(file, "DestinationRule"));
    let mut setup = setup;
    for port in items(&entry["spec"]["ports"]) {
        let port = port["number"].as_u64().unwrap();
        for host in items(&entry["spec"]["hosts"]).map(text) {
            setup = setup.empty_cluster(&subset_cluster(port, "", host));
            for subset in items(&rule["spec"]["subsets"]) {
                assert_eq!(subset["trafficPolicy"]["tls"]["mode"], "SIMPLE");
                setup = setup.cluster(&subset_cluster(port, text(&subset["name"]), host), provider);
            }
        }
    }
    setup
}

/// Adds what `connection-manager.yaml` merges into the connection manager.
pub(super) fn with_connection_manager(setup: Setup) -> Setup {
    let filter = resource("connection-manager.yaml", "EnvoyFilter");
    let patch = &filter["spec"]["configPatches"][0];
    assert_eq!(
        (&patch["applyTo"], &patch["patch"]["operation"]),
        (&json!("NETWORK_FILTER"), &json!("MERGE"))
    );
    let merged = members(&patch["patch"]["value"]["typed_config"]).filter(|(name, _)| *name != "@type");
    merged.fold(setup, |setup, (name, value)| setup.connection_manager(name, value.clone()))
}

/// Adds the filter of an `AuthorizationPolicy`, behind the plugin, as istiod does with phase AUTHN.
pub(super) fn with_authorization(setup: Setup) -> Setup {
    let policy = &resource("authorization-policy.yaml", "AuthorizationPolicy")["spec"];
    assert_eq!(policy["action"], "ALLOW");
    let rules: Map<String, Value> = items(&policy["rules"])
        .enumerate()
        .map(|(index, rule)| (format!("rule[{index}]"), role(rule)))
        .collect();
    let typed_config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": { "action": "ALLOW", "policies": rules },
    });
    setup.filter_after("envoy.filters.http.rbac", &typed_config)
}

fn role(rule: &Value) -> Value {
    let methods = |operation: &Value| -> Vec<Value> {
        items(&operation["operation"]["methods"]).map(|method| header(":method", text(method))).collect()
    };
    let permissions: Vec<Value> =
        items(&rule["to"]).map(|operation| json!({ "or_rules": { "rules": methods(operation) } })).collect();
    let condition = |condition: &Value| {
        let name = text(&condition["key"]).strip_prefix("request.headers[").unwrap().trim_end_matches(']');
        let values: Vec<Value> = items(&condition["values"]).map(|value| header(name, text(value))).collect();
        json!({ "or_ids": { "ids": values } })
    };
    let conditions: Vec<Value> = items(&rule["when"]).map(condition).collect();
    json!({ "permissions": permissions, "principals": [{ "and_ids": { "ids": conditions } }] })
}

fn header(name: &str, value: &str) -> Value {
    match value {
        "*" => json!({ "header": { "name": name, "present_match": true } }),
        exact => json!({ "header": { "name": name, "string_match": { "exact": exact } } }),
    }
}

/// What `statistics.yaml` adds to the bootstrap, and the statistics that the annotations of `workload.yaml` keep: no others, but
/// those that the tests ask for.
pub(super) fn statistics() -> Value {
    let map = resource("statistics.yaml", "ConfigMap");
    let mut bootstrap: Value = serde_json::from_str(text(&map["data"]["custom_bootstrap.json"])).unwrap();
    let kept = kept_statistics();
    let by_expression = kept.iter().map(|expression| json!({ "safe_regex": { "regex": expression } }));
    // Istio's own, of which `wasm` would keep the filter's as well.
    let of_istio = ["listener_manager", "cluster_manager", "server", "extension_config_discovery"];
    let patterns: Vec<Value> =
        of_istio.into_iter().map(|prefix| json!({ "prefix": prefix })).chain(by_expression).collect();
    bootstrap["stats_config"]["stats_matcher"] = json!({ "inclusion_list": { "patterns": patterns } });
    bootstrap["stats_flush_interval"] = json!("0.05s");
    bootstrap
}

/// `proxyStatsMatcher.inclusionRegexps` of the pods.
fn kept_statistics() -> Vec<String> {
    let [workload] = &documents("workload.yaml")[..] else { panic!("one Deployment") };
    let annotations = &workload["spec"]["template"]["metadata"]["annotations"];
    let proxy: Value = serde_saphyr::from_str(text(&annotations["proxy.istio.io/config"])).unwrap();
    items(&proxy["proxyStatsMatcher"]["inclusionRegexps"])
        .map(|expression| text(expression).to_owned())
        .collect()
}
