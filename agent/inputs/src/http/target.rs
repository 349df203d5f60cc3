//! Where an endpoint is.

use http::Uri;
use rustls_pki_types::ServerName;
use std::fmt;
use std::str::FromStr;

/// A checked URL: `http` or `https`, a host, no password in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    is_tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_scheme = || "write a URL that begins with https:// or http://".to_owned();
        if !text.contains("://") {
            return Err(no_scheme());
        }
        let uri: Uri = text.parse().map_err(|e| format!("is not a URL: {e}"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(no_scheme()),
        };
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("a URL with a password in it ends up in logs: use bearer_token_file".into());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("names no host".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        if authority.port().is_some() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err("has no usable port".to_owned());
        }
        let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let target = Self { is_tls, host, port, authority: authority.to_string(), path };
        if is_tls {
            target.server_name()?;
        }
        Ok(target)
    }
}

impl Target {
    /// Whether it is asked over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Name or address of the host, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, the label `instance` unless the configuration names another.
    pub(crate) fn instance(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn server_name(&self) -> Result<ServerName<'static>, String> {
        ServerName::try_from(self.host.clone())
            .map_err(|_| format!("'{}' is no name that a certificate can carry", self.host))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query, which may carry a key.
        let path = self.path.split('?').next().unwrap_or_default();
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: URLs as people write them. Guarantees: defaults are filled in, what cannot work is refused with words, and
    /// a query is not repeated in messages.
    #[test]
    fn urls_are_checked() {
        for (text, instance, path) in [
            ("http://127.0.0.1:9283/metrics", "127.0.0.1:9283", "/metrics"),
            ("https://storage.hospital.lan/m?key=x", "storage.hospital.lan:443", "/m?key=x"),
            ("http://[::1]:9000", "::1:9000", "/"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.instance().as_str(), target.path()), (instance, path), "{text}");
            assert!(!target.to_string().contains("key"), "{target}");
        }
        for (text, words) in [
            ("ftp://a/", "https://"),
            ("a/metrics", "https://"),
            ("https://user:pw@a/", "password"),
            ("http://a:0/", "port"),
            ("http://a b/", "not a URL"),
        ] {
            let refused = text.parse::<Target>().unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }
}
