//! `networking.istio.io`.

use super::{Rules, at_most_one};
use crate::text::{Duration, ExportTo, Host, Label, LabelValue, Subdomain};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// `ServiceEntry`. <https://istio.io/latest/docs/reference/config/networking/service-entry/>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ServiceEntry {
    hosts: Vec<Host>,
    ports: Vec<ServicePort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_to: Option<Vec<ExportTo>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_alt_names: Option<Vec<Subdomain>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServicePort {
    number: NonZeroU16,
    name: Label,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_port: Option<NonZeroU16>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Protocol {
    Http,
    Https,
    Grpc,
    Http2,
    Mongo,
    Tcp,
    Tls,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Location {
    MeshExternal,
    MeshInternal,
}

#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Resolution {
    None,
    Static,
    Dns,
    DnsRoundRobin,
    DynamicDns,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    address: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ports: BTreeMap<Label, NonZeroU16>,
}

impl Rules for ServiceEntry {
    fn check(&self) -> Result<(), String> {
        if self.hosts.is_empty() || self.ports.is_empty() {
            return Err("it needs a host and a port".to_owned());
        }
        if self.resolution == Some(Resolution::None) && self.endpoints.is_some() {
            return Err("NONE resolution cannot have endpoints".to_owned());
        }
        Ok(())
    }
}

/// `DestinationRule`. <https://istio.io/latest/docs/reference/config/networking/destination-rule/>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DestinationRule {
    host: Subdomain,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_policy: Option<TrafficPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subsets: Option<Vec<Subset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_to: Option<Vec<ExportTo>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Subset {
    name: Label,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, LabelValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_policy: Option<TrafficPolicy>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TrafficPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_pool: Option<ConnectionPool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<ClientTls>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ConnectionPool {
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpSettings>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TcpSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connection_duration: Option<Duration>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HttpSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    h2_upgrade_policy: Option<UpgradePolicy>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum UpgradePolicy {
    Default,
    DoNotUpgrade,
    Upgrade,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClientTls {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<TlsMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificates: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_name: Option<Subdomain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<Subdomain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_alt_names: Option<Vec<Subdomain>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_skip_verify: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TlsMode {
    Disable,
    Simple,
    Mutual,
    IstioMutual,
}

impl Rules for DestinationRule {
    fn check(&self) -> Result<(), String> {
        let of_subsets = self.subsets.iter().flatten().filter_map(|subset| subset.traffic_policy.as_ref());
        for tls in of_subsets.chain(&self.traffic_policy).filter_map(|policy| policy.tls.as_ref()) {
            at_most_one(
                "caCertificates and credentialName",
                &[tls.ca_certificates.is_some(), tls.credential_name.is_some()],
            )?;
        }
        Ok(())
    }
}

/// `EnvoyFilter`. <https://istio.io/latest/docs/reference/config/networking/envoy-filter/>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct EnvoyFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    workload_selector: Option<WorkloadSelector>,
    config_patches: Vec<ConfigPatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WorkloadSelector {
    labels: BTreeMap<String, LabelValue>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ConfigPatch {
    apply_to: ApplyTo,
    r#match: PatchMatch,
    patch: Patch,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ApplyTo {
    Listener,
    FilterChain,
    NetworkFilter,
    HttpFilter,
    RouteConfiguration,
    VirtualHost,
    HttpRoute,
    Cluster,
    ExtensionConfig,
    Bootstrap,
    ListenerFilter,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PatchMatch {
    context: PatchContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<ListenerMatch>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PatchContext {
    Any,
    SidecarInbound,
    SidecarOutbound,
    Gateway,
    Waypoint,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListenerMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    port_number: Option<NonZeroU16>,
    filter_chain: FilterChainMatch,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FilterChainMatch {
    filter: FilterMatch,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FilterMatch {
    name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    operation: Operation,
    /// Envoy's own, which Envoy checks.
    value: Map<String, Value>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operation {
    Merge,
    Add,
    Remove,
    InsertBefore,
    InsertAfter,
    InsertFirst,
    Replace,
}

impl Rules for EnvoyFilter {}
