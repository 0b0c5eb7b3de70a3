//! Certificates of a made-up authority, a web configuration that names one, and a client that
//! speaks TLS to whoever shows one.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

/// An authority that nobody trusts by themselves.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate of such an authority, for `localhost`, and its key.
pub(crate) struct Leaf {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Valid until the first day of that year.
    pub(crate) fn issue(&self, year: i32) -> Leaf {
        self.issue_for(SanType::DnsName("localhost".try_into().unwrap()), year)
    }

    /// The same for another name.
    pub(crate) fn issue_for(&self, name: SanType, year: i32) -> Leaf {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Leaf { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }
}

impl Leaf {
    /// Puts both where [`TLS`] names them.
    pub(crate) fn write_to(&self, directory: &Path) {
        write_secret(&directory.join("key.pem"), &self.key.serialize_pem());
        fs::write(directory.join("cert.pem"), self.certificate.pem()).unwrap();
    }
}

/// In a web configuration, what gives it TLS.
pub(crate) const TLS: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";

/// In a web configuration, what lets in `ann` with this password, and a line for each more user.
pub(crate) fn users(passwords: &[(&str, &str)]) -> String {
    // The lowest cost that there is: tests are not to wait for it.
    let line = |(name, password): &(&str, &str)| {
        format!("  {name}: {}\n", bcrypt::hash(password, 4).unwrap())
    };
    format!("basic_auth_users:\n{}", passwords.iter().map(line).collect::<String>())
}

/// Writes a file that nobody else may read, or puts another in its place: whoever looks in between
/// sees it before or after.
pub(crate) fn write_secret(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, path).unwrap();
}

/// A client that speaks TLS.
pub(crate) struct Caller {
    config: ClientConfig,
}

/// A connection of it.
pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What it was told.
#[derive(Debug)]
pub(crate) struct Reply {
    /// All that came, without what TLS added.
    pub(crate) text: String,
    /// The certificate that it was shown.
    pub(crate) certificate: Vec<u8>,
    /// What it was agreed to speak.
    pub(crate) protocol: Option<String>,
    /// How that was encrypted.
    pub(crate) cipher_suite: CipherSuite,
}

impl Caller {
    pub(crate) fn new(authority: &Authority) -> Self {
        Self::with(authority, ring::default_provider(), rustls::ALL_VERSIONS, None)
    }

    /// With these abilities, and with a certificate of its own.
    pub(crate) fn with(
        authority: &Authority,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Leaf>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
                builder.with_client_auth_cert(vec![leaf.certificate.der().clone()], key).unwrap()
            }
        };
        // Whoever comes back to a session is not shown the certificate again.
        config.resumption = Resumption::disabled();
        Self { config }
    }

    /// The same, which offers to speak one of these.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols =
            protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Sends these bytes and reads to the end.
    pub(crate) fn call(&self, address: SocketAddr, request: &str) -> Result<Reply, String> {
        self.converse(address, request).map_err(|error| error.to_string())
    }

    /// Shakes hands, and no more.
    pub(crate) fn open(&self, address: SocketAddr) -> std::io::Result<Tls> {
        let mut stream = TcpStream::connect(address)?;
        // Whoever waits that long waits for nothing.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let name = "localhost".try_into().unwrap();
        let mut connection = ClientConnection::new(Arc::new(self.config.clone()), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    fn converse(&self, address: SocketAddr, request: &str) -> std::io::Result<Reply> {
        let mut tls = self.open(address)?;
        tls.write_all(request.as_bytes())?;
        let mut text = Vec::new();
        tls.read_to_end(&mut text)?;
        let connection = tls.conn;
        Ok(Reply {
            text: String::from_utf8(text).unwrap(),
            cipher_suite: connection.negotiated_cipher_suite().unwrap().suite(),
            certificate: connection.peer_certificates().unwrap()[0].to_vec(),
            protocol: connection
                .alpn_protocol()
                .map(|protocol| String::from_utf8(protocol.to_vec()).unwrap()),
        })
    }

    /// The answer to a GET with these headers, without what differs from one to the next.
    pub(crate) fn get(
        &self,
        address: SocketAddr,
        path: &str,
        headers: &str,
    ) -> Result<Reply, String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        let mut reply = self.call(address, &request)?;
        let lines = reply.text.lines().filter(|line| !line.starts_with("date: "));
        reply.text = lines.collect::<Vec<_>>().join("\n");
        Ok(reply)
    }
}

impl Reply {
    /// The status of the answer.
    pub(crate) fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
    }
}

/// The header that names a user and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;

    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {pair}\r\n")
}
