//! Which of the proxy's clusters reaches the identity providers.

use std::collections::BTreeMap;

use validate_jwt::{issuer::is_guid, url::Url};

use super::{ConvertOptions, node::Node, report::Report};

/// `clusters` and `default-cluster` for the hosts of `urls`.
pub(super) fn members(
    urls: &[(String, usize)],
    options: &ConvertOptions,
    report: &mut Report,
) -> [(&'static str, Option<Node>); 2] {
    let mut clusters: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let at = urls.first().map_or(0, |(_, at)| *at);
    for (host, cluster) in &options.clusters {
        clusters.insert(host.to_ascii_lowercase(), (cluster.clone(), at));
    }
    let mut itself = Vec::new();
    for (text, at) in urls {
        // What is no URL the filter will tell.
        let whole = if text.contains("://") { text.clone() } else { format!("https://{text}") };
        let Ok(url) = Url::parse(&whole) else { continue };
        let host = if url.port() == 443 { url.host().to_owned() } else { url.authority() };
        let is_named = clusters.contains_key(&host) || clusters.contains_key(url.host());
        if !is_named && options.default_cluster.is_none() {
            clusters.insert(host.clone(), (host.clone(), *at));
            itself.push(host.clone());
        }
        if let Some(keys) = host_of_keys(&url)
            && !clusters.contains_key(&keys)
        {
            let default = || match &options.default_cluster {
                Some(pattern) => pattern.replace("{host}", &keys).replace("{port}", "443"),
                None => keys.clone(),
            };
            let named = clusters.get(&host).map(|(cluster, _)| cluster.clone());
            let cluster = named.unwrap_or_else(default);
            report.note(
                *at,
                format!("its keys may lie on `{keys}`, which is named in `clusters` as well: let that cluster reach both hosts"),
            );
            clusters.insert(keys, (cluster, *at));
        }
    }
    if !itself.is_empty() {
        report.note(
            None,
            format!(
                "`clusters` maps each host to a cluster of the same name; say which of the proxy's clusters reaches it, by {}",
                itself.iter().map(|host| format!("`--cluster {host}=NAME`")).collect::<Vec<_>>().join(", ")
            ),
        );
    }
    let named = clusters.into_iter().map(|(host, (cluster, at))| (host, Some(Node::text(at, cluster))));
    let named = Node::object(at, named);
    let default = options.default_cluster.as_ref().map(|cluster| Node::text(at, cluster));
    [("clusters", (!named.is_empty()).then_some(named)), ("default-cluster", default)]
}

/// External ID: the document may lie on the tenant's name, its keys then lie on the tenant's id.
fn host_of_keys(url: &Url) -> Option<String> {
    let tenant = url.first_segment().to_ascii_lowercase();
    let host = format!("{tenant}.ciamlogin.com");
    (url.host().ends_with(".ciamlogin.com") && is_guid(&tenant) && url.host() != host).then_some(host)
}
