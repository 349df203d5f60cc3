//! A node's key, its signing request, and the files they live in.

use crate::files::{FileError, replace_file};
use rcgen::{CertificateParams, KeyPair};
use std::path::{Path, PathBuf};

/// A key that was made on the node and has not left it.
pub struct NodeKey(KeyPair);

/// What a joined node holds: `node.key` (0600), `node.crt`, `ca.crt` in its data folder.
#[derive(Clone, Debug)]
pub struct NodeCredentials {
    /// The private key in PEM.
    pub key_pem: crate::Secret,
    /// The node's certificate in PEM.
    pub certificate_pem: String,
    /// The collector's CA in PEM.
    pub ca_pem: String,
}

/// Why a key or its files failed.
#[derive(Debug, thiserror::Error)]
pub enum NodeKeyError {
    /// rcgen failed.
    #[error("make the node's key and signing request")]
    Make(#[source] rcgen::Error),
    /// A file cannot be read.
    #[error("read {}: has this node joined? run 'wardround-agent join' first", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

impl NodeKey {
    /// Makes a new ECDSA P-256 key.
    pub fn generate() -> Result<Self, NodeKeyError> {
        KeyPair::generate().map(Self).map_err(NodeKeyError::Make)
    }

    /// A signing request in DER, which proves possession of the key. It names nothing: the collector does.
    pub fn request_der(&self) -> Result<Vec<u8>, NodeKeyError> {
        let request = CertificateParams::default().serialize_request(&self.0);
        request.map(|r| r.der().to_vec()).map_err(NodeKeyError::Make)
    }

    /// The key of a joined node, to prove its old certificate in a renewal.
    pub fn from_pem(pem: &crate::Secret) -> Result<Self, NodeKeyError> {
        KeyPair::from_pem(pem.expose()).map(Self).map_err(NodeKeyError::Make)
    }

    /// ECDSA P-256 signature with SHA-256 over `message`, ASN.1.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, NodeKeyError> {
        rcgen::SigningKey::sign(&self.0, message).map_err(NodeKeyError::Make)
    }

    /// The private key in PEM.
    pub fn pem(&self) -> crate::Secret {
        crate::Secret::new(self.0.serialize_pem())
    }
}

impl NodeCredentials {
    /// Reads the three files from `dir`.
    pub fn load(dir: &Path) -> Result<Self, NodeKeyError> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).map_err(|source| NodeKeyError::Read { path, source })
        };
        Ok(Self {
            key_pem: crate::Secret::new(read("node.key")?),
            certificate_pem: read("node.crt")?,
            ca_pem: read("ca.crt")?,
        })
    }

    /// Writes the three files into `dir`, the certificate last, so that a joined node is one with a certificate.
    pub fn store(&self, dir: &Path) -> Result<(), NodeKeyError> {
        replace_file(&dir.join("ca.crt"), self.ca_pem.as_bytes(), 0o644)?;
        replace_file(&dir.join("node.key"), self.key_pem.expose().as_bytes(), 0o600)?;
        replace_file(&dir.join("node.crt"), self.certificate_pem.as_bytes(), 0o644)?;
        Ok(())
    }
}
