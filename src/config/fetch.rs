//! How identity providers are reached: `clusters`, `default-cluster` and `fetch`.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ConfigError,
    reader::{Members, Node},
};
use crate::{keys::Schedule, url};

/// The most bytes that an answer of a provider may be allowed to have.
const MAX_RESPONSE_BYTES: u32 = 16_777_216;

/// The most requests that a worker may be allowed to let wait.
const MAX_WAITING_REQUESTS: u32 = 65_536;

/// `fetch`.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) schedule: Schedule,
    pub(super) max_response_bytes: u32,
    pub(super) max_waiting_requests: u32,
    pub(super) allow_http: bool,
}

pub(super) fn read_clusters(node: &Node<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut clusters = BTreeMap::new();
    for (host, cluster) in node.entries()? {
        let is_host = url::parse_authority(host).is_ok_and(|(parsed, port)| {
            host == port.map_or_else(|| parsed.clone(), |port| format!("{parsed}:{port}"))
        });
        if !is_host {
            return Err(cluster.error("is not named by a host; expected `host` or `host:port` in lower case"));
        }
        clusters.insert(host.to_owned(), read_cluster(&cluster)?);
    }
    Ok(clusters)
}

/// A cluster, or a pattern with `{host}` and `{port}`.
pub(super) fn read_default_cluster(node: &Node<'_>) -> Result<String, ConfigError> {
    let pattern = read_cluster(node)?;
    if pattern.replace("{host}", "").replace("{port}", "").contains(['{', '}']) {
        return Err(node.error("has a placeholder other than `{host}` and `{port}`"));
    }
    Ok(pattern)
}

fn read_cluster(node: &Node<'_>) -> Result<String, ConfigError> {
    node.text().map(str::to_owned)
}

pub(super) fn read_fetch(node: &Node<'_>) -> Result<Fetch, ConfigError> {
    let members = node.members(
        &[
            "timeout",
            "refresh-interval",
            "unknown-kid-interval",
            "max-stale",
            "max-response-bytes",
            "max-waiting-requests",
            "allow-http",
        ],
        &[],
    )?;
    let default = Fetch::default();
    let duration = |name, default| {
        members.read(name, |node| node.duration()).map(|duration| duration.unwrap_or(default))
    };
    Ok(Fetch {
        schedule: Schedule {
            timeout: read_timeout(&members)?.unwrap_or(default.schedule.timeout),
            refresh_interval: duration("refresh-interval", default.schedule.refresh_interval)?,
            unknown_kid_interval: duration("unknown-kid-interval", default.schedule.unknown_kid_interval)?,
            max_stale: duration("max-stale", default.schedule.max_stale)?,
        },
        max_response_bytes: members
            .read("max-response-bytes", |node| node.integer(1..=MAX_RESPONSE_BYTES, "bytes"))?
            .unwrap_or(default.max_response_bytes),
        max_waiting_requests: members
            .read("max-waiting-requests", |node| node.integer(1..=MAX_WAITING_REQUESTS, "requests"))?
            .unwrap_or(default.max_waiting_requests),
        allow_http: members.read("allow-http", |node| node.flag())?.unwrap_or(default.allow_http),
    })
}

/// A request that waits for keys waits for two of these at most.
fn read_timeout(members: &Members<'_>) -> Result<Option<Duration>, ConfigError> {
    const LONGEST: Duration = Duration::from_mins(5);
    members.read("timeout", |node| match node.duration()? {
        timeout if timeout > LONGEST => Err(node.error("is longer than `5m`; requests wait for it")),
        timeout => Ok(timeout),
    })
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            max_response_bytes: 262_144,
            max_waiting_requests: 1024,
            allow_http: false,
        }
    }
}
