//! Which cluster of the proxy reaches a host (`clusters`, `default-cluster`).

use std::collections::BTreeMap;

use crate::url::Url;

/// The clusters of a plugin configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    named: BTreeMap<String, String>,
    default: Option<String>,
}

impl Clusters {
    /// `named` maps `host:port` or `host` (lower-case) to a cluster; `default`, in which `{host}` and `{port}` are filled in,
    /// serves the hosts of configured URLs that it does not name.
    pub fn new(named: BTreeMap<String, String>, default: Option<String>) -> Self {
        Self { named, default }
    }

    /// The cluster that is named for the URL's host; `host:port` goes before `host`.
    pub fn named(&self, url: &Url) -> Option<&str> {
        let with_port = format!("{}:{}", url.host(), url.port());
        self.named.get(&with_port).or_else(|| self.named.get(url.host())).map(String::as_str)
    }

    /// The cluster for a configured URL, or one on a configured URL's host.
    pub fn for_configured(&self, url: &Url) -> Option<String> {
        let default = || {
            let pattern = self.default.as_ref()?;
            Some(pattern.replace("{host}", url.host()).replace("{port}", &url.port().to_string()))
        };
        self.named(url).map(str::to_owned).or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_name_goes_first_and_the_default_last() {
        let named = [("a.example", "a"), ("a.example:8443", "a8443")];
        let named = named.map(|(host, cluster)| (host.to_owned(), cluster.to_owned())).into();
        let clusters = Clusters::new(named, Some("outbound|{port}||{host}".into()));
        let url = |text| Url::parse(text).unwrap();
        assert_eq!(clusters.for_configured(&url("https://a.example/x")).as_deref(), Some("a"));
        assert_eq!(clusters.for_configured(&url("https://A.example:8443/x")).as_deref(), Some("a8443"));
        assert_eq!(
            clusters.for_configured(&url("https://b.example/x")).as_deref(),
            Some("outbound|443||b.example")
        );
        assert_eq!(clusters.named(&url("https://b.example/x")), None);
        assert_eq!(Clusters::default().for_configured(&url("https://a.example/x")), None);
    }
}
