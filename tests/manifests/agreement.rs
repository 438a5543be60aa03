//! That the resources fit one another, the policies of `filter-config/`, and `envoy/production.yaml`.

use crate::manifests::{documents, resource, subset_cluster};
use crate::{files, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use validate_jwt::config::Configuration;

const PLUGINS: [&str; 2] = ["wasm-plugin.yaml", "wasm-plugin-encrypted.yaml"];

/// The plugin configurations that ship, each with the clusters that lead out of its proxy.
fn configurations() -> Vec<(&'static str, Value, BTreeSet<String>)> {
    let in_istio = |file| {
        let plugin = resource(file, "WasmPlugin");
        (file, plugin["spec"]["pluginConfig"].clone(), BTreeSet::from([way_to_the_keys()]))
    };
    let gateway = resource("envoy-gateway/extension-policy.yaml", "EnvoyExtensionPolicy");
    let bootstrap = gateway_bootstrap();
    let clusters = bootstrap["static_resources"]["clusters"].as_array().unwrap();
    let names = clusters.iter().map(|cluster| text(&cluster["name"])).collect();
    let in_gateway =
        ("envoy-gateway/extension-policy.yaml", gateway["spec"]["wasm"][0]["config"].clone(), names);
    PLUGINS.map(in_istio).into_iter().chain([in_gateway]).collect()
}

/// The cluster that `identity-provider.yaml` makes. It leads to the host, and nobody else can answer there.
fn way_to_the_keys() -> String {
    let entry = &resource("identity-provider.yaml", "ServiceEntry")["spec"];
    let rule = &resource("identity-provider.yaml", "DestinationRule")["spec"];
    let (host, subset) = (text(&entry["hosts"][0]), &rule["subsets"][0]);
    assert_eq!(rule["host"], host);
    let tls = &subset["trafficPolicy"]["tls"];
    assert_eq!(tls["mode"], "SIMPLE");
    assert_eq!((&tls["sni"], &tls["subjectAltNames"]), (&json!(host), &json!([host])));
    assert_eq!(rule["trafficPolicy"], Value::Null, "the host's other callers do their own TLS");
    subset_cluster(entry["ports"][0]["number"].as_u64().unwrap(), &text(&subset["name"]), &host)
}

fn gateway_bootstrap() -> Value {
    let proxy = resource("envoy-gateway/envoy-proxy.yaml", "EnvoyProxy");
    serde_saphyr::from_str(proxy["spec"]["bootstrap"]["value"].as_str().unwrap()).unwrap()
}

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn production() -> Value {
    serde_saphyr::from_str(&file("envoy/production.yaml")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn environment(name: &str) -> Option<String> {
    (name == "DECRYPTION_PRIVATE_KEY").then(|| file("tests/fixtures/certificates/rsa.key.pem"))
}

#[test]
fn every_plugin_configuration_is_taken_and_leads_to_a_cluster_that_exists() {
    for (file, configuration, clusters) in configurations() {
        let taken = Configuration::parse(configuration.to_string().as_bytes(), &environment);
        let taken = taken.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(taken.warnings, Vec::<String>::new(), "{file}");
        let named: BTreeSet<String> =
            configuration["clusters"].as_object().unwrap().values().map(text).collect();
        assert_eq!(named, clusters, "{file}");
    }
}

#[test]
fn the_policy_is_the_one_of_filter_config() {
    let policy: Value = serde_json::from_str(&file("filter-config/entra-client-credentials.json")).unwrap();
    for (name, configuration, _) in configurations() {
        if name != "wasm-plugin-encrypted.yaml" {
            assert_eq!(configuration["validate-jwt"], policy["validate-jwt"], "{name}");
        }
    }
}

#[test]
fn both_plugins_differ_in_their_policy_alone() {
    let [mut plain, mut encrypted] = PLUGINS.map(|file| resource(file, "WasmPlugin"));
    for plugin in [&mut plain, &mut encrypted] {
        let spec = plugin["spec"].as_object_mut().unwrap();
        spec.remove("pluginConfig");
        spec.remove("vmConfig");
    }
    assert_eq!(plain, encrypted);
    let expected = [("phase", "AUTHN"), ("failStrategy", "FAIL_RELOAD")];
    assert!(expected.into_iter().all(|(name, value)| plain["spec"][name] == value));
}

#[test]
fn what_is_authorized_is_what_the_filter_writes_in_the_same_pods() {
    let policy = resource("authorization-policy.yaml", "AuthorizationPolicy");
    let rules = policy["spec"]["rules"].as_array().unwrap();
    let conditions = rules.iter().flat_map(|rule| rule["when"].as_array().unwrap());
    let asked: BTreeSet<String> = conditions.map(|condition| text(&condition["key"])).collect();
    for file in PLUGINS {
        let plugin = resource(file, "WasmPlugin");
        let written = &plugin["spec"]["pluginConfig"]["options"]["forward"]["claims-to-headers"];
        let written = written.as_array().unwrap().iter().map(|claim| text(&claim["header"]));
        assert_eq!(asked, written.map(|header| format!("request.headers[{header}]")).collect(), "{file}");
        assert_eq!(plugin["spec"]["selector"], policy["spec"]["selector"], "{file}");
    }
    let labels = &policy["spec"]["selector"]["matchLabels"];
    let filter = resource("connection-manager.yaml", "EnvoyFilter");
    assert_eq!(&filter["spec"]["workloadSelector"]["labels"], labels);
    let workload = resource("workload.yaml", "Deployment");
    assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels);
}

#[test]
fn secrets_come_from_the_proxys_environment() {
    let workload = resource("workload.yaml", "Deployment");
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let proxy = containers.iter().find(|container| container["name"] == "istio-proxy").unwrap();
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().into_iter().flatten().map(|variable| text(&variable["name"])).collect()
    };
    for file in PLUGINS {
        let plugin = resource(file, "WasmPlugin");
        let passed_on = &plugin["spec"]["vmConfig"]["env"];
        assert!(names(passed_on).is_subset(&names(&proxy["env"])), "{file}");
        let configuration = plugin["spec"]["pluginConfig"].to_string();
        let read = configuration.split("-from-env\":\"").skip(1);
        let read = read.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
        assert_eq!(names(passed_on), read, "{file}");
        let from_host = |variable: &Value| variable["valueFrom"] == "HOST";
        assert!(passed_on.as_array().into_iter().flatten().all(from_host), "{file}");
    }
    assert!(proxy["env"].as_array().unwrap().iter().all(|variable| variable["value"].is_null()));
}

#[test]
fn the_connection_manager_is_that_of_the_production_configuration() {
    let filter = resource("connection-manager.yaml", "EnvoyFilter");
    let merged = &filter["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    let listener = &production()["static_resources"]["listeners"][0];
    let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    for (name, value) in merged.as_object().unwrap() {
        assert_eq!(value, &manager[name], "{name}");
    }
}

#[test]
fn the_gateways_cluster_is_that_of_the_production_configuration() {
    let production = production();
    let clusters = production["static_resources"]["clusters"].as_array().unwrap();
    let entra = clusters.iter().find(|cluster| cluster["name"] == "entra").unwrap();
    assert_eq!(gateway_bootstrap(), json!({ "static_resources": { "clusters": [entra] } }));
}

#[test]
fn statistics_have_the_labels_of_the_production_configuration() {
    let map = resource("statistics.yaml", "ConfigMap");
    let bootstrap: Value =
        serde_json::from_str(map["data"]["custom_bootstrap.json"].as_str().unwrap()).unwrap();
    assert_eq!(bootstrap, json!({ "stats_config": production()["stats_config"] }));
    let annotations = &resource("workload.yaml", "Deployment")["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["sidecar.istio.io/bootstrapOverride"], map["metadata"]["name"]);
}

#[test]
fn each_kustomization_has_all_of_its_folder_in_one_namespace() {
    for folder in ["", "envoy-gateway/"] {
        let kustomization = resource(&format!("{folder}kustomization.yaml"), "Kustomization");
        let listed: BTreeSet<String> = kustomization["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| format!("{folder}{}", text(name)))
            .collect();
        let mut there: BTreeSet<String> = files()
            .into_iter()
            .filter(|file| file.contains('/') != folder.is_empty() && !file.ends_with("kustomization.yaml"))
            .collect();
        // It takes the place of the other one.
        there.remove("wasm-plugin-encrypted.yaml");
        assert_eq!(listed, there);
        let mut seen = BTreeMap::new();
        for file in listed {
            for document in documents(&file) {
                assert_eq!(document["metadata"]["namespace"], "orders", "{file}");
                let name = (text(&document["kind"]), text(&document["metadata"]["name"]));
                assert_eq!(seen.insert(name, file.clone()), None, "{file}");
            }
        }
    }
}
