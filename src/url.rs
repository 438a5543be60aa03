//! Absolute `http` and `https` URLs, as much of RFC 3986 as a callout needs, and no more.

use std::fmt;

/// The longest URL that is read.
pub const MAX_URL_BYTES: usize = 2048;

/// Whether the connection to a host is meant to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The scheme as it stands before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A URL that a request can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    target: String,
}

/// Why text is not such a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`MAX_URL_BYTES`].
    TooLong,
    /// A byte that no URL holds unencoded: a blank, a control, a backslash, or one beyond ASCII.
    Byte,
    /// Neither `https://` nor `http://`.
    Scheme,
    /// A user name before the host.
    UserInfo,
    /// A host that is empty or has other characters than a name or an address.
    Host,
    /// A port that is no number from 1 to 65535.
    Port,
    /// A fragment (`#…`), which is never sent.
    Fragment,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 2048 bytes",
            Self::Byte => {
                "has a blank, a backslash, a control character or one beyond ASCII; percent-encode it"
            }
            Self::Scheme => "does not start with `https://`",
            Self::UserInfo => "has a user name before the host",
            Self::Host => "has no valid host",
            Self::Port => "has a port that is no number from 1 to 65535",
            Self::Fragment => "has a fragment (`#`)",
        })
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Parses an absolute URL. The host is put in lower case; the path and query are kept as written.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlError::Byte);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = parse_authority(authority)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { scheme, host, port, target })
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own (443, 80) where none is written.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        })
    }

    /// Whether both lead to the same place: a port that is the scheme's own need not be written.
    pub fn is_same_place(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port(), &self.target)
            == (other.scheme, &other.host, other.port(), &other.target)
    }

    /// The value of `Host` or `:authority` (RFC 9110 §7.2): the port stands there when it was written.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The request target: path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The first segment of the path, empty when there is none.
    pub fn first_segment(&self) -> &str {
        self.target.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.target)
    }
}

/// Splits `host`, `host:port` or `[address]:port`; the host comes back in lower case.
pub(crate) fn parse_authority(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => {
            let (host, rest) = authority.split_at_checked(end.saturating_add(1)).ok_or(UrlError::Host)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(UrlError::Host),
            }
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    let is_address = |host: &str| {
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
    };
    if !is_name(host) && !is_address(host) {
        return Err(UrlError::Host);
    }
    let port = port
        .map(|port| {
            let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| port.parse().ok()).flatten().filter(|port| *port != 0).ok_or(UrlError::Port)
        })
        .transpose()?;
    Ok((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_text() {
        let url =
            Url::parse("https://Login.Example.COM/Tenant/v2.0/.well-known/openid-configuration?p=B2C_1_x")
                .unwrap();
        assert_eq!(url.scheme(), Scheme::Https);
        assert_eq!(
            (url.host(), url.port(), url.authority().as_str()),
            ("login.example.com", 443, "login.example.com")
        );
        assert_eq!(url.target(), "/Tenant/v2.0/.well-known/openid-configuration?p=B2C_1_x");
        assert_eq!(url.first_segment(), "Tenant");

        let url = Url::parse("HTTP://127.0.0.1:8080").unwrap();
        assert_eq!(
            (url.scheme(), url.port(), url.authority().as_str()),
            (Scheme::Http, 8080, "127.0.0.1:8080")
        );
        assert_eq!((url.target(), url.first_segment()), ("/", ""));

        let url = Url::parse("https://[::1]:8443?x").unwrap();
        assert_eq!((url.host(), url.port(), url.target()), ("[::1]", 8443, "/?x"));
        assert_eq!(url.to_string(), "https://[::1]:8443/?x");
    }

    #[test]
    fn a_default_port_need_not_be_written() {
        let same = |one, other| Url::parse(one).unwrap().is_same_place(&Url::parse(other).unwrap());
        assert!(same("https://A.example:443/x", "https://a.example/x"));
        assert!(same("http://a.example", "http://a.example:80/"));
        for (one, other) in [
            ("https://a.example/x", "https://a.example:8443/x"),
            ("https://a.example/x", "http://a.example/x"),
            ("https://a.example/x", "https://a.example/X"),
            ("https://a.example/x", "https://b.example/x"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_cannot_be_fetched_is_refused() {
        for (text, expected) in [
            ("", UrlError::Scheme),
            ("login.example.com", UrlError::Scheme),
            ("ftp://a/", UrlError::Scheme),
            ("https:/a", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///a", UrlError::Host),
            ("https://a b/", UrlError::Byte),
            ("https://a/\r\nx", UrlError::Byte),
            ("https://ä/", UrlError::Byte),
            ("https://a\\b", UrlError::Byte),
            ("https://a/\\@b", UrlError::Byte),
            ("https://u:p@a/", UrlError::UserInfo),
            ("https://a@b", UrlError::UserInfo),
            ("https://a/#x", UrlError::Fragment),
            ("https://a:0/", UrlError::Port),
            ("https://a:65536/", UrlError::Port),
            ("https://a:+80/", UrlError::Port),
            ("https://a:/", UrlError::Port),
            ("https://a%2eb/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[::1]x/", UrlError::Host),
            ("https://[1.2.3.4]/", UrlError::Host),
            ("https://a,b/", UrlError::Host),
        ] {
            assert_eq!(Url::parse(text), Err(expected), "{text}");
        }
        let of_bytes = |bytes| format!("{:a<bytes$}", "https://a/");
        assert!(Url::parse(&of_bytes(MAX_URL_BYTES)).is_ok());
        assert_eq!(Url::parse(&of_bytes(MAX_URL_BYTES + 1)), Err(UrlError::TooLong));
    }
}
