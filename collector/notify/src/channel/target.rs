//! Where a webhook is.

use http::Uri;
use rustls_pki_types::ServerName;
use std::str::FromStr;

/// A checked URL of a webhook: `http` or `https`, a host, no password in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    is_tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_scheme = || format!("'{text}' does not begin with https:// or http://");
        if !text.contains("://") {
            return Err(no_scheme());
        }
        let uri: Uri = text.parse().map_err(|e| format!("'{text}' is not a URL: {e}"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(no_scheme()),
        };
        let authority = uri.authority().ok_or_else(|| format!("'{text}' names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a URL with a password in it ends up in logs: the receiver checks the signature instead".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(format!("'{text}' names no host"));
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        if authority.port().is_some() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(format!("'{text}' has no usable port"));
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
    /// Whether it is reached over TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Name or address of the host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, String> {
        ServerName::try_from(self.host.clone())
            .map_err(|_| format!("'{}' is no name that a certificate can carry", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: URLs as people write them. Guarantees: defaults are filled in, what cannot work is refused with words.
    #[test]
    fn urls_are_checked() {
        for (text, host, port, path) in [
            ("https://hooks.example.org/a?b=1", "hooks.example.org", 443, "/a?b=1"),
            ("http://127.0.0.1:9000", "127.0.0.1", 9000, "/"),
            ("https://[::1]:8443/x", "::1", 8443, "/x"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host(), target.port(), target.path()), (host, port, path), "{text}");
        }
        for (text, words) in [
            ("ftp://a/", "https://"),
            ("hooks.example.org/a", "https://"),
            ("/only/path", "https://"),
            ("https://user:pw@a/", "password"),
            ("http://a:0/", "port"),
            ("http://a b/", "not a URL"),
        ] {
            let refused = text.parse::<Target>().unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }
}
